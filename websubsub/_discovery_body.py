"""The body of a resource, read for links by the parser that its Content-Type asks for."""

import re
from enum import StrEnum

from _websub.links import Link
from _websub.media import MediaType
from websubsub._feed import FeedReader
from websubsub._html import HtmlReader
from websubsub._json_feed import JsonFeedReader

_XHTML = "application/xhtml+xml"
_HTML_TYPES = frozenset(("text/html", _XHTML))
_XML_TYPES = frozenset(("application/xml", "text/xml"))
_JSON_TYPES = frozenset(("application/json", "application/feed+json"))

_SNIFFED_BYTES = 512
_FEED_ROOT = re.compile(rb"<(?:[a-z]{1,20}:)?(?:feed|rss|rdf)[\s>]")


class DiscoverySource(StrEnum):
    """Where the hubs were found."""

    HEADER = "header"
    HTML = "html"
    XML = "xml"
    JSON = "json"


class BodyReader:
    """Reads HTML, feeds and, by wish, JSON Feeds; anything else has no links. ``done`` is true once it needs no more.

    Args:
        url: Where the resource was found.
        content_type: Its Content-Type; without one the first bytes say what the body is.
        body: Whether links in the body of HTML pages count.
        json_feed: Whether to read JSON Feeds.
    """

    def __init__(self, *, url: str, content_type: str | None, body: bool = False, json_feed: bool = False) -> None:
        self.done = False
        self.source: DiscoverySource | None = None
        self._url = url
        self._media_type = MediaType.parse(content_type)
        self._body = body
        self._json_feed = json_feed
        self._beginning = bytearray()
        self._reader: HtmlReader | FeedReader | JsonFeedReader | None = None
        if self._media_type.essence:
            self._open(_source_of(self._media_type.essence))

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            FeedError: The feed cannot be read.
            ContentError: The JSON Feed is too long.
        """
        if self.done:
            return
        if self._reader is not None:
            self.done = self._reader.feed(chunk)
            return
        self._beginning += chunk
        if len(self._beginning) >= _SNIFFED_BYTES:
            self._sniff()

    def finish(self) -> tuple[Link, ...]:
        """Give the links of the body in order, with absolute targets.

        Raises:
            FeedError: The feed cannot be read.
            ContentError: The JSON Feed is not JSON.
        """
        if self._reader is None and not self.done:
            self._sniff()
        return () if self._reader is None else self._reader.finish()

    def _sniff(self) -> None:
        beginning = bytes(self._beginning)
        self._open(_source_by(beginning[:_SNIFFED_BYTES]))
        if self._reader is not None:
            self.done = self._reader.feed(beginning)

    def _open(self, source: DiscoverySource | None) -> None:
        charset = self._media_type.charset
        if source is DiscoverySource.HTML:
            is_xhtml = self._media_type.essence == _XHTML
            self._reader = HtmlReader(url=self._url, charset=charset, body=self._body, xhtml=is_xhtml)
        elif source is DiscoverySource.XML:
            self._reader = FeedReader(url=self._url, charset=charset)
        elif source is DiscoverySource.JSON and self._json_feed:
            self._reader = JsonFeedReader(url=self._url)
        self.source = source
        self.done = self._reader is None


def _source_of(essence: str) -> DiscoverySource | None:
    if essence in _HTML_TYPES:
        return DiscoverySource.HTML
    if essence in _XML_TYPES or essence.endswith("+xml"):
        return DiscoverySource.XML
    return DiscoverySource.JSON if essence in _JSON_TYPES else None


def _source_by(beginning: bytes) -> DiscoverySource | None:
    # Without NUL and byte order marks, UTF-16 looks like ASCII.
    text = beginning.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if text.startswith(b"{"):
        return DiscoverySource.JSON
    if not text.startswith(b"<"):
        return None
    is_feed = b"<html" not in text and (text.startswith(b"<?xml") or _FEED_ROOT.search(text))
    return DiscoverySource.XML if is_feed else DiscoverySource.HTML
