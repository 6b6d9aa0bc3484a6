"""A parser target that finds the links in the head of a feed that is well-formed XML."""

from websubsub._discovery.feed_links import ATOM, RDF, FeedLinks, local

MAX_DEPTH = 100
MAX_ELEMENTS = 5_000
#: Including those of entries, which are skipped.
MAX_ELEMENTS_IN_ALL = 10_000

_CHANNEL_DEPTH = 2
# The elements of warnings that some software prints before its feed.
_WARNINGS = frozenset(("a", "b", "br", "code", "div", "em", "font", "i", "p", "pre", "small", "span", "strong"))


class HeadEndsError(Exception):
    """Everything needed has been read."""


class NoFeedError(Exception):
    """The document begins with something else. A feed may follow."""


class FeedTooLargeError(Exception):
    """The feed is larger than any honest one. The message says in which way."""


class FeedHead:
    """A parser target that collects the links that are children of the feed or channel.

    It stops at the first entry unless a wanted relation is missing, since RSS has no fixed order.
    """

    def __init__(self, links: FeedLinks) -> None:
        self._links = links
        self._depth = 0
        self._container_depth = 0
        self._entry = ""
        self._elements = 0
        self._met_entry = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element."""
        self._depth += 1
        self._elements += 1
        if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH:
            self._check_size()
        if self._depth == 1:
            self._enter_root(tag, attributes)
        elif self._depth == _CHANNEL_DEPTH and not self._container_depth and local(tag) == "channel":
            self._enter_container(tag.removesuffix("channel") + "item", attributes)
        elif self._depth == self._container_depth + 1:
            self._read_child(tag, attributes)

    def end(self, _tag: str) -> None:
        """Handle the end of an element."""
        if self._depth == self._container_depth:
            raise HeadEndsError
        self._depth -= 1

    def _enter_root(self, tag: str, attributes: dict[str, str]) -> None:
        self._links.enter(attributes)
        if local(tag) == "feed":  # of Atom, or of its predecessors
            self._enter_container(tag.removesuffix("feed") + "entry", {})
        elif local(tag).lower() in _WARNINGS:
            raise NoFeedError
        elif local(tag) != "rss" and tag != f"{RDF}RDF":
            raise HeadEndsError

    def _enter_container(self, entry: str, attributes: dict[str, str]) -> None:
        self._container_depth = self._depth
        self._entry = entry
        self._links.enter(attributes)

    def _read_child(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == self._entry:
            self._met_entry = True
            if self._links.are_complete:
                raise HeadEndsError
        elif tag == f"{ATOM}link":
            self._links.add(attributes)
            if self._links.are_full:
                raise HeadEndsError

    def _check_size(self) -> None:
        if self._depth > MAX_DEPTH and not self._met_entry:
            raise FeedTooLargeError(f"The feed nests more than {MAX_DEPTH} elements.")
        if self._elements > MAX_ELEMENTS and not self._met_entry:
            raise FeedTooLargeError(f"The feed has more than {MAX_ELEMENTS} elements before its first entry.")
        if self._elements > MAX_ELEMENTS_IN_ALL:
            raise FeedTooLargeError(f"The feed has more than {MAX_ELEMENTS_IN_ALL} elements.")
