"""Deadlines of thousands of connections, with a resolution of an eighth of a second, at the cost of an attribute."""

from math import inf
from typing import Protocol

TICK_SECONDS = 0.125


class Timed(Protocol):
    """Something with a deadline, which may move while it is watched."""

    deadline: float
    watched_until: float


class TimerWheel:
    """Finds items past their deadline.

    An item is on the wheel once, and is checked at the deadline that it had when it was added. If the deadline was
    moved meanwhile, the item moves too, so a new delivery on a busy connection does not touch the wheel. After moving a
    deadline before ``watched_until``, call ``watch`` again.
    """

    def __init__(self, now: float) -> None:
        self._slots: dict[int, set[Timed]] = {}
        self._turned = int(now / TICK_SECONDS)

    def watch(self, item: Timed) -> None:
        """Check the item at its deadline."""
        self.forget(item)
        slot = max(int(item.deadline / TICK_SECONDS), self._turned) + 1
        item.watched_until = slot * TICK_SECONDS
        self._slots.setdefault(slot, set()).add(item)

    def forget(self, item: Timed) -> None:
        """Stop checking the item."""
        if item.watched_until != inf:
            self._slots[int(item.watched_until / TICK_SECONDS)].discard(item)
            item.watched_until = inf

    def expired(self, now: float) -> list[Timed]:
        """Remove and return the items past their deadline."""
        found: list[Timed] = []
        self._turned = int(now / TICK_SECONDS)
        for slot in sorted(slot for slot in self._slots if slot <= self._turned):
            for item in self._slots.pop(slot):
                item.watched_until = inf
                if item.deadline <= now:
                    found.append(item)
                elif item.deadline != inf:
                    self.watch(item)
        return found
