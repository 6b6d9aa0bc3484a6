"""The head of a feed that is well-formed XML: what the parser reports, read for links."""

from websubsub._discovery.feed_links import ATOM, RDF, FeedLinks, local

MAX_DEPTH = 100
MAX_ELEMENTS = 5_000
#: With those of entries, which are passed over.
MAX_ELEMENTS_IN_ALL = 10_000

_CHANNEL_DEPTH = 2
# What the warnings are written in that some software prints before its feed.
_WARNINGS = frozenset(("a", "b", "br", "code", "div", "em", "font", "i", "p", "pre", "small", "span", "strong"))


class HeadEndsError(Exception):
    """Everything that is needed was read."""


class NoFeedError(Exception):
    """It begins with something else, and a feed may follow."""


class BeyondMeasureError(Exception):
    """The feed is larger than any honest one, and how, in a sentence."""


class FeedHead:
    """What the parser reports to: collects the links that are children of the feed or channel.

    At an entry it ends the reading unless a wanted relation is missing: RSS fixes no order.
    """

    def __init__(self, links: FeedLinks) -> None:
        self._links = links
        self._depth = 0
        self._container_depth = 0
        self._entry = ""
        self._elements = 0
        self._met_entry = False

    @property
    def has_begun(self) -> bool:
        """Whether the first element was met."""
        return self._elements > 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the start of an element."""
        self._depth += 1
        self._elements += 1
        if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH:
            self._check_measure()
        if self._depth == 1:
            self._enter_root(tag, attributes)
        elif self._depth == _CHANNEL_DEPTH and not self._container_depth and local(tag) == "channel":
            self._enter_container(tag.removesuffix("channel") + "item", attributes)
        elif self._depth == self._container_depth + 1:
            self._read_child(tag, attributes)

    def end(self, _tag: str) -> None:
        """Take the end of an element."""
        if self._depth == self._container_depth:
            raise HeadEndsError
        self._depth -= 1

    def _enter_root(self, tag: str, attributes: dict[str, str]) -> None:
        self._links.enter(attributes)
        if local(tag) == "feed":  # of Atom, or of what was before it
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
            if self._links.suffice:
                raise HeadEndsError
        elif tag == f"{ATOM}link":
            self._links.add(attributes)
            if self._links.are_full:
                raise HeadEndsError

    def _check_measure(self) -> None:
        if self._depth > MAX_DEPTH and not self._met_entry:
            raise BeyondMeasureError(f"The feed nests more than {MAX_DEPTH} elements.")
        if self._elements > MAX_ELEMENTS and not self._met_entry:
            raise BeyondMeasureError(f"The feed has more than {MAX_ELEMENTS} elements before its first entry.")
        if self._elements > MAX_ELEMENTS_IN_ALL:
            raise BeyondMeasureError(f"The feed has more than {MAX_ELEMENTS_IN_ALL} elements.")
