"""How many deliveries of each message arrived or died, as a sum over the processes that counted them."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from attrs import define, frozen

BUCKET = 1_024
"""How many messages share a record."""


@define
class Count:
    """The counts of the deliveries of a message.

    Attributes:
        delivered: How many arrived.
        dead: How many died, less those that arrived later.
    """

    delivered: int = 0
    dead: int = 0

    def add(self, delivered: int, dead: int) -> None:
        """Count more."""
        self.delivered += delivered
        self.dead += dead


@frozen
class CountedBy:
    """The name of a record: the process that counted, and the messages."""

    process: str
    bucket: int


class KnownCounts:
    """The counts of this process, and those that others wrote.

    Args:
        own: The id of this process.

    Attributes:
        changed: The buckets of this process that have not been written yet.
    """

    def __init__(self, own: str) -> None:
        self._own = own
        self._counts: defaultdict[CountedBy, dict[int, Count]] = defaultdict(dict)
        self._of_bucket: defaultdict[int, set[CountedBy]] = defaultdict(set)
        self.changed: set[int] = set()

    def add(self, number: int, *, delivered: int = 0, dead: int = 0) -> None:
        """Count deliveries of a message in this process."""
        bucket = number // BUCKET
        self._of(CountedBy(self._own, bucket)).setdefault(number, Count()).add(delivered, dead)
        self.changed.add(bucket)

    def _of(self, by: CountedBy) -> dict[int, Count]:
        self._of_bucket[by.bucket].add(by)
        return self._counts[by]

    def own(self, number: int) -> Count:
        """Return what this process has counted for a message."""
        return self._counts.get(CountedBy(self._own, number // BUCKET), {}).get(number, Count())

    def written(self, number: int, besides: Collection[str]) -> Count:
        """Return what other processes have written for a message, except some of them."""
        total = Count()
        for by in self._of_bucket.get(number // BUCKET, ()):
            if by.process != self._own and by.process not in besides:
                count = self._counts[by].get(number, Count())
                total.add(count.delivered, count.dead)
        return total

    def write(self, bucket: int) -> bytes:
        """Return the record of a bucket of this process."""
        counts = self._counts.get(CountedBy(self._own, bucket), {})
        return json.dumps({number: [count.delivered, count.dead] for number, count in counts.items()}).encode()

    def take(self, by: CountedBy, data: bytes) -> None:
        """Take what a process wrote, or the deletion of its record."""
        if not data:
            self._counts.pop(by, None)
            self._of_bucket[by.bucket].discard(by)
        elif by.process != self._own:
            values: Mapping[str, list[int]] = json.loads(data)
            self._of(by).update({int(number): Count(*count) for number, count in values.items()})

    def below(self, number: int) -> Iterator[CountedBy]:
        """Return the records that are only about messages below a number."""
        for bucket in [bucket for bucket in self._of_bucket if (bucket + 1) * BUCKET <= number]:
            yield from list(self._of_bucket[bucket])
