"""Redeliveries in SQLite: a message that a subscription may already have, delivered like a replayed dead letter."""

from typing import NamedTuple

from websubhub.standalone.adapters.sqlite.file.database import Connection

REASON = "an operator requested a redelivery"


class Redelivery(NamedTuple):
    """A redelivery, with the arguments of ``Ledger.replaying``."""

    topic: int
    subscription: int
    letter: int
    sequence: int


def begin_redelivery(connection: Connection, number: int, callback: str, now: float) -> Redelivery | None:
    """Add a dead letter to replay, which is deleted once it arrives.

    Args:
        connection: The connection.
        number: The number of the message.
        callback: The identity of the callback.
        now: The time.

    Returns:
        The redelivery, or None if there is no such message, or no active subscription to its topic.
    """
    row = connection.execute(
        "INSERT INTO dead_letters (topic_id, identity, callback, host, sequence, attempts, reason, died_at, replaying, "
        "redelivery) SELECT subscriptions.topic_id, identity, callback, host, sequence, 0, ?, ?, 1, 1 "
        "FROM updates JOIN subscriptions USING (topic_id) WHERE updates.id = ? AND identity = ? AND expires_at > ? "
        "RETURNING topic_id, id, sequence",
        (REASON, now, number, callback, now),
    ).fetchone()
    if row is None:
        return None
    topic, letter, sequence = row
    (subscription,) = connection.execute(
        "SELECT id FROM subscriptions WHERE topic_id = ? AND identity = ?", (topic, callback)
    ).fetchone()
    return Redelivery(topic, subscription, letter, sequence)
