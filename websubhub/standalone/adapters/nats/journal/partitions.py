"""The partitions that this process owns, and the content of their journals."""

from collections.abc import Sequence

from websubhub.standalone.adapters.nats.journal.codec import JournalEntry
from websubhub.standalone.adapters.nats.journal.partition import PartitionLog
from websubhub.standalone.adapters.nats.journal.settling import JournalOutcomes, sort_out, write_entries
from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.adapters.nats.records.membership import StoredRetry
from websubhub.standalone.broker.settlements import Settlements


class Partitions:
    """Takes partitions over, writes to their journals, and leaves them.

    Args:
        knowledge: What this process knows.

    Attributes:
        logs: The journals of the partitions that this process owns.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.logs: dict[int, PartitionLog] = {}

    def begin(self, log: PartitionLog, entry: JournalEntry) -> None:
        """Deliver to a partition that was taken over, starting where its journal ends."""
        self.logs[log.number] = log
        membership = self._knowledge.membership
        membership.owned.add(log.number)
        pairs = self._knowledge.pairs.of_partition[log.number]
        for pair in pairs.values():
            pair.position = max(entry.positions.get(pair.id, 0), pair.start)
            pair.turned_away = entry.turned_away.get(pair.id, 0)
            membership.begin(pair)
            retry = entry.retries.get(pair.id)
            if retry is not None and retry.stored > pair.position:
                membership.restore(pair, retry)
        membership.replay(self._knowledge.letters.replaying())

    def lose(self, number: int) -> None:
        """Stop delivering to a partition, because another process owns it or this one no longer trusts itself."""
        self.logs.pop(number, None)
        self._knowledge.membership.leave(number)

    def whole(self, number: int) -> JournalEntry:
        """Return everything that the journal of a partition must contain."""
        entry, retrying = JournalEntry(), self._knowledge.membership.retrying
        for pair in self._knowledge.pairs.of_partition[number].values():
            if pair.position > pair.start:
                entry.positions[pair.id] = pair.position
            if pair.turned_away > pair.start:
                entry.turned_away[pair.id] = pair.turned_away
            if (retry := retrying.get(pair)) is not None:
                entry.retries[pair.id] = retry
        return entry

    def sort_out(self, settlements: Sequence[Settlements]) -> JournalOutcomes:
        """Return outcomes in the form of the journal."""
        return sort_out(self._knowledge, settlements)

    async def write(self, outcomes: JournalOutcomes) -> None:
        """Write outcomes. Those of partitions that another process owns are dropped, with the partitions.

        Raises:
            StoreError: They could not be written. Some of them may have been.
        """

        def written(number: int) -> None:
            self._apply(number, outcomes)

        await write_entries(dict(self.logs), outcomes.entries, self.whole, self.lose, written)

    def _apply(self, number: int, outcomes: JournalOutcomes) -> None:
        """Note what was written, for the next snapshot."""
        entry, membership = outcomes.entries[number], self._knowledge.membership
        for stored, count in outcomes.delivered[number].items():
            self._knowledge.publishes.counts.add(stored, delivered=count, dead=outcomes.dead[number][stored])
        pairs = self._knowledge.pairs.of_partition[number]
        for own, stored in entry.positions.items():
            if (pair := pairs.get(own)) is not None:
                pair.position = max(pair.position, stored)
        for own, stored in entry.turned_away.items():
            if (pair := pairs.get(own)) is not None:
                pair.turned_away = stored
        for own in entry.cleared:
            if (pair := pairs.get(own)) is not None:
                membership.retrying.pop(pair, None)
        for own, retry in entry.retries.items():
            if (pair := pairs.get(own)) is not None and pair.number:
                membership.retrying[pair] = retry

    def retry_of(self, number: int) -> StoredRetry | None:
        """Return the retry that a subscription of this process is waiting for, or None."""
        pair = self._knowledge.pairs.numbered(number)
        return None if pair is None else self._knowledge.membership.retrying.get(pair)
