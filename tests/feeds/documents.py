"""Saved documents: files of a folder, each with the headers it came with."""

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

URL = "https://pub.example/blog/feed"
_TYPES = {".xml": "application/xml", ".html": "text/html", ".htm": "text/html", ".xhtml": "application/xhtml+xml"}
# The tests of feedparser name headers in their first comment.
_NAMED_HEADER = re.compile(rb"^Header:\s*([A-Za-z-]+):[ \t]*([^\r\n]*?)\s*$", re.MULTILINE)
_TAG = re.compile(rb"<[A-Za-z!/?]")
_MOST_VARIANTS = 60
_LINKS = {
    True: b'<i:link xmlns:i="http://www.w3.org/2005/Atom" rel="%b" href="/%d"/>',
    False: b'<link rel="%b" href="/%d"/>',
}


@frozen
class Document:
    """A document as it was saved.

    Attributes:
        name: Where it was saved.
        content: Its bytes, as they came.
        headers: The headers that it came with.
    """

    name: str
    content: bytes
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """The value of a header, empty without it."""
        return next((value for each, value in self.headers if each.lower() == name), "")


def documents(folder: Path) -> Iterator[Document]:
    """The documents below a folder.

    The headers of ``a.xml`` are the lines of ``a.xml.headers``, as ``curl --dump-header`` writes them; without that
    file its name says what it is. A file ``.dat`` has many documents, in the format of the tests of html5lib.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".headers"):
        name = str(path.relative_to(folder))
        if path.suffix == ".dat":
            parts = path.read_bytes().split(b"#data\n")[1:]
            pages = [part.partition(b"\n#errors")[0] for part in parts if b"#document-fragment" not in part]
            for number, page in enumerate(pages, 1):
                yield Document(f"{name}:{number}", page, (("Content-Type", "text/html; charset=utf-8"),))
        elif path.suffix in _TYPES:
            yield Document(name, path.read_bytes(), _headers(path))


def with_links(document: Document) -> Iterator[Document]:
    """The document with a link more, at each of its first tags in turn: there it counts or it does not."""
    is_feed = b"<html" not in document.content and "xml" in document.header("content-type")
    places = [match.start() for match in _TAG.finditer(document.content)]
    for place in places[:_MOST_VARIANTS]:
        link = _LINKS[is_feed] % (b"hub self", place)
        content = document.content[:place] + link + document.content[place:]
        yield Document(f"{document.name}@{place}", content, document.headers)


def _headers(path: Path) -> tuple[tuple[str, str], ...]:
    saved = path.with_name(f"{path.name}.headers")
    if saved.exists():
        lines = [line.partition(":") for line in saved.read_text().splitlines() if ":" in line]
        return tuple((name.strip(), value.strip()) for name, _, value in lines)
    named = [(name.decode(), value.decode()) for name, value in _NAMED_HEADER.findall(path.read_bytes()[:4096])]
    return tuple(named) or (("Content-Type", _TYPES[path.suffix]),)
