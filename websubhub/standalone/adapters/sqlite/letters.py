"""Dead letters in SQLite."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from websubhub import authority_of, url_identity
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.adapters.sqlite.updates import read_update
from websubhub.standalone.ports import EVERY_DELIVERY, DeadLetter, DeliveryFilter, Update
from websubhub.standalone.schedule.hosts import host_key

_REPLAYABLE = (
    "FROM dead_letters JOIN subscriptions USING (topic_id, identity) "
    "WHERE dead_letters.id IN (SELECT value FROM json_each(?)) AND expires_at > ? "
)


_PAGE = (
    "SELECT dead_letters.id, topics.url, callback, message_id, content_type, length(content), attempts, reason, "
    "died_at, replaying FROM dead_letters {index} JOIN topics ON topics.id = dead_letters.topic_id "
    "JOIN updates ON updates.topic_id = dead_letters.topic_id AND updates.sequence = dead_letters.sequence "
    "WHERE {only} dead_letters.id > :after ORDER BY dead_letters.id LIMIT :limit"
)
_IDS = "SELECT id FROM dead_letters {index} WHERE {only} id > :after ORDER BY id LIMIT :limit"
_COUNT = "SELECT count(*) FROM dead_letters {index} WHERE {only} 1"
#: The conditions of a filter, and the index for each. The index of the first given condition is used.
_CONDITIONS = (
    ("callback", "dead_letters.host = :callback_host AND dead_letters.identity = :callback", "dead_letters_by_host"),
    ("host", "dead_letters.host = :host", "dead_letters_by_host"),
    ("topic", "dead_letters.topic_id = (SELECT id FROM topics WHERE identity = :topic)", "dead_letters_by_topic"),
    ("reason", "dead_letters.reason = :reason", "dead_letters_by_reason"),
)


class SqliteLetters:
    """Satisfies ``DeadLetterStore``.

    Args:
        database: The database.
        flush: Waits until all settlements are in the database.
    """

    def __init__(self, database: Database, flush: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._flush = flush

    async def page(
        self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 100
    ) -> list[DeadLetter]:
        """Return a page of the matching dead letters, oldest first."""
        await self._flush()
        return await self._database.read(lambda connection: read_letters(connection, after, limit, only))

    async def ids(self, only: DeliveryFilter = EVERY_DELIVERY, *, after: int = 0, limit: int = 1000) -> list[int]:
        """Return the ids of the matching dead letters, oldest first."""
        await self._flush()
        return await self._database.read(
            lambda connection: [row[0] for row in _select(connection, _IDS, only, after=after, limit=limit)]
        )

    async def known(self, letters: list[int]) -> set[int]:
        """Return which of these ids exist."""
        await self._flush()
        statement = "SELECT id FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))"
        return await self._database.read(
            lambda connection: {row[0] for row in connection.execute(statement, (as_json(letters),))}
        )

    async def count(self, only: DeliveryFilter = EVERY_DELIVERY) -> int:
        """Return how many dead letters match."""
        await self._flush()
        return await self._database.read(lambda connection: int(_select(connection, _COUNT, only)[0][0]))

    async def update(self, letter: int) -> Update | None:
        """Return the update of a dead letter, or None."""
        await self._flush()

        def work(connection: Connection) -> Update | None:
            key = connection.execute("SELECT topic_id, sequence FROM dead_letters WHERE id = ?", (letter,)).fetchone()
            return None if key is None else read_update(connection, key)

        return await self._database.read(work)


def _select(connection: Connection, statement: str, only: DeliveryFilter, **values: int) -> list[tuple[Any, ...]]:
    chosen = [(condition, index) for name, condition, index in _CONDITIONS if getattr(only, name) is not None]
    conditions = "".join(f"{condition} AND " for condition, _ in chosen)
    index = f"INDEXED BY {chosen[0][1]}" if chosen else ""
    parameters: dict[str, object] = {
        **values,
        "callback": url_identity(only.callback or ""),
        "callback_host": host_key(authority_of(only.callback)) if only.callback else 0,
        "host": host_key(only.host or ""),
        "topic": url_identity(only.topic or ""),
        "reason": only.reason,
    }
    return connection.execute(statement.format(index=index, only=conditions), parameters).fetchall()


def read_letters(
    connection: Connection, after: int, limit: int, only: DeliveryFilter = EVERY_DELIVERY
) -> list[DeadLetter]:
    """Return a page of the dead letters."""
    rows = _select(connection, _PAGE, only, after=after, limit=limit)
    return [
        DeadLetter(
            id=row[0],
            topic=row[1],
            callback=row[2],
            message_id=row[3],
            content_type=row[4],
            content_length=row[5],
            attempts=row[6],
            reason=row[7],
            died_at=row[8],
            replaying=bool(row[9]),
        )
        for row in rows
    ]


def mark_replaying(connection: Connection, letters: Sequence[int], now: float) -> list[tuple[int, int, int, int]]:
    """Mark dead letters as replaying. Return their topics, subscriptions, own numbers and updates."""
    values = as_json(letters), now
    rows = connection.execute(
        "SELECT topic_id, subscriptions.id, dead_letters.id, sequence " + _REPLAYABLE + "ORDER BY dead_letters.id",
        values,
    ).fetchall()
    connection.execute(
        "UPDATE dead_letters SET replaying = 1 WHERE id IN (SELECT value FROM json_each(?))",
        (as_json(row[2] for row in rows),),
    )
    return rows


def read_replaying(connection: Connection) -> list[tuple[int, int, int, int]]:
    """Return the dead letters that were being replayed before a restart, in the form of ``mark_replaying``."""
    return connection.execute(
        "SELECT topic_id, subscriptions.id, dead_letters.id, sequence FROM dead_letters JOIN subscriptions "
        "USING (topic_id, identity) WHERE replaying ORDER BY dead_letters.id"
    ).fetchall()


def delete_letters(connection: Connection, letters: Sequence[int]) -> list[tuple[int, int | None, int]]:
    """Delete dead letters. Return their topics, their subscriptions or None if they ended, and their own numbers."""
    rows = connection.execute(
        "SELECT topic_id, subscriptions.id, dead_letters.id FROM dead_letters LEFT JOIN subscriptions "
        "USING (topic_id, identity) WHERE dead_letters.id IN (SELECT value FROM json_each(?))",
        (as_json(letters),),
    ).fetchall()
    connection.execute("DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))", (as_json(letters),))
    return rows
