"""The turns of batches: each contributes one delivery, unless too many of its deliveries wait for their origins."""

from collections import deque

from websubhub._distribution.batch import Batch
from websubhub._distribution.delivery import Delivery


class Rotation:
    """Takes the next delivery from the batch whose turn it is.

    Args:
        waiting: How many deliveries of a batch may wait for their origins while others overtake them.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._batches: deque[Batch] = deque()

    def __bool__(self) -> bool:
        """Return whether there may be a next delivery."""
        return bool(self._batches)

    def add(self, batch: Batch) -> None:
        """Include a batch."""
        self._batches.append(batch)

    def remove(self, batch: Batch) -> None:
        """Stop giving turns to a batch."""
        if batch in self._batches:
            self._batches.remove(batch)

    def next(self) -> tuple[Batch, Delivery] | None:
        """Return the next delivery and its batch, which goes to the end of the line."""
        batches = self._batches
        while batches:
            batch = batches[0]
            delivery = batch.take()
            if delivery is not None:
                batches.rotate(-1)
                return batch, delivery
            batches.popleft()
        return None

    def note_waiting(self, batch: Batch) -> None:
        """Note that one more delivery of a batch waits. If there are too many, the batch gets no turns."""
        batch.waiting += 1
        if not batch.throttled and batch.waiting >= self._waiting:
            self.remove(batch)
            batch.throttled = True

    def note_started(self, batch: Batch) -> None:
        """Note that one delivery of a batch no longer waits."""
        batch.waiting -= 1
        if batch.throttled and batch.waiting < self._waiting:
            batch.throttled = batch.resting = False
            self._batches.append(batch)
