"""The store of dead letters on NATS."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import islice

from attrs import evolve

from websubhub.standalone.adapters.nats.journal.updates import Updates
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.indexes.failed import matcher
from websubhub.standalone.ports import EVERY_DELIVERY, DeadLetter, DeliveryFilter, Update


class NatsLetters:
    """Satisfies ``DeadLetterStore``.

    Args:
        records: The records.
        updates: The updates.
        flush: Waits until all settlements of this process are in the records.
    """

    def __init__(self, records: Records, updates: Updates, flush: Callable[[], Awaitable[None]]) -> None:
        self._records = records
        self._known = records.knowledge.letters
        self._membership = records.knowledge.membership
        self._updates = updates
        self._flush = flush

    async def page(
        self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 100
    ) -> list[DeadLetter]:
        """Return a page of the matching dead letters, oldest first."""
        await self._settled()
        return list(islice(self._chosen(only, after), limit))

    async def ids(self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 1000) -> list[int]:
        """Return the ids of the matching dead letters, oldest first."""
        return [letter.id for letter in await self.page(only, after=after, limit=limit)]

    async def known(self, letters: list[int]) -> set[int]:
        """Return which of these ids exist."""
        await self._settled()
        return {letter.value.id for letter in self._known.known(letters)}

    async def count(self, only: DeliveryFilter = EVERY_DELIVERY) -> int:
        """Return how many dead letters match."""
        await self._settled()
        return sum(1 for _ in self._chosen(only, 0))

    async def update(self, letter: int) -> Update | None:
        """Return the update of a dead letter, or None."""
        await self._settled()
        for known in self._known.known([letter]):
            topic = self._records.knowledge.topics.find(known.value.topic)
            if topic is not None:
                return await self._updates.read(topic, topic.position(known.stored))
        return None

    async def _settled(self) -> None:
        await self._flush()
        await self._records.turn()

    def _chosen(self, only: DeliveryFilter, after: int) -> Iterator[DeadLetter]:
        matches = matcher(only)
        for known in self._known.after(after):
            letter = known.value
            if matches(letter.topic, letter.callback, letter.reason):
                yield evolve(letter, replaying=self._membership.replayed_for(known) is not None)
