"""Updates in SQLite: stored once, read when due, deleted when no subscription is owed them."""

import json
from collections.abc import Callable, Iterable, Sequence

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.members import Admission

_DELETED_AT_ONCE = 500
_DELETED_BYTES_AT_ONCE = 2 * 1_048_576


def append_update(connection: Connection, update: Update, admit: Callable[[int], Admission]) -> tuple[Admission, Key]:
    """Append an update to the log of its topic, if it is admitted."""
    row = connection.execute("SELECT id FROM topics WHERE identity = ?", (url_identity(update.topic),)).fetchone()
    admission = Admission.NOBODY if row is None else admit(row[0])
    if admission is not Admission.TAKEN:
        return admission, (0, 0)
    topic: int = row[0]
    sequence: int = connection.execute(
        "UPDATE topics SET head = head + 1 WHERE id = ? RETURNING head", (topic,)
    ).fetchone()[0]
    connection.execute(
        "INSERT INTO updates (topic_id, sequence, message_id, content_type, canonical, hubs, published_at, content) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            topic,
            sequence,
            update.id,
            update.content_type,
            update.canonical,
            json.dumps(update.hubs),
            update.published_at,
            update.content,
        ),
    )
    return admission, (topic, sequence)


def read_update(connection: Connection, key: Key) -> Update | None:
    """One update.

    Raises:
        UnreadableError: A value of it is not what it must be.
    """
    row = connection.execute(
        "SELECT message_id, url, content, content_type, canonical, hubs, published_at "
        "FROM updates JOIN topics ON topics.id = topic_id WHERE topic_id = ? AND sequence = ?",
        key,
    ).fetchone()
    if row is None:
        return None
    identity, url, content, content_type, canonical, hubs, published_at = row
    return Update(
        id=rows.text(identity),
        topic=rows.text(url),
        content=rows.content(content),
        content_type=rows.text(content_type),
        canonical=rows.text_or_none(canonical),
        hubs=rows.texts(hubs),
        published_at=rows.number(published_at),
    )


def delete_updates(connection: Connection, bounds: Sequence[Key]) -> tuple[int, bool]:
    """Delete some updates of topics, as in ``Journal.delete_updates``. Return how many, and if there may be more."""
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
    return len(chosen), len(chosen) < len(found) or len(found) == _DELETED_AT_ONCE


def oldest_published(connection: Connection, keys: Iterable[Key]) -> float | None:
    """When the oldest of these updates was published."""
    row = connection.execute(
        "SELECT min(published_at) FROM json_each(?) JOIN updates "
        "ON topic_id = json_extract(value, '$[0]') AND sequence = json_extract(value, '$[1]')",
        (json.dumps(list(keys)),),
    ).fetchone()
    oldest: float | None = row[0]
    return oldest
