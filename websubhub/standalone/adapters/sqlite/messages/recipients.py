"""The recipients of a message in SQLite. Their state mostly follows from their positions."""

from collections.abc import Collection
from typing import Any, NamedTuple

from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.ports import DeliveryMode, MessageRecipient, RecipientState

_LETTER = (
    "SELECT id FROM dead_letters AS found WHERE found.topic_id = :topic AND found.sequence = :sequence "
    "AND found.identity = subscriptions.identity AND NOT (redelivery AND replaying) LIMIT 1"
)
_COLUMNS = (
    "subscriptions.callback, position, letters.attempts, letters.reason, "
    "retries.attempts, retries.due_at, retries.reason"
)
_FROM = (
    "FROM subscriptions JOIN positions ON positions.subscription_id = subscriptions.id "
    "LEFT JOIN retries ON retries.subscription_id = subscriptions.id AND retries.sequence = :sequence "
    f"LEFT JOIN dead_letters AS letters ON letters.id = ({_LETTER}) "
)
_ALL = (
    f"SELECT 0, subscriptions.identity, {_COLUMNS} {_FROM}"
    "WHERE subscriptions.topic_id = :topic AND subscriptions.identity > :after "
    "AND (:newest IS NULL OR subscriptions.id <= :newest) ORDER BY subscriptions.identity LIMIT :limit"
)
_THESE = (
    f"SELECT 0, CAST(subscriptions.id AS TEXT), {_COLUMNS} {_FROM}"  # noqa: S608 - our own words
    "WHERE subscriptions.id IN (SELECT value FROM json_each(:numbers)) ORDER BY subscriptions.id"
)
_DEAD_ONES = (
    "SELECT 0, identity, callback, attempts, reason FROM dead_letters WHERE topic_id = :topic "
    "AND sequence = :sequence AND identity > :after AND NOT (redelivery AND replaying) "
    "GROUP BY identity ORDER BY identity LIMIT :limit"
)


class MessagePlace(NamedTuple):
    """The place of a message in the log of its topic.

    Attributes:
        topic: The number of the topic.
        sequence: Its sequence number.
        newest: The number of the newest subscription when it was published, or None if that is unknown.
        replaced: Whether subscriptions that are still owed it get a newer one instead.
    """

    topic: int
    sequence: int
    newest: int | None
    replaced: bool


def find_message(connection: Connection, number: int) -> MessagePlace | None:
    """Return the place of a message, or None if there is no such message."""
    row = connection.execute(
        "SELECT topic_id, sequence, newest_subscription, mode, head FROM updates JOIN messages ON number = updates.id "
        "JOIN topics ON topics.id = topic_id WHERE updates.id = ?",
        (number,),
    ).fetchone()
    if row is None:
        return None
    topic, sequence, newest, mode, head = row
    return MessagePlace(topic, sequence, newest, rows.delivery_mode(mode) is DeliveryMode.LATEST and sequence < head)


def read_recipients(connection: Connection, place: MessagePlace, after: str, limit: int) -> list[MessageRecipient]:
    """Return a page of the subscriptions that a message was for, by the identity of their callbacks."""
    found = connection.execute(_ALL, {**place._asdict(), "after": after, "limit": limit}).fetchall()
    return rows.sorted_out(found, lambda *values: _recipient(place, *values))[0]


def read_waiting(connection: Connection, place: MessagePlace, numbers: Collection[int]) -> list[MessageRecipient]:
    """Return those of these subscriptions that are still waiting for a message, by number."""
    found = connection.execute(_THESE, {**place._asdict(), "numbers": as_json(numbers)}).fetchall()
    made = rows.sorted_out(found, lambda *values: _recipient(place, *values))[0]
    return [recipient for recipient in made if recipient.state is RecipientState.WAITING]


def read_dead(connection: Connection, place: MessagePlace, after: str, limit: int) -> list[MessageRecipient]:
    """Return a page of the dead letters of a message, by the identity of their callbacks."""
    found = connection.execute(_DEAD_ONES, {**place._asdict(), "after": after, "limit": limit}).fetchall()
    return rows.sorted_out(found, _dead)[0]


def _recipient(
    place: MessagePlace, own: Any, callback: Any, position: Any, attempts: Any, reason: Any, *retry: Any
) -> MessageRecipient:
    if attempts is not None:
        return _dead(own, callback, attempts, reason)
    if rows.whole(position) >= place.sequence:
        state = RecipientState.DELIVERED
    else:
        state = RecipientState.REPLACED if place.replaced else RecipientState.WAITING
    attempts, due_at, reason = retry
    waits = state is RecipientState.WAITING and attempts is not None
    return MessageRecipient(
        place=rows.text(own),
        callback=rows.text(callback),
        state=state,
        attempts=rows.whole(attempts) if waits else 0,
        due_at=rows.number(due_at) if waits else None,
        reason=rows.text(reason) if waits else "",
    )


def _dead(own: Any, callback: Any, attempts: Any, reason: Any) -> MessageRecipient:
    return MessageRecipient(
        place=rows.text(own),
        callback=rows.text(callback),
        state=RecipientState.DEAD,
        attempts=rows.whole(attempts),
        reason=rows.text(reason),
    )
