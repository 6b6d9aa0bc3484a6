"""Which publishes that name themselves were accepted, so that one that is sent again is accepted once."""

from collections.abc import Callable
from hashlib import sha256

from attrs import evolve

from websubhub import url_identity
from websubhub.standalone.adapters.sqlite.database import Connection
from websubhub.standalone.adapters.sqlite.updates import Key, append_update
from websubhub.standalone.ports import PublishKey, Update
from websubhub.standalone.schedule.members import Admission

WINDOW_SECONDS = 86_400.0
KEYS_LIMIT = 100_000
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
            (topic, key.id, now - WINDOW_SECONDS),
        ).fetchall()
    )
    if key.publisher in known:
        return evolve(update, id=known[key.publisher]), Admission.NOBODY, (0, 0)
    if update.id in known.values():
        # Of another publisher: subscribers take two messages with one id for the same message.
        update = evolve(update, id=sha256(f"{key.publisher} {topic} {key.id}".encode()).hexdigest()[:32])
    admission, position = append_update(connection, update, admit)
    if admission is not Admission.FULL:
        number = connection.execute(
            "INSERT OR REPLACE INTO accepted_keys (topic, given, publisher, message_id, accepted_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (topic, key.id, key.publisher, update.id, now),
        ).lastrowid
        _forget(connection, now, (number or 0) - KEYS_LIMIT)
    return update, admission, position


def _forget(connection: Connection, now: float, last: int) -> None:
    """Forget the keys up to a number, and some of those that are too old: more than one new key makes."""
    connection.execute("DELETE FROM accepted_keys WHERE id <= ?", (last,))
    connection.execute(
        "DELETE FROM accepted_keys WHERE accepted_at <= ? AND id IN (SELECT id FROM accepted_keys ORDER BY id LIMIT ?)",
        (now - WINDOW_SECONDS, _FORGOTTEN_AT_ONCE),
    )
