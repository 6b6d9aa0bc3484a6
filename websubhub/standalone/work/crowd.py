"""A crowd: who may begin while many wait. Most places go to whoever comes first, the rest to each client."""

from attrs import frozen

from websubhub.standalone.hub.introductions import Introductions

_FIRST_COME = 7 / 8
_STRANGERS = 3 / 4


@frozen
class Permit:
    """A place that was taken for one exchange.

    Attributes:
        first_come: Whether it was free for whoever came first.
        stranger: Whether it was taken for a host that wanted nothing lately.
        introducer: The client that it was given for, or None.
    """

    first_come: bool
    stranger: bool
    introducer: str | None = None


class Crowd:
    """The places for exchanges with hosts that strangers can name, and for whom they are.

    Seven eighths of all places, and three quarters of those for hosts that wanted nothing lately, are for whoever comes
    first. One client that asks for much takes them all, also with hosts that want everything. The others are for
    introductions, of which each client has few at once: what it asks for waits only for what it has asked for itself.

    Args:
        places: How many exchanges may be under way.
        for_strangers: How many of them with hosts that wanted nothing lately.
        introductions: Who has named which hosts.
    """

    def __init__(self, places: float, for_strangers: float, introductions: Introductions) -> None:
        self._free = places * _FIRST_COME
        self._free_for_strangers = for_strangers * _STRANGERS
        self._introductions = introductions

    def is_full(self, *, stranger: bool) -> bool:
        """Return whether an exchange can only begin by an introduction."""
        return self._free < 1 or (stranger and self._free_for_strangers < 1)

    def begin(self, host: str, *, stranger: bool) -> Permit | None:
        """Take a place, or return None if none is free for that host. ``end`` must follow.

        Args:
            host: The host of the exchange.
            stranger: Whether it wanted nothing lately.
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
