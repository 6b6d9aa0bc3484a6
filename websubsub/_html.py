"""The links of an HTML page, found while the page arrives: the one door to html5lib.

By default only the head is read, since a ``<link>`` in the body may be a visitor's (W3C WebSub, 8.1).
"""

import codecs

import html5lib

from _websub.links import Link, resolve
from websubsub._html_tags import Tag, TagScanner

MAX_HTML_BYTES = 512 * 1024
_SNIFFED_BYTES = 1024
# html5lib needs up to 4 microseconds a character for hostile tags.
_MAX_KEPT_CHARACTERS = 8 * 1024


class HtmlReader:
    """Reads a page as far as it must, 512 KiB at most, and gives its hub and self links.

    Args:
        url: Where the page was found.
        charset: The charset that its Content-Type names.
        body: Whether links of the body count as well.
        xhtml: Whether the page is XML, where ``<script/>`` is an empty element.
    """

    def __init__(self, *, url: str, charset: str | None = None, body: bool = False, xhtml: bool = False) -> None:
        self._url = url
        self._charset = charset
        self._scanner = TagScanner(body=body, xhtml=xhtml)
        self._decoder: codecs.IncrementalDecoder | None = None
        self._beginning = bytearray()
        self._room = MAX_HTML_BYTES
        self._kept: list[str] = []
        self._kept_room = _MAX_KEPT_CHARACTERS

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes of the page; true once no more are needed."""
        chunk = chunk[: self._room]
        self._room -= len(chunk)
        if self._decoder is not None:
            self._scan(self._decoder.decode(chunk))
        else:
            self._beginning += chunk
            if len(self._beginning) >= _SNIFFED_BYTES:
                self._begin()
        return self._scanner.complete or self._room == 0

    def finish(self) -> tuple[Link, ...]:
        """Give the links that name a hub or the page itself, in order, with absolute targets (W3C WebSub, 4)."""
        decoder = self._decoder or self._begin()
        self._scan(decoder.decode(b"", final=True), final=True)
        return _links("".join(self._kept), self._url)

    def _begin(self) -> codecs.IncrementalDecoder:
        beginning = bytes(self._beginning)
        self._decoder = _decoder(beginning[:_SNIFFED_BYTES], self._charset)
        self._scan(self._decoder.decode(beginning).removeprefix("\ufeff"))
        return self._decoder

    def _scan(self, text: str, *, final: bool = False) -> None:
        for tag in self._scanner.feed(text, final=final):
            if _is_wanted(tag) and len(tag.source) <= self._kept_room:
                self._kept_room -= len(tag.source)
                self._kept.append(tag.source.replace("\0", "\ufffd"))


def _is_wanted(tag: Tag) -> bool:
    """Whether html5lib shall read the tag: a base, or a link whose relations may be the two we look for."""
    if tag.name == "base":
        return True
    relations = tag.relations.lower()
    return "hub" in relations or "self" in relations or "&" in relations


def _decoder(beginning: bytes, charset: str | None) -> codecs.IncrementalDecoder:
    """Choose the decoder by byte order mark, Content-Type or ``<meta>``, as browsers do (HTML, 13.2.3)."""
    parser = html5lib.HTMLParser()
    parser.parse(beginning.partition(b"</head")[0], transport_encoding=charset, useChardet=False)
    try:
        return codecs.getincrementaldecoder(parser.documentEncoding or "utf-8")("replace")
    except LookupError:  # five rare encodings of the web that Python does not have; their URLs are ASCII
        return codecs.getincrementaldecoder("windows-1252")("replace")


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
    """Take the white space out of a URL that HTML allows around it and between its lines (URL Standard, 4.4)."""
    return attribute.strip(" \t\n\r\f").translate({ord(character): None for character in "\t\n\r"})
