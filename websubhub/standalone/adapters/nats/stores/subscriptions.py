"""Verified subscriptions on NATS."""

from collections.abc import Callable
from itertools import islice

import anyio.lowlevel
from attrs import evolve

from websubhub import authority_of
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.pairs import KnownPair, PairRecord
from websubhub.standalone.adapters.nats.stores.pair_records import PairRecords
from websubhub.standalone.adapters.nats.stores.topics import NatsTopics
from websubhub.standalone.indexes.pairs import matching, pair_of
from websubhub.standalone.ports import Saved, StoredSubscription
from websubhub.standalone.schedule.members import Members


class NatsSubscriptions:
    """Satisfies ``SubscriptionStore``.

    Args:
        records: The records.
        topics: The topics, to which the topic of a new subscription is added.
        members: The subscriptions of this process. Some may have ended without being written as such yet.
        clock: The hub's clock.
    """

    def __init__(self, records: Records, topics: NatsTopics, members: Members, clock: Callable[[], float]) -> None:
        self._records = records
        self._pairs = records.knowledge.pairs
        self._pair_records = PairRecords(records)
        self._topics = topics
        self._members = members
        self._clock = clock

    async def save(self, subscription: StoredSubscription, *, verification: str | None = None) -> Saved | None:
        """Add a subscription that gets updates from now on, or renew one that keeps what it is still owed."""
        await self._pair_records.refresh(subscription.topic, subscription.callback)
        known = self._records.knowledge.topics.find(subscription.topic)
        value = subscription if known is None else evolve(subscription, topic=known.url)

        saved = Saved.NEW

        def decide(record: PairRecord) -> PairRecord | None:
            nonlocal saved
            pending = record.pending
            if verification is not None:
                if pending is None:
                    return None
                pending = None if pending.id == verification else pending
            saved = Saved.RENEWED if self._is_renewed(record) else Saved.NEW
            start = record.start if saved is Saved.RENEWED else self._records.followed["u"].applied
            return PairRecord(value, start, pending)

        if not await self._pair_records.change(subscription.topic, subscription.callback, decide):
            return None
        await self._topics.ensure(subscription.topic)
        return saved

    def _is_renewed(self, record: PairRecord) -> bool:
        """Return whether there is a subscription to renew. An ended one does not get what it missed."""
        active = record.active
        if active is None or active.expires_at <= self._clock():
            return False
        pair = self._pairs.of(pair_of(active.topic, active.callback))
        return pair is None or pair.number not in self._members.gone

    async def get(self, topic: str, callback: str) -> StoredSubscription | None:
        """Return the subscription of this pair whose lease has not ended, or None."""
        await self._pair_records.refresh(topic, callback)
        pair = self._pairs.find(topic, callback, self._clock())
        return None if pair is None else pair.value

    async def page(
        self,
        *,
        topic: str | None = None,
        host: str | None = None,
        callback: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> list[StoredSubscription]:
        """Return a page of subscriptions by topic and callback."""
        await anyio.lowlevel.checkpoint()
        keys = matching(self._pairs.after, topic, callback, after)
        found = (pair.value for key in keys if (pair := self._pairs.of(key)) is not None and pair.value is not None)
        if host is not None:
            found = (value for value in found if authority_of(value.callback) == host)
        return list(islice(found, limit))

    async def remove(self, topic: str, callback: str, *, verification: str | None = None) -> bool:
        """End a subscription, and drop everything owed to it."""
        await self._pair_records.refresh(topic, callback)
        had = False

        def decide(record: PairRecord) -> PairRecord | None:
            nonlocal had
            had = record.active is not None
            if verification is None:
                return PairRecord()
            if record.pending is None:
                return None
            return PairRecord(pending=None if record.pending.id == verification else record.pending)

        changed = await self._pair_records.change(topic, callback, decide)
        return changed and (verification is not None or had)

    async def end(self, pair: KnownPair) -> None:
        """End a subscription whose callback is gone, unless another one has replaced it."""
        start = pair.start

        def decide(record: PairRecord) -> PairRecord | None:
            is_another = record.active is None or record.start != start
            return None if is_another else PairRecord(pending=record.pending)

        await self._pair_records.change(*pair.key, decide)

    async def end_expired(self, *, limit: int = 500) -> list[StoredSubscription]:
        """End up to ``limit`` subscriptions of this process whose lease has expired, and return them."""
        await anyio.lowlevel.checkpoint()
        now, ended = self._clock(), list[StoredSubscription]()

        def decide(record: PairRecord) -> PairRecord | None:
            is_over = record.active is not None and record.active.expires_at <= now
            return PairRecord(pending=record.pending) if is_over else None

        for pair in self._expired(now, limit):
            value = pair.value
            if await self._pair_records.change(*pair.key, decide) and value is not None:
                ended.append(value)
        return ended

    def _expired(self, now: float, limit: int) -> list[KnownPair]:
        found: list[KnownPair] = []
        for partition in list(self._records.knowledge.membership.owned):
            for pair in self._pairs.of_partition[partition].values():
                if pair.value is not None and pair.value.expires_at <= now:
                    found.append(pair)
                    if len(found) == limit:
                        return found
        return found
