"""The outcomes of deliveries, sorted by partition and written to the journals."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

import anyio
from attrs import define, field

from websubhub.standalone.adapters.nats.journal.codec import JournalEntry
from websubhub.standalone.adapters.nats.journal.partition import PartitionLog
from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.adapters.nats.records.membership import StoredRetry
from websubhub.standalone.adapters.nats.records.pairs import KnownPair
from websubhub.standalone.adapters.nats.wire.errors import SupersededError
from websubhub.standalone.broker.settlements import Death, Retry, Settlements
from websubhub.standalone.ports import StoreError


@define
class JournalOutcomes:
    """Outcomes in the form of the journal.

    Attributes:
        entries: The record for the journal of each partition.
        delivered: How many pairs of each partition got an update, by its number in the stream.
        dead: For how many pairs the hub gave up on it.
        deaths: The pairs for which the hub gave up on an update.
        ended: The pairs that have ended.
    """

    entries: defaultdict[int, JournalEntry] = field(factory=lambda: defaultdict(JournalEntry))
    delivered: defaultdict[int, Counter[int]] = field(factory=lambda: defaultdict(Counter[int]))
    dead: defaultdict[int, Counter[int]] = field(factory=lambda: defaultdict(Counter[int]))
    deaths: list[tuple[KnownPair, int, Death]] = field(factory=list)
    ended: list[KnownPair] = field(factory=list)


def sort_out(knowledge: Knowledge, settlements: Iterable[Settlements]) -> JournalOutcomes:
    """Return outcomes in the form of the journal, without those of pairs that this process no longer has."""
    outcomes = JournalOutcomes()
    for each in settlements:
        for death in each.deaths:
            _note_death(knowledge, outcomes, death)
        _note_moves(knowledge, outcomes, each)
        for number in each.cleared:
            _clear(knowledge, outcomes, number)
        for retry in each.retries.values():
            _note_retry(knowledge, outcomes, retry)
        outcomes.ended += [pair for number in each.ended if (pair := knowledge.pairs.numbered(number))]
    return outcomes


def _note_death(knowledge: Knowledge, outcomes: JournalOutcomes, death: Death) -> None:
    pair = knowledge.pairs.numbered(death.subscription)
    if pair is None:
        return
    stored = pair.topic.stored(death.sequence)
    outcomes.deaths.append((pair, stored, death))
    if pair.position < stored:
        outcomes.dead[pair.partition][stored] += 1
        outcomes.delivered[pair.partition][stored] -= 1  # it moved too
    if death.turned_away:
        outcomes.entries[pair.partition].turned_away[pair.id] = stored


def _note_moves(knowledge: Knowledge, outcomes: JournalOutcomes, settlements: Settlements) -> None:
    numbered, entries, now = knowledge.pairs.numbered, outcomes.entries, knowledge.ledger.clock()
    given_up = {(death.subscription, death.topic, death.sequence) for death in settlements.deaths}
    for (topic, sequence), subscriptions in sorted(settlements.moved.items()):
        known = knowledge.topics.numbered(topic)
        stored = 0 if known is None else known.stored(sequence)
        for number in subscriptions if stored else ():
            pair = numbered(number)
            if pair is None or pair.position >= stored:  # what was written and comes again
                continue
            entries[pair.partition].positions[pair.id] = stored
            outcomes.delivered[pair.partition][stored] += 1
            if not given_up or (number, topic, sequence) not in given_up:
                pair.delivered_at = now


def _clear(knowledge: Knowledge, outcomes: JournalOutcomes, number: int) -> None:
    pair = knowledge.pairs.numbered(number)
    if pair is not None:
        entry = outcomes.entries[pair.partition]
        entry.retries.pop(pair.id, None)
        entry.cleared.add(pair.id)


def _note_retry(knowledge: Knowledge, outcomes: JournalOutcomes, retry: Retry) -> None:
    pair = knowledge.pairs.numbered(retry.subscription)
    if pair is not None:
        outcomes.entries[pair.partition].retries[pair.id] = StoredRetry(
            stored=pair.topic.stored(retry.sequence),
            attempts=retry.attempts,
            refusals=retry.refusals,
            due_at=retry.due_at,
            attempted_at=retry.attempted_at,
            firm=retry.firm,
            reason=retry.reason,
        )


async def write_entries(
    logs: Mapping[int, PartitionLog],
    entries: Mapping[int, JournalEntry],
    whole: Callable[[int], JournalEntry],
    lost: Callable[[int], None],
    written: Callable[[int], None],
) -> None:
    """Write records to the journals of partitions concurrently.

    Args:
        logs: The journals of the partitions that this process owns.
        entries: The records.
        whole: Returns everything about a partition, for a snapshot.
        lost: Called with a partition that turns out to belong to another process.
        written: Called with a partition whose record was written.

    Raises:
        StoreError: One of them could not be written.
    """
    failed: list[StoreError] = []

    async def write(number: int, log: PartitionLog, entry: JournalEntry) -> None:
        try:
            await log.append(entry)
            written(number)
            if log.is_long():
                await log.replace(whole(number))
        except SupersededError:
            lost(number)
        except StoreError as error:
            failed.append(error)

    async with anyio.create_task_group() as tasks:
        for number, entry in entries.items():
            if entry and number in logs:
                tasks.start_soon(write, number, logs[number], entry)
    if failed:
        raise failed[0]
