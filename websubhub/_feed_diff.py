"""Feed diffs: a feed without the entries that were delivered before, otherwise unchanged (W3C 7)."""

import hashlib
import re
from collections.abc import Collection, Generator, Sequence

import attrs

from _websub.grammar.charsets import xml_charset
from _websub.grammar.media import MediaType
from _websub.grammar.xml import ForbiddenXmlError, ParseError, XmlParser

_ATOM = "{http://www.w3.org/2005/Atom}"
_RSS_1 = "{http://purl.org/rss/1.0/}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
# The paths of the entries in each kind of feed, from the root down.
_ENTRY_PATHS = frozenset(
    {
        (f"{_ATOM}feed", f"{_ATOM}entry"),
        ("rss", "channel", "item"),
        (f"{_RDF}RDF", f"{_RSS_1}item"),
    }
)
_DEEPEST = 3
_NAME = re.compile(rb"[^\s/>]+")
_BEGINNING_BYTES = 1024
_STEP_BYTES = 8_192


@attrs.frozen
class FeedEntry:
    """An entry of a feed.

    Attributes:
        start: The position where its start tag begins, in bytes.
        end: The position where its end tag ends, in bytes.
        digest: The digest of its bytes, which identifies it.
    """

    start: int
    end: int
    digest: str


class _EntryFinder:
    """A parser target that collects the positions of entries."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._path: list[str] = []
        self._depth = 0
        self._start = 0
        self.entries: list[FeedEntry] = []
        self.parser: XmlParser | None = None

    @property
    def _here(self) -> int:
        return self.parser.position if self.parser is not None else 0

    def start(self, tag: str, _: object) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            return
        self._path.append(tag)
        if tuple(self._path) in _ENTRY_PATHS:
            self._start = self._here

    def end(self, _: str) -> None:
        if self._depth <= _DEEPEST:
            here = self._here
            # An entry that is a single empty tag has no content, so it stays.
            if tuple(self._path) in _ENTRY_PATHS and self._is_end_tag(here):
                end = self._body.index(b">", here) + 1
                digest = hashlib.sha256(self._body[self._start : end]).hexdigest()[:32]
                self.entries.append(FeedEntry(self._start, end, digest))
            self._path.pop()
        self._depth -= 1

    def _is_end_tag(self, position: int) -> bool:
        """Return whether the entry's end tag starts here. After an empty tag, the parser is already past it."""
        names = (_NAME.match(self._body, self._start + 1), _NAME.match(self._body, position + 2))
        return self._body.startswith(b"</", position) and len({name and name[0] for name in names}) == 1


def feed_entries(body: bytes, content_type: str) -> tuple[FeedEntry, ...] | None:
    """Return the entries of an Atom or RSS feed, in order, or None if the content is not a feed that can be split.

    Args:
        body: The feed. Parsing a large one takes seconds; use ``feed_entries_in_steps`` on an event loop.
        content_type: Its Content-Type.
    """
    steps = feed_entries_in_steps(body, content_type)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: tuple[FeedEntry, ...] | None = end.value
            return found


def feed_entries_in_steps(body: bytes, content_type: str) -> Generator[None, None, tuple[FeedEntry, ...] | None]:
    """Return the entries as ``feed_entries`` does, in steps of a few milliseconds, so that other tasks can run.

    A thread would still hold up the event loop, since Python runs one thread at a time.

    Args:
        body: The feed.
        content_type: Its Content-Type.
    """
    media = MediaType.parse(content_type)
    charset = xml_charset(body[:_BEGINNING_BYTES], media.charset)
    if not media.is_xml or charset is None or charset.is_wide:
        return None
    finder = _EntryFinder(body)
    # The parser decodes the body itself, so its positions are byte positions in the body. It may not know the charset.
    finder.parser = XmlParser(finder, encoding=charset.codec)
    try:
        for start in range(0, len(body), _STEP_BYTES):
            finder.parser.feed(body[start : start + _STEP_BYTES])
            yield
        finder.parser.close()
    except (ParseError, ForbiddenXmlError, ValueError, LookupError):
        return None
    return tuple(finder.entries)


def without_entries(body: bytes, entries: Sequence[FeedEntry], known: Collection[str]) -> bytes:
    """Return the feed without the known entries, otherwise unchanged byte for byte.

    Args:
        body: The feed.
        entries: Its entries, from ``feed_entries``.
        known: The digests of the entries to leave out.
    """
    pieces = []
    position = 0
    for entry in entries:
        if entry.digest in known:
            pieces.append(body[position : entry.start])
            position = entry.end
    pieces.append(body[position:])
    return b"".join(pieces)
