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

    def __bool__(self) -> bool:
        """Whether there may be a next delivery."""
        return bool(self._batches)

    def add(self, batch: Batch) -> None:
        """Let a batch have its turns, too."""
        self._batches.append(batch)

    def remove(self, batch: Batch) -> None:
        """Let a batch have no more turns."""
        if batch in self._batches:
            self._batches.remove(batch)

    def next(self) -> tuple[Batch, Delivery] | None:
        """The next delivery and its batch, which stands at the end from now on."""
        batches = self._batches
        while batches:
            batch = batches[0]
            delivery = batch.take()
            if delivery is not None:
                batches.rotate(-1)
                return batch, delivery
            batches.popleft()
        return None

    def count_up(self, batch: Batch) -> None:
        """Note that one more delivery of a batch waits; the batch stands aside if these are too many."""
        batch.ahead += 1
        if not batch.parked and batch.ahead >= self._waiting:
            self.remove(batch)
            batch.parked = True

    def count_down(self, batch: Batch) -> None:
        """Note that one delivery of a batch does not wait any more."""
        batch.ahead -= 1
        if batch.parked and batch.ahead < self._waiting:
            batch.parked = False
            self._batches.append(batch)
