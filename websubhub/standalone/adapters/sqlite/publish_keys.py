"""Which publishes that name themselves were accepted, so that one that is sent again is accepted once."""

from collections.abc import Callable

from attrs import evolve

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.updates import append_update
from websubhub.standalone.broker import publish_keys
from websubhub.standalone.ports import PublishKey, Update
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.members import Admission

_FORGOTTEN_AT_ONCE = 20


def append_once(
    connection: Connection, update: Update, key: PublishKey, now: float, admit: Callable[[int], Admission]
) -> tuple[Update, Admission, Key]:
    """Append an update unless one was accepted under its key, and remember the key in the same transaction.

    Returns:
        The update with the id that it was accepted with, now or before, and what ``append_update`` returns.
    """
    topic = url_identity(update.topic)
    known: dict[str, str] = dict(
        connection.execute(
            "SELECT publisher, message_id FROM accepted_keys WHERE topic = ? AND given = ? AND accepted_at > ?",
            (topic, key.id, now - publish_keys.WINDOW_SECONDS),
        ).fetchall()
    )
    if key.publisher in known:
        return evolve(update, id=known[key.publisher]), Admission.REPEATED, (0, 0)
    if update.id in known.values():
        update = evolve(update, id=publish_keys.own_id(key, topic))
    admission, position = append_update(connection, update, admit)
    if admission is not Admission.FULL:
        number = connection.execute(
            "INSERT OR REPLACE INTO accepted_keys (topic, given, publisher, message_id, accepted_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (topic, key.id, key.publisher, update.id, now),
        ).lastrowid
        _forget(connection, now, (number or 0) - publish_keys.KEYS_LIMIT)
    return update, admission, position


def _forget(connection: Connection, now: float, last: int) -> None:
    """Forget the keys up to a number, and some expired ones: more than a new key adds."""
    connection.execute("DELETE FROM accepted_keys WHERE id <= ?", (last,))
    connection.execute(
        "DELETE FROM accepted_keys WHERE accepted_at <= ? AND id IN (SELECT id FROM accepted_keys ORDER BY id LIMIT ?)",
        (now - publish_keys.WINDOW_SECONDS, _FORGOTTEN_AT_ONCE),
    )
