"""Announced topics in SQLite."""

import json
import logging
from collections.abc import Callable, Collection, Sequence

from websubhub import host_of, url_identity
from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.ports import Announcement, AnnouncementState, AnnouncementStatistics

log: logging.Logger = logging.getLogger("websubhub")

_COLUMNS = "id, topic, count, announced_at, attempts, due_at, status, reason, died_at"
_STATES = {
    None: "",
    AnnouncementState.PENDING: "AND died_at IS NULL AND attempts = 0 ",
    AnnouncementState.FAILING: "AND died_at IS NULL AND attempts > 0 ",
    AnnouncementState.DEAD: "AND died_at IS NOT NULL ",
}


class SqliteAnnouncements:
    """Satisfies ``AnnouncementStore``.

    Args:
        database: The database.
        clock: The hub's clock.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def save(self, topic: str) -> None:
        """Store another announcement of this topic. It is due at once, or when the delay set by the topic ends."""
        row = {"identity": url_identity(topic), "topic": topic, "host": host_of(topic), "now": self._clock()}

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO announcements (identity, topic, host, announced_at, due_at) "
                "VALUES (:identity, :topic, :host, :now, :now) "
                "ON CONFLICT (identity) DO UPDATE SET count = count + 1, attempts = 0, died_at = NULL, "
                "announced_at = CASE WHEN died_at IS NULL THEN announced_at ELSE :now END, "
                "due_at = max(:now, allowed_at)",
                row,
            )

        await self._database.write(work)

    async def due(
        self, *, limit: int = 100, besides: Collection[str] = (), among: Collection[str] | None = None
    ) -> list[Announcement]:
        """Return the topics to fetch now, most overdue first."""
        values = {
            "now": self._clock(),
            "besides": json.dumps(list(besides)),
            "among": None if among is None else json.dumps(list(among)),
            "limit": limit,
        }

        def work(connection: Connection) -> tuple[list[Announcement], list[int]]:
            found = connection.execute(
                f"SELECT rowid, {_COLUMNS} FROM announcements WHERE died_at IS NULL AND due_at <= :now "  # noqa: S608 - our own words
                "AND host NOT IN (SELECT value FROM json_each(:besides)) "
                "AND (:among IS NULL OR host IN (SELECT value FROM json_each(:among))) "
                "ORDER BY due_at, id LIMIT :limit",
                values,
            )
            return rows.sorted_out(found, _announcement)

        due, unreadable = await self._database.read(work)
        if unreadable:
            log.error("%d announcements cannot be read from the database, and are dropped.", len(unreadable))
            await self.drop(unreadable)
        return due

    async def hold(self, announcement: Announcement, until: float, reason: str) -> bool:
        """Delay a topic until a time. Another announcement does not shorten the delay, which counts as no attempt."""
        statement = (
            "UPDATE announcements SET due_at = max(due_at, :until), allowed_at = max(allowed_at, :until), "
            "reason = :reason WHERE id = :id AND died_at IS NULL"
        )
        row = {"until": until, "reason": reason, "id": announcement.id}
        return bool(await self._database.settle(lambda connection: connection.execute(statement, row).rowcount))

    async def hold_host(self, host: str, until: float, reason: str) -> int:
        """Delay all due topics of a host."""
        statement = (
            "UPDATE announcements SET due_at = :until, reason = :reason "
            "WHERE died_at IS NULL AND due_at <= :now AND host = :host"
        )
        row = {"until": until, "reason": reason, "host": host, "now": self._clock()}
        return await self._database.settle(lambda connection: connection.execute(statement, row).rowcount)

    async def settle(self, announcement: Announcement) -> bool:
        """Remove the announcement of a fetched topic. Return False if it stays because of a newer announcement."""

        def work(connection: Connection) -> bool:
            statement = "DELETE FROM announcements WHERE id = ? AND count = ?"
            return bool(connection.execute(statement, (announcement.id, announcement.count)).rowcount)

        return await self._database.settle(work)

    async def retry(
        self, announcement: Announcement, after: float, reason: str, *, status: int = 0, firm: float = 0.0
    ) -> bool:
        """Note that a fetch failed and should be retried."""
        now = self._clock()
        failed = {"due_at": now + max(after, firm), "died_at": None, "allowed_at": now + firm}
        row = _row(announcement, failed | {"reason": reason, "status": status})
        return await self._database.settle(lambda connection: _fail(connection, row))

    async def dead(self, announcement: Announcement, reason: str, *, status: int = 0, firm: float = 0.0) -> bool:
        """Note that a fetch failed for the last time."""
        now = self._clock()
        failed = {"due_at": now, "died_at": now, "allowed_at": now + firm}
        row = _row(announcement, failed | {"reason": reason, "status": status})
        return await self._database.settle(lambda connection: _fail(connection, row))

    async def page(
        self, *, state: AnnouncementState | None = None, after: int = 0, limit: int = 100
    ) -> list[Announcement]:
        """Return a page of the announcements, oldest first."""

        def work(connection: Connection) -> list[Announcement]:
            found = connection.execute(
                f"SELECT {_COLUMNS} FROM announcements WHERE id > ? {_STATES[state]}ORDER BY id LIMIT ?",  # noqa: S608 - our own words
                (after, limit),
            ).fetchall()
            return [_announcement(*row) for row in found]

        return await self._database.read(work)

    async def get(self, topic: str) -> Announcement | None:
        """Return the announcement of a topic, or None."""
        statement = f"SELECT {_COLUMNS} FROM announcements WHERE identity = ?"  # noqa: S608 - our own words

        def work(connection: Connection) -> Announcement | None:
            row = connection.execute(statement, (url_identity(topic),)).fetchone()
            return _announcement(*row) if row else None

        return await self._database.read(work)

    async def known(self, announcements: Sequence[int]) -> set[int]:
        """Return which of these ids exist."""
        statement = "SELECT id FROM announcements WHERE id IN (SELECT value FROM json_each(?))"
        values = (as_json(announcements),)
        return await self._database.read(lambda connection: {row[0] for row in connection.execute(statement, values)})

    async def replay(self, announcements: Sequence[int]) -> int:
        """Make these topics due now, starting over with the first attempt."""
        now = self._clock()

        def work(connection: Connection) -> int:
            return connection.execute(
                "UPDATE announcements SET attempts = 0, due_at = ?, allowed_at = 0, died_at = NULL, "
                "announced_at = CASE WHEN died_at IS NULL THEN announced_at ELSE ? END "
                "WHERE id IN (SELECT value FROM json_each(?))",
                (now, now, as_json(announcements)),
            ).rowcount

        return await self._database.write(work)

    async def drop(self, announcements: Sequence[int]) -> int:
        """Drop these announcements."""
        statement, values = (
            "DELETE FROM announcements WHERE id IN (SELECT value FROM json_each(?))",
            (as_json(announcements),),
        )
        return await self._database.settle(lambda connection: connection.execute(statement, values).rowcount)

    async def drop_dead(self, before: float) -> int:
        """Drop the announcements that died before a time."""
        statement = "DELETE FROM announcements WHERE died_at < ?"
        return await self._database.settle(lambda connection: connection.execute(statement, (before,)).rowcount)

    async def statistics(self) -> AnnouncementStatistics:
        """Return the current counts."""

        def work(connection: Connection) -> AnnouncementStatistics:
            living, pending, oldest = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE attempts = 0), min(announced_at) FROM announcements "
                "WHERE died_at IS NULL"
            ).fetchone()
            dead = connection.execute("SELECT count(*) FROM announcements WHERE died_at IS NOT NULL").fetchone()[0]
            return AnnouncementStatistics(
                pending=pending, failing=living - pending, dead=dead, oldest_announced_at=oldest
            )

        return await self._database.read(work)


def _row(announcement: Announcement, failed: dict[str, object]) -> dict[str, object]:
    return failed | {"id": announcement.id, "count": announcement.count}


def _fail(connection: Connection, row: dict[str, object]) -> bool:
    """Note that a fetch failed. Return whether it counts, because the topic has not been announced again since."""
    connection.execute(
        "UPDATE announcements SET reason = :reason, status = :status, allowed_at = :allowed_at, "
        "due_at = max(due_at, :allowed_at) WHERE id = :id",
        row,
    )
    counted = connection.execute(
        "UPDATE announcements SET attempts = attempts + 1, due_at = :due_at, died_at = :died_at "
        "WHERE id = :id AND count = :count",
        row,
    )
    return bool(counted.rowcount)


def _announcement(*row: object) -> Announcement:
    number, topic, count, announced_at, attempts, due_at, status, reason, died_at = row
    return Announcement(
        id=rows.whole(number),
        topic=rows.text(topic),
        count=rows.whole(count),
        announced_at=rows.number(announced_at),
        attempts=rows.whole(attempts),
        due_at=rows.number(due_at),
        status=None if status is None else rows.whole(status),
        reason=rows.text(reason),
        died_at=None if died_at is None else rows.number(died_at),
    )
