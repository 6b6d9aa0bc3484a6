"""Pending intent verifications in SQLite."""

import json
import logging
from collections.abc import Callable, Collection, Sequence

import attrs

from websubhub import host_of, url_identity
from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.ports import (
    HostAccount,
    HostFullError,
    HubFullError,
    Mode,
    PendingVerification,
    StoreError,
    SubscriptionLimits,
)

log: logging.Logger = logging.getLogger("websubhub")

_COLUMNS = "id, mode, topic, callback, secret, lease_seconds, attempts, due_at, reason, known"
_IS_SUBSCRIBED = (
    "EXISTS (SELECT 1 FROM subscriptions JOIN topics ON topics.id = topic_id WHERE expires_at > :now "
    "AND topics.identity = :topic_identity AND subscriptions.identity = :callback_identity)"
)
_REPLACE = (
    "INSERT OR REPLACE INTO verifications (topic_identity, callback_identity, id, mode, topic, callback, secret, "
    "lease_seconds, attempts, due_at, reason, host, known) SELECT :topic_identity, :callback_identity, :id, :mode, "
    f":topic, :callback, :secret, :lease_seconds, :attempts, :due_at, :reason, :host, {_IS_SUBSCRIBED}"
)
_PAIR = "WHERE topic_identity = :topic_identity AND callback_identity = :callback_identity"
_HAS_A_PLACE = f"EXISTS (SELECT 1 FROM verifications {_PAIR}) OR {_IS_SUBSCRIBED}"  # noqa: S608
_REPLACE_KNOWN = f"{_REPLACE} WHERE {_HAS_A_PLACE}"
_DUE = (
    f"SELECT rowid, {_COLUMNS} FROM verifications WHERE known = :known AND due_at <= :now "  # noqa: S608
    "AND host NOT IN (SELECT value FROM json_each(:besides)) "
    "AND (:among IS NULL OR host IN (SELECT value FROM json_each(:among))) ORDER BY due_at LIMIT :limit"
)
_PAGE = (
    f"SELECT rowid, {_COLUMNS} FROM verifications WHERE (topic_identity, callback_identity) > (:topic, :callback) "  # noqa: S608
    "{only}ORDER BY topic_identity, callback_identity LIMIT :limit"
)
_ATTEMPTS = {None: "", True: "AND attempts > 0 ", False: "AND attempts = 0 "}
_STRANGERS = "SELECT count(*), count(*) FILTER (WHERE host = :host) FROM verifications WHERE known = 0"
_HELD = "SELECT host, held FROM subscription_counts WHERE host IN (:host, '*')"
# A request that is waiting for another attempt is not in progress, so no subscriber is confirming it now.
_GREEDIEST = (
    "SELECT host, count(*) AS held FROM verifications WHERE known = 0 "
    "GROUP BY host HAVING max(attempts > 0 AND due_at > :now) ORDER BY held DESC LIMIT 1"
)
_MAKE_ROOM = (
    "DELETE FROM verifications WHERE id = (SELECT id FROM verifications WHERE known = 0 AND host = ? "
    "AND attempts > 0 AND due_at > ? ORDER BY attempts DESC, due_at LIMIT 1)"
)


class SqliteVerifications:
    """Satisfies ``VerificationStore``.

    Args:
        database: The database.
        clock: The hub's clock.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def save(
        self,
        verification: PendingVerification,
        *,
        places: int | None = None,
        limits: SubscriptionLimits | None = None,
    ) -> PendingVerification | None:
        """Store a request if there is a place for it, replacing an older one of the same pair."""
        row = _row(verification, self._clock())

        def work(connection: Connection) -> bool | StoreError | None:
            """Store the request, and return whether its pair is subscribed, or None if there is no place."""
            if connection.execute(f"SELECT {_HAS_A_PLACE}", row).fetchone()[0]:
                return _replace(connection, row)
            strangers = connection.execute(_STRANGERS, row).fetchone()
            excess = None if limits is None else _excess(connection, row, limits, strangers)
            if excess is not None:
                return excess  # if raised here, it would undo other writes of the same step
            if places is not None and not _has_place(connection, row, places, strangers):
                return None
            return _replace(connection, row)

        known = await self._database.write(work)
        if isinstance(known, StoreError):
            raise known
        return None if known is None else attrs.evolve(verification, known=known)

    async def save_if_known(self, verification: PendingVerification) -> bool:
        """Store a request, in one step, if its pair is subscribed or has a request that this one replaces."""
        row = _row(verification, self._clock())
        return bool(await self._database.write(lambda connection: connection.execute(_REPLACE_KNOWN, row).rowcount))

    async def get(self, topic: str, callback: str) -> PendingVerification | None:
        """Return the newest request of this pair, or None."""

        def work(connection: Connection) -> PendingVerification | None:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM verifications WHERE topic_identity = ? AND callback_identity = ?",  # noqa: S608
                (url_identity(topic), url_identity(callback)),
            ).fetchone()
            return _verification(*row) if row else None

        return await self._database.read(work)

    async def due(
        self,
        *,
        limit: int = 100,
        besides: Collection[HostAccount] = (),
        among: Collection[HostAccount] | None = None,
        known: Collection[bool] = (True, False),
    ) -> list[PendingVerification]:
        """Return the due requests: those of subscribed pairs first, then most overdue first."""
        common = {"now": self._clock(), "limit": limit}
        asked = [
            common
            | {
                "known": kind,
                "besides": _hosts(besides, known=kind),
                "among": None if among is None else _hosts(among, known=kind),
            }
            for kind in (True, False)
            if kind in known
        ]

        def work(connection: Connection) -> tuple[list[PendingVerification], list[int]]:
            found = [row for values in asked for row in connection.execute(_DUE, values).fetchall()]
            return rows.sorted_out(found, _verification)

        due, unreadable = await self._database.read(work)
        if unreadable:
            await self._forget(unreadable)
        return due

    async def _forget(self, unreadable: list[int]) -> None:
        """Delete unreadable requests, which would be due forever and hide the due ones behind them."""
        log.error("%d pending verifications cannot be read from the database, and are dropped.", len(unreadable))
        statement = "DELETE FROM verifications WHERE rowid IN (SELECT value FROM json_each(?))"
        await self._database.settle(lambda connection: connection.execute(statement, (as_json(unreadable),)).rowcount)

    async def postpone(self, verification: str, *, due_at: float, counts: bool = True, reason: str = "") -> bool:
        """Set the time of the next attempt, and count this one if it counts."""

        def work(connection: Connection) -> bool:
            statement = "UPDATE verifications SET attempts = attempts + ?, due_at = ?, reason = ? WHERE id = ?"
            return bool(connection.execute(statement, (counts, due_at, reason, verification)).rowcount)

        return await self._database.settle(work)

    async def remove(self, verification: str) -> bool:
        """Remove a request that was denied or not confirmed. Return False if a newer request has replaced it."""
        return await self._database.settle(lambda connection: _delete(connection, verification))

    async def page(
        self,
        *,
        after: tuple[str, str] | None = None,
        limit: int = 100,
        failing: bool | None = None,
        host: str | None = None,
    ) -> list[PendingVerification]:
        """Return a page of the pending requests by topic and callback."""
        topic, callback = map(url_identity, after or ("", ""))
        values = {"topic": topic, "callback": callback, "host": host, "limit": limit}
        only = _ATTEMPTS[failing] + ("" if host is None else "AND host = :host ")

        def work(connection: Connection) -> list[PendingVerification]:
            found = connection.execute(_PAGE.format(only=only), values).fetchall()
            return rows.sorted_out(found, _verification)[0]

        return await self._database.read(work)

    async def known(self, verifications: Sequence[str]) -> set[str]:
        """Return which of these ids exist."""
        statement = "SELECT id FROM verifications WHERE id IN (SELECT value FROM json_each(?))"
        values = (json.dumps(verifications),)
        return await self._database.read(lambda connection: {row[0] for row in connection.execute(statement, values)})

    async def retry(self, verifications: Sequence[str]) -> int:
        """Make these requests due now, starting over with the first attempt."""
        statement = "UPDATE verifications SET attempts = 0, due_at = ? WHERE id IN (SELECT value FROM json_each(?))"
        values = self._clock(), json.dumps(verifications)
        return await self._database.write(lambda connection: connection.execute(statement, values).rowcount)

    async def drop(self, verifications: Sequence[str]) -> int:
        """Drop these requests."""
        statement = "DELETE FROM verifications WHERE id IN (SELECT value FROM json_each(?))"
        values = (json.dumps(verifications),)
        return await self._database.settle(lambda connection: connection.execute(statement, values).rowcount)

    async def count(self) -> int:
        """Return how many requests are pending."""

        def work(connection: Connection) -> int:
            count: int = connection.execute("SELECT count(*) FROM verifications").fetchone()[0]
            return count

        return await self._database.read(work)


def confirm_verification(connection: Connection, verification: str, topic: str, callback: str) -> bool:
    """Remove a confirmed verification, in the transaction of its effect, and return whether it counts.

    It counts if it is pending, or if a newer request has replaced it and is waiting behind it.
    """
    if _delete(connection, verification):
        return True
    pair = {"topic_identity": url_identity(topic), "callback_identity": url_identity(callback)}
    return connection.execute(f"SELECT 1 FROM verifications {_PAIR}", pair).fetchone() is not None  # noqa: S608


def withdraw_verification(connection: Connection, topic: str, callback: str) -> None:
    """Remove the pending request of a pair, so that it does not count even if it is being verified."""
    pair = {"topic_identity": url_identity(topic), "callback_identity": url_identity(callback)}
    connection.execute(f"DELETE FROM verifications {_PAIR}", pair)  # noqa: S608


def _replace(connection: Connection, row: dict[str, object]) -> bool:
    """Store a request, and return whether its pair is subscribed."""
    known: int = connection.execute(f"{_REPLACE} RETURNING known", row).fetchone()[0]
    return bool(known)


def _excess(
    connection: Connection, row: dict[str, object], limits: SubscriptionLimits, strangers: tuple[int, int]
) -> StoreError | None:
    """Return the error if one more subscription would exceed the limits, counting pending requests, or None."""
    held = dict(connection.execute(_HELD, row).fetchall())
    pending, of_host = strangers
    if held.get(row["host"], 0) + of_host >= limits.per_host:
        return HostFullError(f"{row['host']} has {limits.per_host} subscriptions.")
    if held.get("*", 0) + pending >= limits.in_all:
        return HubFullError(f"There are {limits.in_all} subscriptions.")
    return None


def _has_place(connection: Connection, row: dict[str, object], places: int, strangers: tuple[int, int]) -> bool:
    """Return whether there is a place for a request of a new pair, after making room for it if possible."""
    pending, of_host = strangers
    if of_host < places - pending:
        return True
    host, held = connection.execute(_GREEDIEST, row).fetchone() or ("", 0)
    # The host with the most requests gives way, even to itself.
    return held > of_host - (host == row["host"]) and bool(connection.execute(_MAKE_ROOM, (host, row["now"])).rowcount)


def _delete(connection: Connection, verification: str) -> bool:
    return bool(connection.execute("DELETE FROM verifications WHERE id = ?", (verification,)).rowcount)


def _hosts(accounts: Collection[HostAccount], *, known: bool) -> str:
    return json.dumps([host for kind, host in accounts if kind is known])


def _row(verification: PendingVerification, now: float) -> dict[str, object]:
    pair = {
        "host": host_of(verification.callback),
        "now": now,
        "topic_identity": url_identity(verification.topic),
        "callback_identity": url_identity(verification.callback),
    }
    return attrs.asdict(verification) | pair


def _verification(*row: object) -> PendingVerification:
    name, mode, topic, callback, secret, lease_seconds, attempts, due_at, reason, known = row
    return PendingVerification(
        id=rows.text(name),
        mode=Mode(rows.text(mode)),
        topic=rows.text(topic),
        callback=rows.text(callback),
        secret=rows.text_or_none(secret),
        lease_seconds=rows.whole(lease_seconds),
        attempts=rows.whole(attempts),
        due_at=rows.number(due_at),
        reason=rows.text(reason),
        known=bool(known),
    )
