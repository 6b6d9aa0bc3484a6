"""Failed attempts in SQLite."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from websubhub import UrlError, authority_of, canonical_authority, url_identity
from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.broker.settlements import AttemptMade
from websubhub.standalone.ports import AttemptOutcome, FailedAttempt
from websubhub.standalone.schedule.hosts import host_key

_ROW_BYTES = 300
"""The bytes that an attempt takes in addition to its texts, including its index entries."""
_DELETED_AT_ONCE = 1_000
_COLUMNS = (
    "number, message_id, coalesce(url, ''), callback, attempt, attempted_at, status, milliseconds, outcome, reason, "
    "answer"
)
_SIZE = f"{_ROW_BYTES} + length(callback) + length(reason) + length(answer)"


def callback_key(callback: str) -> int:
    """Return the number of a callback by which its attempts are found."""
    return int.from_bytes(blake2b(callback.encode(), digest_size=8).digest(), "big", signed=True)


def write_attempts(connection: Connection, attempts: Iterable[AttemptMade]) -> None:
    """Write failed attempts, in the transaction of their outcomes."""
    connection.executemany(
        "INSERT INTO attempts (topic_id, message_id, callback, callback_key, host, attempt, attempted_at, status, "
        "milliseconds, outcome, reason, answer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                made.topic,
                made.message_id,
                made.callback,
                callback_key(made.callback),
                made.host,
                made.attempt,
                made.attempted_at,
                made.status,
                made.milliseconds,
                made.outcome,
                made.reason,
                made.answer,
            )
            for made in attempts
        ],
    )


def read_attempts(
    connection: Connection,
    *,
    message_id: str | None,
    topic: str | None,
    callback: str | None,
    host: str | None,
    outcome: AttemptOutcome | None,
    before: int | None,
    limit: int,
) -> list[FailedAttempt]:
    """Return a page of the attempts that match all conditions, newest first."""
    conditions: dict[str, object] = {}
    if message_id is not None:
        conditions["message_id = ?"] = message_id
    if topic is not None:
        conditions["topic_id = (SELECT id FROM topics WHERE identity = ?)"] = url_identity(topic)
    if callback is not None:
        conditions["callback_key = ?"] = callback_key(callback)
        conditions["callback = ?"] = callback
    if host is not None:
        conditions["host = ?"] = host_key(_canonical(host))
    if outcome is not None:
        conditions["outcome = ?"] = outcome
    if before is not None:
        conditions["number < ?"] = before
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    found = connection.execute(
        f"SELECT number, {_COLUMNS} FROM attempts LEFT JOIN topics ON topics.id = topic_id "  # noqa: S608 - our own words
        f"{where}ORDER BY number DESC LIMIT ?",
        (*conditions.values(), limit),
    ).fetchall()
    return rows.sorted_out(found, _attempt)[0]


def size_of_attempts(connection: Connection) -> int:
    """Return approximately how many bytes all attempts take."""
    total: int = connection.execute(f"SELECT coalesce(sum({_SIZE}), 0) FROM attempts").fetchone()[0]  # noqa: S608
    return total


def size_of(attempts: Iterable[AttemptMade]) -> int:
    """Return approximately how many bytes these attempts take."""
    return sum(_ROW_BYTES + len(made.callback) + len(made.reason) + len(made.answer) for made in attempts)


def delete_attempts(connection: Connection, before: float, excess: int) -> tuple[int, bool]:
    """Delete some of the oldest attempts. Return how many bytes they took, and whether there may be more to delete.

    Args:
        connection: The connection.
        before: Attempts that ended before this time are deleted.
        excess: How many bytes to free, regardless of age.
    """
    found = connection.execute(
        f"SELECT number, attempted_at, {_SIZE} FROM attempts ORDER BY number LIMIT ?",  # noqa: S608 - our own words
        (_DELETED_AT_ONCE,),
    ).fetchall()
    last = freed = 0
    for number, attempted_at, size in found:
        if attempted_at >= before and freed >= excess:
            break
        last, freed = number, freed + size
    connection.execute("DELETE FROM attempts WHERE number <= ?", (last,))
    return freed, bool(found) and last == found[-1][0] and len(found) == _DELETED_AT_ONCE


def _attempt(*values: Any) -> FailedAttempt:
    number, message_id, url, callback, attempt, attempted_at, status, milliseconds, outcome, reason, answer = values
    return FailedAttempt(
        number=number,
        message_id=rows.text(message_id),
        topic=rows.text(url),
        callback=rows.text(callback),
        host=authority_of(callback),
        attempt=rows.whole(attempt),
        attempted_at=rows.number(attempted_at),
        status=rows.whole(status),
        milliseconds=rows.whole(milliseconds),
        outcome=AttemptOutcome(outcome),
        reason=rows.text(reason),
        answer=rows.content(answer),
    )


def _canonical(host: str) -> str:
    try:
        return canonical_authority(host)
    except UrlError:
        return host  # matches no callback
