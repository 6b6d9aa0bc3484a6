"""Gives the space of updates back that nobody is owed any more."""

import anyio.lowlevel

from websubhub.standalone.adapters.sqlite.database import Connection
from websubhub.standalone.adapters.sqlite.thread import Database
from websubhub.standalone.adapters.sqlite.updates import delete_updates
from websubhub.standalone.broker.flusher import Flusher
from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.columns import TopicLog

_SEGMENTS_AT_ONCE = 32
_PAGES = 256
_SPARE_PAGES = 1024


class Reclaimer:
    """Deletes updates by topic; each deletion is small, so that publishing goes on between.

    Args:
        database: Where they are.
        board: Who is owed what.
        flusher: Brings positions to the disk before what is below them is deleted.
    """

    def __init__(self, database: Database, board: Board, flusher: Flusher) -> None:
        self._database = database
        self._board = board
        self._flusher = flusher
        self._topics: set[int] = set()

    def look_at(self, topic: int) -> None:
        """Say that a topic may have updates to delete."""
        self._topics.add(topic)

    async def reclaim(self) -> int:
        """Delete what can be deleted. Returns how many updates."""
        deleted = 0
        for topic in sorted(self._topics):
            log = self._board.logs.get(topic)
            if log is None:  # forgotten since
                self._topics.discard(topic)
            else:
                deleted += await self._reclaim_topic(log)
        while deleted and await self._database.settle(_shrink):
            await anyio.lowlevel.checkpoint()
        return deleted

    async def _reclaim_topic(self, log: TopicLog) -> int:
        until = await oldest_position(log)
        all_done = until == log.head
        await self._flusher.flush()
        deleted = 0
        while some := await self._database.settle(lambda connection: delete_updates(connection, log.number, until)):
            deleted += some
        if all_done and log.head == until:
            self._topics.discard(log.number)
        return deleted


async def oldest_position(log: TopicLog) -> int:
    """The update up to which nobody of a topic is owed any."""
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


def _shrink(connection: Connection) -> bool:
    """Give some free pages back, but not those that will soon be used again. Whether there are more."""
    free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    for _ in range(min(free - _SPARE_PAGES, _PAGES)):
        connection.execute("PRAGMA incremental_vacuum(1)")  # sqlite3 lets it do one step only, whatever the number
    return free - _SPARE_PAGES > _PAGES
