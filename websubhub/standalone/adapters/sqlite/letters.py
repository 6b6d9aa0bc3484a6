"""Dead letters and failing deliveries in SQLite."""

from collections.abc import Sequence

from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.ports import DeadLetter, FailingDelivery

_REPLAYABLE = (
    "FROM dead_letters JOIN subscriptions USING (topic_id, identity) "
    "WHERE dead_letters.id IN (SELECT value FROM json_each(?)) AND expires_at > ? "
)


def read_letters(connection: Connection, after: int, limit: int) -> list[DeadLetter]:
    """Return a page of the dead letters."""
    rows = connection.execute(
        "SELECT dead_letters.id, topics.url, callback, message_id, content_type, length(content), attempts, reason, "
        "died_at, replaying FROM dead_letters JOIN topics ON topics.id = dead_letters.topic_id "
        "JOIN updates ON updates.topic_id = dead_letters.topic_id AND updates.sequence = dead_letters.sequence "
        "WHERE dead_letters.id > ? ORDER BY dead_letters.id LIMIT ?",
        (after, limit),
    ).fetchall()
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


def read_failing(connection: Connection, limit: int) -> list[FailingDelivery]:
    """Return the deliveries that will be tried again, the next one first."""
    rows = connection.execute(
        "SELECT url, callback, attempts, refusals, due_at, reason FROM retries "
        "JOIN subscriptions ON subscriptions.id = subscription_id "
        "JOIN topics ON topics.id = topic_id ORDER BY due_at LIMIT ?",
        (limit,),
    ).fetchall()
    return [
        FailingDelivery(topic=row[0], callback=row[1], attempts=row[2], refusals=row[3], due_at=row[4], reason=row[5])
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
    """Return the dead letters that were to be tried once more before a restart, as ``mark_replaying`` returns them."""
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
