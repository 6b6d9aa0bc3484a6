"""What was found in a document."""

from collections.abc import Iterable

from attrs import field, frozen

from websubsub._discovery.feed_links import MAX_LINKS

SAME = "the same"
DIFFERENT = "different"
Links = tuple[tuple[str, str], ...]


@frozen
class Finding:
    """What a document says about itself.

    Attributes:
        links: The relations and the target of each link, in order; of pages only hubs and ``self``.
        doubt: Why the oracle may be wrong about this document; empty where it is not.
    """

    links: Links
    doubt: str = field(default="", eq=False)

    @classmethod
    def of(cls, links: Iterable[tuple[str, str]], doubt: str = "") -> "Finding":
        """What these links say; without those that name no hub and no topic if discovery would keep part of them."""
        found = tuple(links)
        named = tuple(link for link in found if _named(link[0]))
        return cls(named if len(found) - len(named) >= MAX_LINKS else found, doubt)

    @property
    def named(self) -> set[str]:
        """What is named: hub, self, both or nothing."""
        return set().union(*(_named(relations) for relations, _ in self.links))


def verdict(ours: Finding, theirs: Finding) -> str:
    """How what discovery found and what the oracle expected compare, in words."""
    if ours == theirs:
        return SAME
    return f"read in another way, since {theirs.doubt}" if theirs.doubt and theirs.named <= ours.named else DIFFERENT


def _named(relations: str) -> set[str]:
    return {"hub", "self"} & set(relations.split())
