"""The journal of a broker on NATS."""

from collections.abc import Awaitable, Callable, Collection, Sequence

from websubhub.standalone.adapters.nats.journal.attempts import AttemptLog
from websubhub.standalone.adapters.nats.journal.hosts import PausedHosts
from websubhub.standalone.adapters.nats.journal.letters import LetterRecords
from websubhub.standalone.adapters.nats.journal.partitions import Partitions
from websubhub.standalone.adapters.nats.journal.publishing import Publishing
from websubhub.standalone.adapters.nats.journal.settling import JournalOutcomes
from websubhub.standalone.adapters.nats.journal.updates import Updates
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.pairs import KnownPair
from websubhub.standalone.broker.journal import Appended
from websubhub.standalone.broker.needed import Made, Needed
from websubhub.standalone.broker.settlements import Settlements
from websubhub.standalone.indexes.failed import page_of_failing
from websubhub.standalone.ports import (
    DeadLetter,
    DeliveryFilter,
    FailingDelivery,
    FailingPlace,
    PublishKey,
    Update,
)
from websubhub.standalone.schedule.claims import Key


class NatsJournal:
    """Satisfies ``Journal``.

    Args:
        records: The records.
        updates: The updates.
        publishing: Accepts updates.
        partitions: The partitions that this process delivers to.
        letters: The dead letters.
        attempts: The failed attempts.
        end: Ends a subscription whose callback is gone.
    """

    def __init__(
        self,
        records: Records,
        updates: Updates,
        publishing: Publishing,
        *,
        partitions: Partitions,
        letters: LetterRecords,
        attempts: AttemptLog,
        end: Callable[[KnownPair], Awaitable[None]],
    ) -> None:
        self._records = records
        self._knowledge = records.knowledge
        self._updates = updates
        self._publishing = publishing
        self._partitions = partitions
        self._letters = letters
        self._attempts = attempts
        self._hosts = PausedHosts(records)
        self._end = end

    async def append(
        self,
        update: Update,
        key: PublishKey | None = None,
        outcomes: Settlements | None = None,  # noqa: ARG002 - see below
    ) -> Appended:
        """Append an update. Outcomes never accompany it, since they are stored elsewhere (see ``Pace.along``)."""
        return await self._publishing.append(update, key)

    async def read(self, updates: Collection[Key], subscriptions: Sequence[int], repeated: Sequence[int]) -> Needed:
        """Return the data that claims need."""
        await self._records.turn()
        found = {key: update for key in updates if (update := await self._update(key)) is not None}
        pairs = [self._knowledge.pairs.numbered(number) for number in subscriptions]
        values = [None if pair is None else pair.value for pair in pairs]
        return Needed(
            [None if value is None else value.callback for value in values],
            [None if value is None else value.secret for value in values],
            found,
            {number: made for number in repeated if (made := self._made(number))},
        )

    async def _update(self, key: Key) -> Update | None:
        topic = self._knowledge.topics.numbered(key[0])
        return None if topic is None else await self._updates.read(topic, key[1])

    def _made(self, number: int) -> Made | None:
        pair, retry = self._knowledge.pairs.numbered(number), self._partitions.retry_of(number)
        if pair is None or retry is None:
            return None
        turned_away = bool(pair.turned_away) and pair.turned_away == pair.position
        return Made(pair.topic.position(retry.stored), retry.attempts, retry.refusals, turned_away)

    async def settle(self, settlements: Sequence[Settlements]) -> None:
        """Write outcomes. If some cannot be written, all of them may be repeated."""
        outcomes = self._partitions.sort_out(settlements)
        await self._write_deaths(outcomes)  # before the positions, which tell what was written before
        await self._partitions.write(outcomes)
        for pair in outcomes.ended:
            await self._end(pair)
        for each in settlements:
            if each.replayed:
                await self._letters.arrived(each.replayed)
            await self._letters.failed(each.failed_replays)
        await self._attempts.write([attempt for each in settlements for attempt in each.attempts])

    async def _write_deaths(self, outcomes: JournalOutcomes) -> None:
        for pair, stored, death in outcomes.deaths:
            update = await self._update((death.topic, death.sequence))
            if update is not None and pair.number:
                await self._letters.write(pair, stored, death, update)

    async def delete_updates(self, bounds: Sequence[Key]) -> int:  # noqa: ARG002 - see below
        """Leave it to the reclaimer of the whole hub."""
        await self._records.turn()
        return 0

    async def counts(self, owed: Sequence[Key]) -> tuple[int, float | None]:
        """Return the number of dead letters, and when the oldest of these updates was published, or None."""
        await self._records.turn()
        topics = [(self._knowledge.topics.numbered(number), sequence) for number, sequence in owed]
        published = [at for topic, sequence in topics if topic and (at := topic.published_at(sequence)) is not None]
        return len(self._knowledge.letters), min(published, default=None)

    async def failing(self, only: DeliveryFilter, after: FailingPlace | None, limit: int) -> list[FailingDelivery]:
        """Return a page of the deliveries of this process that failed and will be retried, next one first."""
        await self._records.turn()
        retrying = self._knowledge.membership.retrying.items()
        retries = ((pair.topic.url, pair.value.callback, retry) for pair, retry in retrying if pair.value is not None)
        return page_of_failing(retries, only, after, limit)

    async def dead_letters(self, after: int, limit: int) -> list[DeadLetter]:
        """Return a page of the dead letters, oldest first, after an id."""
        await self._records.turn()
        return self._letters.page(after, limit)

    async def replay(self, letters: Sequence[int]) -> int:
        """Mark these dead letters as replaying, if their subscription is active. Return how many were marked."""
        return await self._letters.replay(letters)

    async def drop(self, letters: Sequence[int]) -> int:
        """Delete these dead letters. Return how many there were."""
        return await self._letters.drop(letters)

    async def hold_host(self, host: str, *, paused: bool) -> None:
        """Store that a host is paused or no longer paused."""
        await self._hosts.hold(host, paused=paused)
