"""Announced topics in SQLite."""

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite.database import Connection
from websubhub.standalone.adapters.sqlite.thread import Database
from websubhub.standalone.ports import Announcement


class SqliteAnnouncements:
    """Satisfies ``AnnouncementStore``.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, topic: str) -> None:
        """Keep one more announcement of this topic."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO announcements (identity, topic) VALUES (?, ?) "
                "ON CONFLICT (identity) DO UPDATE SET count = count + 1",
                (url_identity(topic), topic),
            )

        await self._database.write(work)

    async def due(self, *, limit: int = 100) -> list[Announcement]:
        """The topics that are to be fetched, the one announced first in front."""

        def work(connection: Connection) -> list[Announcement]:
            rows = connection.execute("SELECT topic, count FROM announcements ORDER BY id LIMIT ?", (limit,)).fetchall()
            return [Announcement(topic=topic, count=count) for topic, count in rows]

        return await self._database.read(work)

    async def settle(self, announcement: Announcement) -> bool:
        """Forget a topic that was fetched. False when it was announced again since, so that it stays."""

        def work(connection: Connection) -> bool:
            return bool(
                connection.execute(
                    "DELETE FROM announcements WHERE identity = ? AND count = ?",
                    (url_identity(announcement.topic), announcement.count),
                ).rowcount
            )

        return await self._database.write(work)
