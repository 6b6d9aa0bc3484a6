"""Pending intent verifications in SQLite."""

from collections.abc import Callable

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite.database import Connection
from websubhub.standalone.adapters.sqlite.thread import Database
from websubhub.standalone.ports import Mode, PendingVerification

_COLUMNS = "id, mode, topic, callback, secret, lease_seconds, attempts, due_at"


class SqliteVerifications:
    """Satisfies ``VerificationStore``.

    Args:
        database: Where they are kept.
        clock: The wall clock.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def save(self, verification: PendingVerification) -> None:
        """Keep a request; it replaces an older one of the same pair."""
        row = (
            url_identity(verification.topic),
            url_identity(verification.callback),
            verification.id,
            verification.mode,
            verification.topic,
            verification.callback,
            verification.secret,
            verification.lease_seconds,
            verification.attempts,
            verification.due_at,
        )

        def work(connection: Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO verifications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

        await self._database.write(work)

    async def get(self, topic: str, callback: str) -> PendingVerification | None:
        """The newest request of this pair, or None."""

        def work(connection: Connection) -> PendingVerification | None:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM verifications WHERE topic_identity = ? AND callback_identity = ?",  # noqa: S608
                (url_identity(topic), url_identity(callback)),
            ).fetchone()
            return _verification(*row) if row else None

        return await self._database.read(work)

    async def due(self, *, limit: int = 100) -> list[PendingVerification]:
        """The requests that are due, the longest due first."""
        now = self._clock()

        def work(connection: Connection) -> list[PendingVerification]:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM verifications WHERE due_at <= ? ORDER BY due_at LIMIT ?",  # noqa: S608
                (now, limit),
            ).fetchall()
            return [_verification(*row) for row in rows]

        return await self._database.read(work)

    async def postpone(self, verification: str, *, due_at: float) -> bool:
        """Count an attempt and set the time of the next. False when a newer request has replaced it."""

        def work(connection: Connection) -> bool:
            statement = "UPDATE verifications SET attempts = attempts + 1, due_at = ? WHERE id = ?"
            return bool(connection.execute(statement, (due_at, verification)).rowcount)

        return await self._database.write(work)

    async def remove(self, verification: str) -> bool:
        """Forget a request that was denied or given up. False when a newer request has replaced it."""
        return await self._database.write(lambda connection: finish_verification(connection, verification))

    async def count(self) -> int:
        """How many requests are pending."""

        def work(connection: Connection) -> int:
            count: int = connection.execute("SELECT count(*) FROM verifications").fetchone()[0]
            return count

        return await self._database.read(work)


def finish_verification(connection: Connection, verification: str) -> bool:
    """Take a pending verification out, in the transaction of what it leads to. Whether it was still pending."""
    return bool(connection.execute("DELETE FROM verifications WHERE id = ?", (verification,)).rowcount)


def _verification(*row: object) -> PendingVerification:
    names = _COLUMNS.split(", ")
    values = dict(zip(names, row, strict=True))
    return PendingVerification(**values | {"mode": Mode(str(values["mode"]))})  # type: ignore[arg-type]
