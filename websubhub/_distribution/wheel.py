"""Deadlines of thousands of connections, found to an eighth of a second at the cost of setting an attribute."""

from math import inf
from typing import Protocol

TICK_SECONDS = 0.125


class Timed(Protocol):
    """Something with a deadline, which may move while it is watched."""

    deadline: float
    watched_until: float


class TimerWheel:
    """Finds what is past its deadline.

    An item stands on the wheel once and is looked at when the deadline it had then has come. If the deadline was moved
    meanwhile, the item is put where it belongs now, so a new delivery on a busy connection does not touch the wheel.
    Whoever moves a deadline before ``watched_until`` has to call ``watch`` again.
    """

    def __init__(self, now: float) -> None:
        self._slots: dict[int, set[Timed]] = {}
        self._turned = int(now / TICK_SECONDS)

    def watch(self, item: Timed) -> None:
        """Look at the item when its deadline has come."""
        self.forget(item)
        slot = max(int(item.deadline / TICK_SECONDS), self._turned) + 1
        item.watched_until = slot * TICK_SECONDS
        self._slots.setdefault(slot, set()).add(item)

    def forget(self, item: Timed) -> None:
        """Do not look at the item any more."""
        if item.watched_until != inf:
            self._slots[int(item.watched_until / TICK_SECONDS)].discard(item)
            item.watched_until = inf

    def expired(self, now: float) -> list[Timed]:
        """Take off the wheel what is past its deadline."""
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
