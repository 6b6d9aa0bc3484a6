"""A reader of links in the body of a resource, which picks a parser by the first bytes and the Content-Type."""

from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import frozen

from _websub.grammar.links import Link
from _websub.grammar.media import ContentError, MediaType
from websubsub._discovery.feed import HUB_AND_SELF, FeedReader
from websubsub._discovery.html import HtmlReader
from websubsub._discovery.json_feed import JsonFeedReader
from websubsub._discovery.sniffing import SNIFFED_BYTES, BodyKind, DiscoverySource, may_have_links, sniff

# Enough to recognise nearly every body.
_FIRST_LOOK_BYTES = 512
_GZIP = b"\x1f\x8b\x08"


class LinkReader(Protocol):
    """Reads the links of one kind of body, no further than necessary."""

    @property
    def failure(self) -> str | None:
        """The error in the body, in one sentence, or None. Its links are returned anyway."""

    @property
    def was_cut(self) -> bool:
        """Whether the body has more than is read."""

    def feed(self, chunk: bytes) -> bool:
        """Read the next bytes. Return whether no more are needed.

        Raises:
            ContentError: The body cannot be read.
        """

    def finish(self) -> tuple[Link, ...]:
        """Return the links in order, with absolute targets.

        Raises:
            ContentError: The body cannot be read.
        """


@frozen(kw_only=True)
class Resource:
    """The description of a resource for its reader.

    Attributes:
        url: Its URL.
        charset: The charset in its Content-Type.
        is_xhtml: Whether it is an HTML page in XML syntax.
        body: Whether links in the body of HTML pages count too.
        wanted: The relations to look for.
    """

    url: str
    charset: str | None
    is_xhtml: bool
    body: bool
    wanted: frozenset[str]


#: The reader of each kind of body.
READERS: Mapping[DiscoverySource, Callable[[Resource], LinkReader]] = {
    DiscoverySource.HTML: lambda page: HtmlReader(
        url=page.url, charset=page.charset, body=page.body, xhtml=page.is_xhtml
    ),
    DiscoverySource.XML: lambda feed: FeedReader(url=feed.url, charset=feed.charset, wanted=feed.wanted),
    DiscoverySource.JSON: lambda feed: JsonFeedReader(url=feed.url),
}


class BodyReader:
    """Reads HTML, feeds and optionally JSON Feeds. Anything else has no links.

    Attributes:
        done: Whether it needs no more of the body.
        source: The kind of the body, once it is known.
        failure: What is wrong with the body, in one sentence. Its links are returned anyway.

    Args:
        url: The URL of the resource.
        content_type: Its Content-Type.
        body: Whether links in the body of HTML pages count.
        json_feed: Whether to read JSON Feeds.
        wanted: The relations to look for.
    """

    def __init__(
        self,
        *,
        url: str,
        content_type: str | None,
        body: bool = False,
        json_feed: bool = False,
        wanted: frozenset[str] = HUB_AND_SELF,
    ) -> None:
        self.source: DiscoverySource | None = None
        self.failure: str | None = None
        self._url = url
        self._media = MediaType.parse(content_type)
        self._body = body
        self._unasked = set() if json_feed else {DiscoverySource.JSON}
        self._wanted = wanted
        self._waiting: list[bytes] = []
        self._length = 0
        self._enough = _FIRST_LOOK_BYTES
        self._reader: LinkReader | None = None
        self.done = not may_have_links(self._media)

    def feed(self, chunk: bytes) -> None:
        """Read the next bytes of the body."""
        if self.done:
            return
        if self._reader is not None:
            self._read(chunk)
            return
        self._waiting.append(chunk)
        self._length += len(chunk)
        if self._length >= self._enough:
            self._sniff(final=self._length >= SNIFFED_BYTES)
            self._enough = 2 * self._length

    @property
    def was_cut(self) -> bool:
        """Whether the body is longer than the part that is read."""
        return self._reader is not None and self._reader.was_cut

    def finish(self) -> tuple[Link, ...]:
        """Return the links of the body in order, with absolute targets."""
        if self._reader is None and not self.done and self._length:
            self._sniff(final=True)
        if self._reader is None or self.failure is not None:
            return ()
        try:
            links = self._reader.finish()
        except ContentError as error:
            self.failure = str(error)
            return ()
        self.failure = self._reader.failure
        return links

    def _sniff(self, *, final: bool) -> None:
        beginning = b"".join(self._waiting)
        if beginning.startswith(_GZIP):
            self.failure, self.done = "The resource is compressed with gzip, but no Content-Encoding says so.", True
            return
        kind = sniff(beginning[:_FIRST_LOOK_BYTES], self._media, final=False)
        if kind is None:
            kind = sniff(beginning[:SNIFFED_BYTES], self._media, final=final)
        if kind is not None:
            self._open(kind)
            self._waiting.clear()
            self._read(beginning)
        else:
            self._waiting = [beginning]

    def _open(self, kind: BodyKind) -> None:
        self.source = source = kind.source
        read = None if source is None or source in self._unasked else READERS.get(source)
        if read is not None:
            self._reader = read(
                Resource(
                    url=self._url,
                    charset=self._media.charset,
                    is_xhtml=kind.is_xhtml,
                    body=self._body,
                    wanted=self._wanted,
                )
            )
        self.done = self._reader is None

    def _read(self, chunk: bytes) -> None:
        if self._reader is None:
            return
        try:
            self.done = self._reader.feed(chunk)
        except ContentError as error:
            self.failure, self.done = str(error), True
