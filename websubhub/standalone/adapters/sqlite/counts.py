"""The counts of each message, written in the same transaction as what they count."""

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple

from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Key

_COUNT_ONE = (
    "UPDATE messages SET delivered = delivered + ?, dead = dead + ? "
    "WHERE number = (SELECT id FROM updates WHERE topic_id = ? AND sequence = ?)"
)
# Without the limit, SQLite scans all messages to find these.
_COUNT_MANY = (
    "UPDATE messages SET delivered = messages.delivered + more.delivered, dead = messages.dead + more.dead FROM ("
    "SELECT updates.id AS id, json_extract(value, '$[0]') AS delivered, json_extract(value, '$[1]') AS dead "
    "FROM json_each(?) CROSS JOIN updates "
    "ON topic_id = json_extract(value, '$[2]') AND sequence = json_extract(value, '$[3]') "
    "LIMIT -1) AS more WHERE number = more.id"
)


class More(NamedTuple):
    """An addition to the counts of a message."""

    delivered: int
    dead: int


def begin_message(connection: Connection, number: int, update: Update, recipients: int) -> None:
    """Add the row of a message with the number of its update, in the transaction that appends the update."""
    connection.execute(
        "INSERT INTO messages (number, publisher, size, recipients, newest_subscription) "
        "VALUES (?, ?, ?, ?, (SELECT max(id) FROM subscriptions))",
        (number, update.publisher, len(update.content), recipients),
    )


def count(connection: Connection, counts: Mapping[Key, More]) -> None:
    """Add to the counts of messages, by topic and sequence number."""
    rows = [(*more, *key) for key, more in counts.items() if more.delivered or more.dead]
    if len(rows) == 1:
        connection.execute(_COUNT_ONE, rows[0])
    elif rows:
        connection.execute(_COUNT_MANY, (json.dumps(rows),))


def correct_recipients(connection: Connection, number: int, recipients: int) -> None:
    """Set how many subscriptions a message is owed to, since one may have been added in the same transaction."""
    connection.execute("UPDATE messages SET recipients = ? WHERE number = ?", (recipients, number))


def delete_messages(connection: Connection, numbers: Collection[int]) -> None:
    """Delete the rows of messages, in the transaction that deletes their updates."""
    connection.execute(
        "DELETE FROM messages WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),)
    )
