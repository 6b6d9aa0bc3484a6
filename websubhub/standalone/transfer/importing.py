"""Reading the state of another hub into a store."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

import anyio
from attrs import define, field

from websubhub.standalone.ports import FetchedTopic, HubStore, PendingVerification, Saved, StoredSubscription
from websubhub.standalone.transfer.records import AnnouncedRecord, PausedRecord, Record, TopicRecord, name_of

_TASKS = 64


@define
class Imported:
    """The result of an import.

    Attributes:
        counts: How many records of each kind were added or renewed.
        known: How many subscriptions and verifications the store already had in the same or a newer state.
        expired: How many subscriptions had expired.
    """

    counts: Counter[str] = field(factory=Counter[str])
    known: int = 0
    expired: int = 0


async def import_into(store: HubStore, records: Iterable[Record]) -> Imported:
    """Add records to a store. Newer records in the store stay, so an interrupted import can be repeated.

    Args:
        store: The store, open, with no hub running on it.
        records: The records, grouped by kind.

    Raises:
        StoreError: A record could not be stored. Those before it have been.
    """
    importing = _Importing(store)
    for _, kind in groupby(records, name_of):  # a subscription may need its topic
        await importing.take(iter(kind))
    return importing.done


class _Importing:
    def __init__(self, store: HubStore) -> None:
        self._store = store
        self.done = Imported()

    async def take(self, records: Iterator[Record]) -> None:
        """Add records, several at a time, because a store writes many together at little more than the cost of one."""
        failed: list[Exception] = []

        async def work() -> None:
            try:
                for record in records:
                    if failed:
                        return
                    await self._take(record)
            except Exception as error:  # noqa: BLE001 - it is raised below, outside of the task group
                failed.append(error)

        async with anyio.create_task_group() as tasks:
            for _ in range(_TASKS):
                tasks.start_soon(work)
        if failed:
            raise failed[0]

    async def _take(self, record: Record) -> None:
        if isinstance(record, TopicRecord):
            added = await self._take_topic(record)
        elif isinstance(record, StoredSubscription):
            added = await self._take_subscription(record)
        elif isinstance(record, PendingVerification):
            added = await self._take_verification(record)
        else:
            added = await self._take_other(record)
        self.done.counts[name_of(record)] += added

    async def _take_topic(self, record: TopicRecord) -> bool:
        await self._store.topics.save(record.topic)
        if record.fetched is not None:
            known = await self._store.topics.last_fetch(record.topic.url)
            if known is None or _fetched_at(known) < _fetched_at(record.fetched):
                await self._store.topics.save_fetch(record.topic.url, record.fetched)
        return True

    async def _take_subscription(self, subscription: StoredSubscription) -> bool:
        if subscription.expires_at <= self._store.clock():
            self.done.expired += 1
            return False
        known = await self._store.subscriptions.get(subscription.topic, subscription.callback)
        if known is not None and known.requested_at >= subscription.requested_at:
            self.done.known += 1
            return False
        saved = await self._store.subscriptions.save(subscription)
        return saved in {Saved.NEW, Saved.RENEWED}

    async def _take_verification(self, verification: PendingVerification) -> bool:
        known = await self._store.verifications.get(verification.topic, verification.callback)
        if known is not None:
            self.done.known += 1
            return False
        return await self._store.verifications.save(verification) is not None

    async def _take_other(self, record: AnnouncedRecord | PausedRecord) -> bool:
        if isinstance(record, PausedRecord):
            await self._store.broker.pause_host(record.host)
        elif await self._store.announcements.get(record.url) is None:
            await self._store.announcements.save(record.url)
        return True


def _fetched_at(fetched: FetchedTopic) -> float:
    return fetched.fetched_at or 0.0
