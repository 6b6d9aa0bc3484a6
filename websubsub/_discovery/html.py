"""The links of an HTML page, found while the page arrives (the only module that imports html5lib).

By default, only the head is read, since a visitor may have put a ``<link>`` into the body (W3C WebSub, 8.1).
"""

import codecs
import html

import html5lib

from _websub.grammar.charsets import Charset, declared_charset, find_charset, marked_charset
from _websub.grammar.links import Link, resolve
from websubsub._discovery.html_tags import Tag, TagScanner

MAX_HTML_BYTES = 1024 * 1024
_SNIFFED_BYTES = 1024
# html5lib takes up to 4 microseconds per character of hostile tags.
_MAX_KEPT_CHARACTERS = 8 * 1024
_MAX_KEPT = 100
_WANTED = frozenset(("hub", "self"))


class HtmlReader:
    """Reads the hub and self links of a page, as far as necessary, but 1 MiB at most.

    Attributes:
        failure: What is wrong with its links, in one sentence. The usable ones are returned anyway.

    Args:
        url: The URL of the page.
        charset: The charset in its Content-Type.
        body: Whether links in the body count too.
        xhtml: Whether the page is XML, in which ``<script/>`` is an empty element.
    """

    def __init__(self, *, url: str, charset: str | None = None, body: bool = False, xhtml: bool = False) -> None:
        self.failure: str | None = None
        self._url = url
        self._charset = charset
        self._xhtml = xhtml
        self._scanner = TagScanner(body=body, xhtml=xhtml)
        self._decoder: codecs.IncrementalDecoder | None = None
        self._beginning = bytearray()
        self._left = MAX_HTML_BYTES
        self._kept: list[str] = []
        self._kept_left = _MAX_KEPT_CHARACTERS
        self._has_base = False

    def feed(self, chunk: bytes) -> bool:
        """Read the next bytes of the page. Return whether no more are needed."""
        chunk = chunk[: self._left]
        self._left -= len(chunk)
        if self._decoder is not None:
            self._scan(self._decoder.decode(chunk))
        else:
            self._beginning += chunk
            if len(self._beginning) >= _SNIFFED_BYTES:
                self._begin()
        return self._scanner.complete or self._left == 0

    @property
    def was_cut(self) -> bool:
        """Whether the page is longer than the part that is read."""
        return self._scanner.is_exhausted or (self._left == 0 and not self._scanner.complete)

    def finish(self) -> tuple[Link, ...]:
        """Return the hub and self links in order, with absolute targets (W3C WebSub, 4)."""
        decoder = self._decoder or self._begin()
        self._scan(decoder.decode(b"", final=True), final=True)
        return _links("".join(self._kept), self._url)

    def _begin(self) -> codecs.IncrementalDecoder:
        beginning = bytes(self._beginning)
        charset = _charset_of(beginning[:_SNIFFED_BYTES], self._charset, xhtml=self._xhtml)
        self._decoder = charset.decoder("replace")
        self._scan(self._decoder.decode(beginning).removeprefix("\ufeff"))
        return self._decoder

    def _scan(self, text: str, *, final: bool = False) -> None:
        for tag in self._scanner.feed(text, final=final):
            if not self._is_wanted(tag):
                continue
            if len(self._kept) == _MAX_KEPT or len(tag.source) > self._kept_left:
                self.failure = "The page has too many hub and self links, or too long ones."
                continue
            self._kept_left -= len(tag.source)
            self._kept.append(tag.source.replace("\0", "\ufffd"))
            self._has_base |= tag.name == "base"

    def _is_wanted(self, tag: Tag) -> bool:
        """Return whether html5lib should read the tag: the first base, or a link with a wanted relation."""
        if tag.name == "base":
            return not self._has_base
        relations = html.unescape(tag.relations) if "&" in tag.relations else tag.relations
        return not _WANTED.isdisjoint(relations.lower().split())


def _charset_of(beginning: bytes, label: str | None, *, xhtml: bool) -> Charset:
    """Return the charset by byte order mark, Content-Type or declaration, as browsers do (HTML, 13.2.3)."""
    said = marked_charset(beginning) or find_charset(label) or declared_charset(beginning)
    if said is None:
        parser = html5lib.HTMLParser()
        default = "utf-8" if xhtml else "windows-1252"
        parser.parse(beginning.partition(b"</head")[0], default_encoding=default, useChardet=False)
        said = find_charset(parser.documentEncoding)
    return said or Charset("windows-1252")


def _links(tags: str, url: str) -> tuple[Link, ...]:
    document = html5lib.parse(tags, namespaceHTMLElements=False)
    base = url
    for element in document.iter("base"):
        if "href" in element.attrib:
            base = _base(url, _url(element.attrib["href"]))
            break
    links = []
    for element in document.iter("link"):
        relations = frozenset(element.get("rel", "").lower().split())
        reference = _url(element.get("href", ""))
        target = resolve(base, reference) if reference else None
        if target is not None:
            links.append(Link(target=target, relations=relations))
    return tuple(links)


def _base(url: str, reference: str) -> str:
    base = resolve(url, reference)
    return base if base is not None and base.lower().startswith(("http://", "https://")) else url


def _url(attribute: str) -> str:
    """Return a URL without the white space that HTML allows around and in it (URL Standard, 4.4)."""
    return attribute.strip(" \t\n\r\f").translate({ord(character): None for character in "\t\n\r"})
