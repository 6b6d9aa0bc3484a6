"""The keys of accepted publishes, so that a repeated publish is accepted only once."""

from attrs import evolve

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.updates import AppendedUpdate, append_update
from websubhub.standalone.broker import publish_keys
from websubhub.standalone.ports import PublishKey, Update
from websubhub.standalone.schedule.members import Admission, Members

_FORGOTTEN_AT_ONCE = 20


def append_once(
    connection: Connection, update: Update, key: PublishKey, now: float, members: Members
) -> AppendedUpdate:
    """Append an update unless one with the same key was accepted, and store the key in the same transaction."""
    topic = url_identity(update.topic)
    known: dict[str, str] = dict(
        connection.execute(
            "SELECT publisher, message_id FROM accepted_keys WHERE topic = ? AND given = ? AND accepted_at > ?",
            (topic, key.id, now - publish_keys.WINDOW_SECONDS),
        ).fetchall()
    )
    if key.publisher in known:
        update = evolve(update, id=known[key.publisher])
        return AppendedUpdate(update, Admission.REPEATED, recipients=_recipients(connection, topic, update.id))
    if update.id in known.values():
        update = evolve(update, id=publish_keys.own_id(key, topic))
    appended = append_update(connection, update, members)
    if appended.admission is not Admission.FULL:
        number = connection.execute(
            "INSERT OR REPLACE INTO accepted_keys (topic, given, publisher, message_id, accepted_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (topic, key.id, key.publisher, update.id, now),
        ).lastrowid
        _forget(connection, now, (number or 0) - publish_keys.KEYS_LIMIT)
    return appended


def _recipients(connection: Connection, topic: str, message_id: str) -> int | None:
    """Return how many subscriptions an earlier message was owed to, or None if it is not kept."""
    row = connection.execute(
        "SELECT recipients FROM messages JOIN updates ON updates.id = number JOIN topics ON topics.id = topic_id "
        "WHERE message_id = ? AND identity = ?",
        (message_id, topic),
    ).fetchone()
    return None if row is None else int(row[0])


def _forget(connection: Connection, now: float, last: int) -> None:
    """Delete the keys up to a number, and some expired ones, so that more are deleted than added."""
    connection.execute("DELETE FROM accepted_keys WHERE id <= ?", (last,))
    connection.execute(
        "DELETE FROM accepted_keys WHERE accepted_at <= ? AND id IN (SELECT id FROM accepted_keys ORDER BY id LIMIT ?)",
        (now - publish_keys.WINDOW_SECONDS, _FORGOTTEN_AT_ONCE),
    )
