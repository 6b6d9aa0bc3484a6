"""The links of a feed about itself, collected as its elements are read."""

from _websub.grammar.links import Link, resolve
from _websub.grammar.urls import URL_LIMIT

MAX_LINKS = 100

ATOM = "{http://www.w3.org/2005/Atom}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_REGISTERED_RELATIONS = "http://www.iana.org/assignments/relation/"


class FeedLinks:
    """Collects links as absolute URLs, in order.

    Attributes:
        found: The links, up to 100 with a wanted relation and up to 100 others.

    Args:
        url: The URL of the feed.
        wanted: The relations to look for.
    """

    def __init__(self, url: str, wanted: frozenset[str]) -> None:
        self.found: list[Link] = []
        self._base = url
        self._wanted = wanted
        self._missing = set(wanted)
        self._left = {True: MAX_LINKS, False: MAX_LINKS}

    @property
    def are_complete(self) -> bool:
        """Whether every wanted relation was found."""
        return not self._missing

    @property
    def are_full(self) -> bool:
        """Whether there are more links with a wanted relation than an honest feed has."""
        return self._left[True] == 0

    def enter(self, attributes: dict[str, str]) -> None:
        """Enter the feed or its channel, whose ``xml:base`` applies to everything in it."""
        self._base = _base(self._base, attributes)

    def add(self, attributes: dict[str, str]) -> None:
        """Add an Atom link (RFC 4287, 4.2.7)."""
        reference = attributes.get("href")
        relations = frozenset(attributes.get("rel", "alternate").lower().replace(_REGISTERED_RELATIONS, "").split())
        is_wanted = bool(relations & self._wanted)
        # A longer URL cannot be a hub or a topic, but one that claims to be is kept for the error message.
        if reference is None or (len(reference) > URL_LIMIT and not is_wanted):
            return
        target = resolve(_base(self._base, attributes), reference.strip())
        if target is not None and self._left[is_wanted]:
            self._left[is_wanted] -= 1
            self._missing -= relations
            self.found.append(Link(target=target, relations=relations))


def local(tag: str) -> str:
    """Return the name of an element without its namespace."""
    return tag.rpartition("}")[2]


def _base(base: str, attributes: dict[str, str]) -> str:
    if _XML_BASE not in attributes:
        return base
    reference = attributes[_XML_BASE].strip()
    resolved = resolve(base, reference) if reference and len(reference) <= URL_LIMIT else None
    return resolved if resolved is not None and len(resolved) <= URL_LIMIT else base
