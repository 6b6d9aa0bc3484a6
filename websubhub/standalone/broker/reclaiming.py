"""Deletes the updates that nobody is owed any more."""

import anyio.lowlevel

from websubhub.standalone.broker.flusher import Flusher
from websubhub.standalone.broker.journal import Journal
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.columns import TopicLog

_SEGMENTS_AT_ONCE = 32


class Reclaimer:
    """Says up to where the updates of each topic can be deleted.

    Args:
        ledger: Who is owed what.
        journal: Where the updates are.
        flusher: Brings positions to the journal before what is below them is deleted.
    """

    def __init__(self, ledger: Ledger, journal: Journal, flusher: Flusher) -> None:
        self._ledger = ledger
        self._journal = journal
        self._flusher = flusher

    async def reclaim(self) -> int:
        """Delete what can be deleted. Returns how many updates."""
        deleted = 0
        for topic in sorted(self._ledger.disposable):
            log = self._ledger.board.logs.get(topic)
            if log is None:  # forgotten since
                self._ledger.disposable.discard(topic)
            else:
                deleted += await self._reclaim_topic(log)
        return deleted

    async def _reclaim_topic(self, log: TopicLog) -> int:
        until = await oldest_position(log)
        all_done = until == log.head
        await self._flusher.flush()
        deleted = await self._journal.delete_updates(log.number, until)
        if all_done and log.head == until:
            self._ledger.disposable.discard(log.number)
        return deleted


async def oldest_position(log: TopicLog) -> int:
    """Return the update up to which nobody of a topic is owed any."""
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
