"""Compact queues of subscriptions, in which a million may wait at a few bytes each."""

from array import array
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

_SPARE = 1024
_TICKS_A_SECOND = 10


class SubscriptionQueue:
    """A first-in, first-out queue of pairs of topic number and subscription number, at 16 bytes per pair."""

    __slots__ = ("_start", "_values")

    def __init__(self) -> None:
        self._values = array("q")
        self._start = 0

    def __len__(self) -> int:
        return (len(self._values) - self._start) // 2

    def __bool__(self) -> bool:
        return self._start < len(self._values)

    def push(self, topic: int, subscription: int) -> None:
        """Add a pair at the end."""
        self._values.append(topic)
        self._values.append(subscription)

    def pop(self) -> tuple[int, int]:
        """Remove and return the first pair."""
        start = self._start
        pair = self._values[start], self._values[start + 1]
        self._start = start = start + 2
        if start >= _SPARE and start * 2 >= len(self._values):
            del self._values[:start]
            self._start = 0
        return pair

    def first(self, number: int) -> Sequence[int]:
        """Return the subscription numbers of the first pairs, at most so many, without removing them."""
        start = self._start + 1
        return self._values[start : start + 2 * number : 2]


class DueTimes:
    """Pairs of topic number and subscription number by the time they are due, in ticks of a tenth of a second.

    A pair that is no longer due is not removed, so the caller of ``take`` has to check each pair.
    """

    __slots__ = ("_pairs", "_ticks")

    def __init__(self) -> None:
        self._ticks: list[int] = []
        self._pairs: dict[int, SubscriptionQueue] = {}

    def add(self, due: float, topic: int, subscription: int) -> None:
        """Add a pair that is due no earlier than ``due``."""
        tick = -int(-due * _TICKS_A_SECOND // 1)
        queue = self._pairs.get(tick)
        if queue is None:
            queue = self._pairs[tick] = SubscriptionQueue()
            heappush(self._ticks, tick)
        queue.push(topic, subscription)

    def take(self, now: float, limit: int) -> Iterator[tuple[int, int]]:
        """Remove and yield at most ``limit`` pairs that are due."""
        while self._ticks and self._ticks[0] <= now * _TICKS_A_SECOND and limit:
            queue = self._pairs[self._ticks[0]]
            if not queue:
                del self._pairs[heappop(self._ticks)]
                continue
            limit -= 1
            yield queue.pop()

    def next_due(self) -> float | None:
        """Return when the next pair is due, or None if there is none."""
        return self._ticks[0] / _TICKS_A_SECOND if self._ticks else None
