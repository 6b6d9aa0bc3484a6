"""The links of an Atom or RSS feed, found while the feed arrives.

Only links of the feed itself count, never those of its entries, and they stand before the first entry.
"""

import codecs
from typing import Any

from _websub.links import Link, resolve
from _websub.xml import ForbiddenXmlError, ParseError, xml_parser

MAX_FEED_BYTES = 256 * 1024
MAX_BYTES_BEFORE_ROOT = 32 * 1024
MAX_LINKS = 100
MAX_DEPTH = 100
MAX_ELEMENTS = 5_000
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_CHARACTERS = 128 * 1024

_ATOM = "{http://www.w3.org/2005/Atom}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_REGISTERED_RELATIONS = "http://www.iana.org/assignments/relation/"
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")
_CHANNEL_DEPTH = 2
# expat starts over in a token that is not complete, so it gets pieces of some size.
_PIECE_BYTES = 4096


class FeedError(ValueError):
    """A feed that cannot be read, and why, in one sentence."""


class FeedReader:
    """Reads a feed up to its first entry, 256 KiB at most, and gives its links.

    Args:
        url: Where the feed was found.
        charset: The charset that its Content-Type names.
    """

    def __init__(self, *, url: str, charset: str | None = None) -> None:
        self._charset = charset
        self._head = _FeedHead(url)
        self._parser: Any = None
        self._waiting = bytearray()
        self._parsed = 0
        self._room = MAX_FEED_BYTES

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes of the feed; true once no more are needed.

        Raises:
            FeedError: It is no well-formed XML, declares entities, or is beyond all measure.
        """
        chunk = chunk[: self._room]
        self._room -= len(chunk)
        self._waiting += chunk
        while len(self._waiting) >= _PIECE_BYTES and not self._head.complete:
            self._parse(_PIECE_BYTES)
        return self._head.complete or self._room == 0

    def finish(self) -> tuple[Link, ...]:
        """Give the links of the feed in order, with absolute targets (W3C WebSub, 4 and RFC 4287, 4.2.7).

        Raises:
            FeedError: As in ``feed``, or the XML ends in its middle.
        """
        if not self._head.complete:
            self._parse(len(self._waiting), final=self._room > 0)
        return tuple(self._head.links)

    def _parse(self, size: int, *, final: bool = False) -> None:
        piece, self._waiting = bytes(self._waiting[:size]), self._waiting[size:]
        try:
            self._advance(piece, final=final)
        except _HeadEndsError:
            self._head.complete = True
        except FeedError:
            raise
        except ForbiddenXmlError:
            raise FeedError("The feed declares entities, which are refused.") from None
        except ParseError as error:
            raise FeedError(f"The feed is not well-formed XML: {error}.") from None
        except (ValueError, LookupError):
            raise FeedError("The feed is in an encoding that cannot be read.") from None

    def _advance(self, piece: bytes, *, final: bool) -> None:
        if self._parser is None:
            self._parser = xml_parser(self._head, encoding=_encoding(piece, self._charset))
        self._parser.feed(piece)
        if final:
            self._parser.close()
        self._parsed += len(piece)
        if self._parsed > MAX_BYTES_BEFORE_ROOT and not self._head.has_begun:
            raise FeedError("The feed does not begin within its first 32 KiB.")


class _HeadEndsError(Exception):
    """Everything that comes before the first entry was read."""


class _FeedHead:
    """What the parser reports to: keeps the links that are children of the feed or channel."""

    def __init__(self, url: str) -> None:
        self.links: list[Link] = []
        self.complete = False
        self._base = url
        self._depth = 0
        self._container_depth = 0
        self._entry = ""
        self._elements = 0
        self._attribute_characters = 0

    @property
    def has_begun(self) -> bool:
        return self._elements > 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._check_measure(attributes)
        if self._depth == 1:
            self._enter_root(tag, attributes)
        elif self._depth == _CHANNEL_DEPTH and not self._container_depth and _local(tag) == "channel":
            self._enter_container(tag.removesuffix("channel") + "item", attributes)
        elif self._depth == self._container_depth + 1:
            self._read_child(tag, attributes)

    def end(self, _tag: str) -> None:
        if self._depth == self._container_depth:
            raise _HeadEndsError
        self._depth -= 1

    def data(self, text: str) -> None:
        """Ignore text; if this method were missing, the parser would report each line of it by itself."""

    def close(self) -> None:
        """Do nothing: the parser wants to say that it is through."""

    def _enter_root(self, tag: str, attributes: dict[str, str]) -> None:
        self._base = _base(self._base, attributes)
        if tag == f"{_ATOM}feed":
            self._enter_container(f"{_ATOM}entry", {})
        elif _local(tag) != "rss" and tag != f"{_RDF}RDF":
            raise _HeadEndsError

    def _enter_container(self, entry: str, attributes: dict[str, str]) -> None:
        self._container_depth = self._depth
        self._entry = entry
        self._base = _base(self._base, attributes)

    def _read_child(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == self._entry:
            raise _HeadEndsError
        if tag == f"{_ATOM}link" and "href" in attributes:
            target = resolve(_base(self._base, attributes), attributes["href"].strip())
            relations = attributes.get("rel", "alternate").lower().split()
            names = frozenset(relation.removeprefix(_REGISTERED_RELATIONS) for relation in relations)
            if target is not None:
                self.links.append(Link(target=target, relations=names))
        if len(self.links) == MAX_LINKS:
            raise _HeadEndsError

    def _check_measure(self, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._attribute_characters += sum(map(len, attributes)) + sum(map(len, attributes.values()))
        if self._depth > MAX_DEPTH:
            raise FeedError(f"The feed nests more than {MAX_DEPTH} elements.")
        if self._elements > MAX_ELEMENTS:
            raise FeedError(f"The feed has more than {MAX_ELEMENTS} elements before its first entry.")
        if len(attributes) > MAX_ATTRIBUTES or self._attribute_characters > MAX_ATTRIBUTE_CHARACTERS:
            raise FeedError("The feed has more attributes than can be read.")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _base(base: str, attributes: dict[str, str]) -> str:
    return resolve(base, attributes.get(_XML_BASE, "").strip()) or base if _XML_BASE in attributes else base


def _encoding(beginning: bytes, charset: str | None) -> str | None:
    """Choose what overrides the XML declaration: nothing, or a known charset of the Content-Type (RFC 7303, 3)."""
    if charset is None or beginning.startswith(_BYTE_ORDER_MARKS):
        return None
    try:
        return codecs.lookup(charset).name
    except (LookupError, ValueError):
        return None
