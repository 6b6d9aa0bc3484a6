"""Updates in SQLite: stored once, read when due, deleted when no subscription is owed them."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.counts import begin_message, delete_messages
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.members import Admission, Members

_DELETED_AT_ONCE = 500
_DELETED_BYTES_AT_ONCE = 2 * 1_048_576


class AppendedUpdate(NamedTuple):
    """The result of appending an update.

    Attributes:
        update: The update, with the id under which it was accepted, now or before.
        admission: Whether it was admitted.
        position: Its topic and sequence number, if it was appended.
        number: Its number, if it was appended.
        recipients: How many subscriptions it is owed to, according to the board, or None if that is unknown.
    """

    update: Update
    admission: Admission
    position: Key = (0, 0)
    number: int = 0
    recipients: int | None = 0


def append_update(connection: Connection, update: Update, members: Members) -> AppendedUpdate:
    """Append an update to the log of its topic, and begin its message, if it is admitted."""
    row = connection.execute("SELECT id, head FROM topics WHERE identity = ?", (url_identity(update.topic),)).fetchone()
    admission = Admission.NOBODY if row is None else members.admit(row[0])
    if admission is not Admission.TAKEN:
        return AppendedUpdate(update, admission)
    topic: int = row[0]
    sequence: int = row[1] + 1
    connection.execute("UPDATE topics SET head = ? WHERE id = ?", (sequence, topic))
    number = connection.execute(
        "INSERT INTO updates "
        "(topic_id, sequence, message_id, content_type, canonical, hubs, published_at, content, trace) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            topic,
            sequence,
            update.id,
            update.content_type,
            update.canonical,
            json.dumps(update.hubs),
            update.published_at,
            update.content,
            update.trace or None,
        ),
    ).lastrowid
    recipients = members.count(topic)
    begin_message(connection, number or 0, update, recipients)
    return AppendedUpdate(update, admission, (topic, sequence), number or 0, recipients)


def read_update(connection: Connection, key: Key) -> Update | None:
    """Return an update, or None if there is no such update.

    Raises:
        UnreadableError: A value in its row is damaged.
    """
    row = connection.execute(
        "SELECT message_id, url, content, content_type, canonical, hubs, published_at, trace "
        "FROM updates JOIN topics ON topics.id = topic_id WHERE topic_id = ? AND sequence = ?",
        key,
    ).fetchone()
    if row is None:
        return None
    identity, url, content, content_type, canonical, hubs, published_at, trace = row
    return Update(
        id=rows.text(identity),
        topic=rows.text(url),
        content=rows.content(content),
        content_type=rows.text(content_type),
        canonical=rows.text_or_none(canonical),
        hubs=rows.texts(hubs),
        published_at=rows.number(published_at),
        trace=rows.text_or_none(trace) or "",
    )


class Deleted(NamedTuple):
    """The result of deleting updates.

    Attributes:
        deleted: How many were deleted.
        more: Whether there may be more.
        newest: The number of the newest remaining update.
        left: The topics with updates left within their bounds, because a dead letter needs them.
    """

    deleted: int
    more: bool
    newest: int
    left: frozenset[int]


def delete_updates(connection: Connection, bounds: Sequence[Key]) -> Deleted:
    """Delete some updates of topics with their messages, as in ``Journal.delete_updates``."""
    found = connection.execute(
        "SELECT updates.id, length(content) FROM json_each(?) AS bound JOIN updates "
        "ON topic_id = json_extract(bound.value, '$[0]') AND sequence <= json_extract(bound.value, '$[1]') "
        "WHERE NOT EXISTS (SELECT 1 FROM dead_letters WHERE dead_letters.topic_id = updates.topic_id "
        "AND dead_letters.sequence = updates.sequence) LIMIT ?",
        (json.dumps(bounds), _DELETED_AT_ONCE),
    ).fetchall()
    chosen, size = [], 0
    for number, length in found:
        chosen.append(number)
        size += length
        if size > _DELETED_BYTES_AT_ONCE:
            break
    connection.execute("DELETE FROM updates WHERE id IN (SELECT value FROM json_each(?))", (as_json(chosen),))
    delete_messages(connection, chosen)
    newest: int = connection.execute("SELECT coalesce(max(id), 0) FROM updates").fetchone()[0]
    left = connection.execute(
        "SELECT json_extract(value, '$[0]') AS topic FROM json_each(?) WHERE EXISTS (SELECT 1 FROM updates "
        "WHERE topic_id = topic AND sequence <= json_extract(value, '$[1]'))",
        (json.dumps(bounds),),
    ).fetchall()
    more = len(chosen) < len(found) or len(found) == _DELETED_AT_ONCE
    return Deleted(len(chosen), more, newest, frozenset(topic for (topic,) in left))


def oldest_published(connection: Connection, keys: Iterable[Key]) -> float | None:
    """Return when the oldest of these updates was published, or None if there is none."""
    row = connection.execute(
        "SELECT min(published_at) FROM json_each(?) JOIN updates "
        "ON topic_id = json_extract(value, '$[0]') AND sequence = json_extract(value, '$[1]')",
        (json.dumps(list(keys)),),
    ).fetchone()
    oldest: float | None = row[0]
    return oldest
