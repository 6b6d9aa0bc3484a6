"""The links of an Atom or RSS feed, found while the feed arrives.

Only links of the feed itself count, never those of its entries. The parser of XML reads the feed as long as it is
well-formed, and ``_feed_tags`` one that is not.
"""

import codecs

from attrs import frozen

from _websub.charsets import UTF_8, xml_charset
from _websub.links import Link
from _websub.xml import ForbiddenXmlError, ParseError, XmlLimitError, XmlParser, without_blank
from websubsub._feed_head import BeyondMeasureError, FeedHead, HeadEndsError, NoFeedError
from websubsub._feed_links import FeedLinks
from websubsub._feed_tags import FeedTagScanner

MAX_FEED_BYTES = 256 * 1024
HUB_AND_SELF = frozenset({"hub", "self"})

_BEGINNING_BYTES = 1024
# expat starts over in a token that is not complete, so it gets pieces of some size.
_PIECE_BYTES = 4096


class FeedReader:
    """Reads a feed up to its first entry, and on from there while something is missing, 256 KiB at most.

    Attributes:
        failure: Why the feed cannot be read as XML, in one sentence; its links were looked for nevertheless.

    Args:
        url: Where the feed was found.
        charset: The charset that its Content-Type names.
        wanted: The relations that are looked for.
    """

    def __init__(self, *, url: str, charset: str | None = None, wanted: frozenset[str] = HUB_AND_SELF) -> None:
        self.failure: str | None = None
        self._charset = charset
        self._utf8: _Utf8 | None = None
        self._links = FeedLinks(url, wanted)
        self._parser = XmlParser(FeedHead(self._links), encoding="utf-8")
        self._parsed = bytearray()
        self._rescued = FeedLinks(url, wanted)
        self._scanner: FeedTagScanner | None = None
        self._scanned = UTF_8.decoder("replace")
        self._waiting = bytearray()
        self._room = MAX_FEED_BYTES
        self._complete = False

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes of the feed; true once no more are needed."""
        chunk = chunk[: self._room]
        self._room -= len(chunk)
        self._waiting += chunk
        while len(self._waiting) >= _PIECE_BYTES and not self._complete:
            self._advance(_PIECE_BYTES)
        return self._complete or self._room == 0

    def finish(self) -> tuple[Link, ...]:
        """Give the links of the feed in order, with absolute targets (W3C WebSub, 4 and RFC 4287, 4.2.7)."""
        if not self._complete:
            self._advance(len(self._waiting), final=True)
        known = set(self._links.found)
        return (*self._links.found, *(link for link in self._rescued.found if link not in known))

    def _advance(self, size: int, *, final: bool = False) -> None:
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        if self._utf8 is None:
            self._utf8 = self._begin(piece)
        content = self._utf8.of(piece, final=final)
        if self._scanner is not None:
            self._scan(content, final=final)
            return
        if not self._parsed:
            content = without_blank(content)
        self._parsed += content
        self._parse(content, final=final and self._room > 0)
        if final and self._scanner is not None:
            self._scan(b"", final=True)

    def _begin(self, beginning: bytes) -> "_Utf8":
        charset = xml_charset(beginning[:_BEGINNING_BYTES], self._charset)
        if charset is None:
            self.failure = "The feed is in an encoding that cannot be read."
        return _Utf8(None if charset is None or charset == UTF_8 else charset.decoder("replace"))

    def _parse(self, content: bytes, *, final: bool) -> None:
        try:
            self._parser.feed(content)
            if final:
                self._parser.close()
        except HeadEndsError:
            self._complete = True
        except BeyondMeasureError as error:
            self.failure, self._complete = str(error), True
        except NoFeedError:
            self._rescue("The feed does not begin with its root element.")
        except XmlLimitError:
            self._rescue("The feed is larger than XML may be.")
        except ForbiddenXmlError:
            self._rescue("The feed declares entities, which are refused.")
        except ParseError as error:
            self._rescue(f"The feed is not well-formed XML: {error}.")

    def _rescue(self, failure: str) -> None:
        """Go on without the parser, from the beginning, unless what it has found is enough."""
        self.failure = self.failure or failure
        if self._links.suffice:
            self._complete = True
        else:
            self._scanner = FeedTagScanner(self._rescued)
            self._scan(bytes(self._parsed))

    def _scan(self, content: bytes, *, final: bool = False) -> None:
        if self._scanner is not None:
            self._scanner.feed(self._scanned.decode(content, final=final), final=final)
            self._complete = self._scanner.complete


@frozen
class _Utf8:
    """Makes UTF-8 of the pieces of a document.

    Attributes:
        decoder: Reads its charset; None if that is UTF-8, and the parser shall see what is wrong with it.
    """

    decoder: codecs.IncrementalDecoder | None

    def of(self, piece: bytes, *, final: bool) -> bytes:
        return piece if self.decoder is None else self.decoder.decode(piece, final=final).encode()
