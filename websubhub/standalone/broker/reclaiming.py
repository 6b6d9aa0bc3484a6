"""Deleting the updates that no subscription is owed any longer."""

from collections.abc import Iterable

import anyio.lowlevel

from websubhub.standalone.broker.flusher import Flusher
from websubhub.standalone.broker.journal import Journal
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.columns import TopicLog

_SEGMENTS_AT_ONCE = 32
_TOPICS_AT_ONCE = 500


class Reclaimer:
    """Determines up to where the updates of each topic can be deleted, and deletes them.

    Args:
        ledger: What subscriptions are owed.
        journal: The journal that stores the updates.
        flusher: Writes positions to the journal before the updates below them are deleted.
    """

    def __init__(self, ledger: Ledger, journal: Journal, flusher: Flusher) -> None:
        self._ledger = ledger
        self._journal = journal
        self._flusher = flusher

    async def reclaim(self) -> int:
        """Delete what can be deleted, and return how many updates there were."""
        deleted = 0
        topics = sorted(self._ledger.disposable)
        for start in range(0, len(topics), _TOPICS_AT_ONCE):
            deleted += await self._reclaim_topics(topics[start : start + _TOPICS_AT_ONCE])
        return deleted

    async def _reclaim_topics(self, topics: Iterable[int]) -> int:
        bounds: list[Key] = []
        done: list[tuple[TopicLog, int]] = []
        for topic in topics:
            log = self._ledger.board.logs.get(topic)
            if log is None:  # removed since
                self._ledger.disposable.discard(topic)
                continue
            until = await oldest_position(log)
            bounds.append((topic, until))
            if until == log.head:
                done.append((log, until))
        await self._flusher.flush()
        deleted = await self._journal.delete_updates(bounds)
        for log, until in done:
            if log.head == until:
                self._ledger.disposable.discard(log.number)
                log.pack()
        return deleted


async def oldest_position(log: TopicLog) -> int:
    """Return the number of the last update that no subscription of a topic is owed."""
    if not log.waiting:
        return log.head
    if log.mode is DeliveryMode.LATEST:
        return log.head - 1
    oldest = log.head
    for count, segment in enumerate(log.segments):
        oldest = min(oldest, segment.oldest())
        if count % _SEGMENTS_AT_ONCE == _SEGMENTS_AT_ONCE - 1:
            await anyio.lowlevel.checkpoint()
    return oldest
