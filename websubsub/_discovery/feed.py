"""The links of an Atom or RSS feed, found while the feed arrives.

Only links of the feed itself count, never those of its entries. The XML parser reads a feed as long as it is
well-formed, and ``feed_tags`` reads one that is not.
"""

import codecs

from _websub.grammar.charsets import UTF_8, xml_charset
from _websub.grammar.links import Link
from _websub.grammar.xml import ForbiddenXmlError, ParseError, XmlLimitError, XmlParser, without_blank
from websubsub._discovery.feed_head import FeedHead, FeedTooLargeError, HeadEndsError, NoFeedError
from websubsub._discovery.feed_links import FeedLinks
from websubsub._discovery.feed_tags import FeedTagScanner

MAX_FEED_BYTES = 256 * 1024
HUB_AND_SELF = frozenset({"hub", "self"})

_BEGINNING_BYTES = 1024
# expat parses an incomplete token again with each piece, so pieces are not too small.
_PIECE_BYTES = 4096


class FeedReader:
    """Reads a feed up to its first entry, or further while a relation is missing, but 256 KiB at most.

    Attributes:
        failure: Why the feed cannot be read as XML, in one sentence. Its links are looked for anyway.

    Args:
        url: The URL of the feed.
        charset: The charset in its Content-Type.
        wanted: The relations to look for.
    """

    def __init__(self, *, url: str, charset: str | None = None, wanted: frozenset[str] = HUB_AND_SELF) -> None:
        self.failure: str | None = None
        self._url = url
        self._charset = charset
        self._wanted = wanted
        self._begun = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._links = FeedLinks(url, wanted)
        self._parser = XmlParser(FeedHead(self._links), encoding="utf-8")
        self._parsed = bytearray()
        self._rescue: _Rescue | None = None
        self._waiting = bytearray()
        self._left = MAX_FEED_BYTES
        self._complete = False

    def feed(self, chunk: bytes) -> bool:
        """Read the next bytes of the feed. Return whether no more are needed."""
        chunk = chunk[: self._left]
        self._left -= len(chunk)
        self._waiting += chunk
        while len(self._waiting) >= _PIECE_BYTES and not self._complete:
            self._advance(_PIECE_BYTES)
        return self._complete or self._left == 0

    @property
    def was_cut(self) -> bool:
        """Whether the feed is longer than the part that is read."""
        is_exhausted = self._rescue is not None and self._rescue.scanner.is_exhausted
        return is_exhausted or (self._left == 0 and not self._complete)

    def finish(self) -> tuple[Link, ...]:
        """Return the links of the feed in order, with absolute targets (W3C WebSub, 4 and RFC 4287, 4.2.7)."""
        if not self._complete:
            self._advance(len(self._waiting), final=True)
        if self._rescue is None:
            return tuple(self._links.found)
        return tuple(dict.fromkeys([*self._links.found, *self._rescue.links.found]))

    def _advance(self, size: int, *, final: bool = False) -> None:
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        if not self._begun:
            self._begin(piece)
        content = piece if self._decoder is None else self._decoder.decode(piece, final=final).encode()
        if self._rescue is None:
            content = content if self._parsed else without_blank(content)
            self._parsed += content
            self._parse(content, final=final and self._left > 0)
            content = b""
        if self._rescue is not None:
            self._rescue.feed(content, final=final)
            self._complete |= self._rescue.scanner.complete

    def _begin(self, beginning: bytes) -> None:
        self._begun = True
        charset = xml_charset(beginning[:_BEGINNING_BYTES], self._charset)
        if charset is None:
            self.failure = "The feed is in an encoding that cannot be read."
        elif charset.name != UTF_8.name:  # the parser itself reads UTF-8, and finds the errors in it
            self._decoder = charset.decoder("replace")

    def _parse(self, content: bytes, *, final: bool) -> None:
        try:
            self._parser.feed(content)
            if final:
                self._parser.close()
        except HeadEndsError:
            self._complete = True
        except FeedTooLargeError as error:
            self.failure, self._complete = str(error), True
        except NoFeedError:
            self._fail(None)
        except XmlLimitError:
            self._fail("The feed exceeds the limits on XML.")
        except ForbiddenXmlError:
            self._fail("The feed declares entities, which are refused.")
        except ParseError as error:
            self._fail(f"The feed is not well-formed XML: {error}.")

    def _fail(self, failure: str | None) -> None:
        """Start again without the parser, but keep what it has found."""
        self.failure = self.failure or failure
        self._rescue = _Rescue(self._url, self._wanted)
        self._rescue.feed(bytes(self._parsed))


class _Rescue:
    """Reads a feed that the parser cannot read."""

    def __init__(self, url: str, wanted: frozenset[str]) -> None:
        self.links = FeedLinks(url, wanted)
        self.scanner = FeedTagScanner(self.links)
        self._decoder = UTF_8.decoder("replace")

    def feed(self, content: bytes, *, final: bool = False) -> None:
        self.scanner.feed(self._decoder.decode(content, final=final), final=final)
