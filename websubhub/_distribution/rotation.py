"""Batches take turns: each gives one delivery, unless too many of its deliveries wait for their origins."""

from collections import deque

from websubhub._distribution.batch import Batch
from websubhub._distribution.delivery import Delivery


class Rotation:
    """Gives the next delivery of the batch whose turn it is.

    Args:
        waiting: How many deliveries of a batch may wait for their origins while others overtake them.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._batches: deque[Batch] = deque()

    def add(self, batch: Batch) -> None:
        """Let a batch have its turns, too."""
        self._batches.append(batch)

    def remove(self, batch: Batch) -> None:
        """Let a batch have no more turns."""
        if batch in self._batches:
            self._batches.remove(batch)

    def next(self) -> tuple[Batch, Delivery] | None:
        """The next delivery and its batch, which has to be given back by ``had_turn``."""
        while self._batches:
            batch = self._batches.popleft()
            delivery = batch.take()
            if delivery is not None:
                return batch, delivery
        return None

    def had_turn(self, batch: Batch) -> None:
        """Let a batch stand at the end, or aside if too much of it waits."""
        batch.parked = batch.ahead >= self._waiting
        if not batch.parked:
            self._batches.append(batch)

    def count_down(self, batch: Batch) -> None:
        """Note that one delivery of a batch does not wait any more."""
        batch.ahead -= 1
        if batch.parked and batch.ahead < self._waiting:
            batch.parked = False
            self._batches.append(batch)
