"""Sharing places while many requests wait: most go to the first to come, the rest are divided among clients."""

from attrs import frozen

from websubhub.standalone.hub.introductions import Introductions

_FIRST_COME = 7 / 8
_STRANGERS = 3 / 4


@frozen
class Permit:
    """A place that one exchange has taken.

    Attributes:
        first_come: Whether it is one of the first-come places.
        stranger: Whether its host had no recent exchanges.
        introducer: The client whose introduction it uses, or None.
    """

    first_come: bool
    stranger: bool
    introducer: str | None = None


class Crowd:
    """The places for exchanges with hosts that strangers can name, divided so that everybody gets some.

    Seven eighths of all places, and three quarters of those for hosts without recent exchanges, go to the first to
    come. One client with many requests can take all of these, even with hosts that accept everything. The other places
    are for introductions. Each client has only a few of them at once, so that its requests wait only for its own.

    Args:
        places: How many exchanges may be in progress.
        for_strangers: How many of them may be with hosts that had no recent exchanges.
        introductions: The hosts, by the client that named them.
    """

    def __init__(self, places: float, for_strangers: float, introductions: Introductions) -> None:
        self._free = places * _FIRST_COME
        self._free_for_strangers = for_strangers * _STRANGERS
        self._introductions = introductions

    def is_full(self, *, stranger: bool) -> bool:
        """Return whether an exchange can only begin with an introduction."""
        return self._free < 1 or (stranger and self._free_for_strangers < 1)

    def begin(self, host: str, *, stranger: bool) -> Permit | None:
        """Take a place, or return None if none is free for the host. Call ``end`` afterwards.

        Args:
            host: The host of the exchange.
            stranger: Whether it had no recent exchanges.
        """
        if self.is_full(stranger=stranger):
            introducer = self._introductions.begin(host)
            return None if introducer is None else Permit(False, stranger, introducer)
        self._free -= 1
        self._free_for_strangers -= stranger
        return Permit(True, stranger)

    def end(self, permit: Permit) -> None:
        """Free a place."""
        self._free += permit.first_come
        self._free_for_strangers += permit.first_come and permit.stranger
        self._introductions.end(permit.introducer)
