"""Dead letters on NATS."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from uuid import uuid4

from attrs import evolve

from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.letters import KnownLetter
from websubhub.standalone.adapters.nats.records.pairs import KnownPair
from websubhub.standalone.adapters.nats.wire.names import short_hash
from websubhub.standalone.broker.settlements import Death
from websubhub.standalone.ports import DeadLetter, StoredSubscription, Update


class LetterRecords:
    """Writes, replays and drops dead letters.

    Args:
        records: The records.
        clock: The hub's clock.
    """

    def __init__(self, records: Records, clock: Callable[[], float]) -> None:
        self._records = records
        self._clock = clock
        self._known = records.knowledge.letters
        self._membership = records.knowledge.membership
        self._pairs = records.knowledge.pairs
        self._counts = records.knowledge.publishes.counts

    async def write(self, pair: KnownPair, stored: int, death: Death, update: Update) -> None:
        """Store a delivery that the hub gave up on, unless it is already stored."""
        if pair.value is None or stored <= pair.position:
            return
        value = _letter(pair, pair.value, update, death.attempts, death.reason, death.died_at)
        token = short_hash(json.dumps([*pair.key, stored]))
        subject = self._records.names.subject("d", pair.partition, token)
        letter = KnownLetter(subject, value, stored)
        await self._records.change(subject, lambda: None if self._known.of(subject) else letter.write())

    async def redeliver(self, pair: KnownPair, subscription: StoredSubscription, stored: int, update: Update) -> None:
        """Store an update to redeliver, like a replayed dead letter."""
        value = _letter(pair, subscription, update, 0, "an operator requested a redelivery", self._clock())
        subject = self._records.names.subject("d", pair.partition, uuid4().hex)
        letter = KnownLetter(subject, value, stored, pair.start, redelivery=True)
        await self._records.change(subject, letter.write)

    def page(self, after: int, limit: int) -> list[DeadLetter]:
        """Return a page of the dead letters, oldest first, after an id."""
        return [
            evolve(letter.value, replaying=self._membership.replayed_for(letter) is not None)
            for letter in self._known.page(after, limit)
        ]

    async def replay(self, numbers: Iterable[int]) -> int:
        """Mark letters as replaying if their subscription is active. Return how many were marked."""
        marked = 0
        for known in self._known.known(numbers):
            pair = self._pairs.find(known.value.topic, known.value.callback, self._clock())
            if pair is not None:
                start = pair.start
                marked += await self._change(known, lambda letter, start=start: evolve(letter, replayed=start))
        return marked

    async def failed(self, replays: Sequence[tuple[str, int]]) -> None:
        """Note letters that failed again, with the reason."""
        for reason, number in replays:
            for known in self._known.known([number]):
                if known.replayed >= 0:
                    value = evolve(known.value, reason=reason, attempts=known.value.attempts + 1)
                    await self._change(known, lambda letter, value=value: evolve(letter, value=value, replayed=-1))

    async def arrived(self, numbers: Collection[int]) -> None:
        """Delete letters that arrived, and correct the counts of their messages."""
        for known in self._known.known(numbers):
            if await self._records.change(known.subject, lambda: b"") and not known.redelivery:
                self._counts.add(known.stored, delivered=1, dead=-1)

    async def drop(self, numbers: Collection[int]) -> int:
        """Delete letters. Return how many there were."""
        return sum([await self._records.change(known.subject, lambda: b"") for known in self._known.known(numbers)])

    async def _change(self, known: KnownLetter, change: Callable[..., KnownLetter]) -> bool:
        def decide() -> bytes | None:
            letter = self._known.of(known.subject)
            return None if letter is None else change(letter).write()

        return await self._records.change(known.subject, decide)


def _letter(
    pair: KnownPair, subscription: StoredSubscription, update: Update, attempts: int, reason: str, died_at: float
) -> DeadLetter:
    return DeadLetter(
        id=0,
        topic=pair.topic.url,
        callback=subscription.callback,
        message_id=update.id,
        content_type=update.content_type,
        content_length=len(update.content),
        attempts=attempts,
        reason=reason,
        died_at=died_at,
    )
