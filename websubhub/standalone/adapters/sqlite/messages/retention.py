"""Retention: messages are kept up to an age and a total size."""

from collections.abc import Iterable
from typing import NamedTuple

from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.messages.attempts import delete_attempts, size_of_attempts
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.schedule.claims import Key

_ROW_BYTES = 500
"""The bytes that a message takes in addition to its content, including its index entries."""
_AT_ONCE = 1_000
_ATTEMPTS_SHARE = 4


class Expired(NamedTuple):
    """The oldest messages, which exceed the limits.

    Attributes:
        last: The number of the last of them or, if there are none, of the last one before.
        freed: How many bytes they take.
        keys: Their topics and sequence numbers.
        more: Whether there may be more.
    """

    last: int
    freed: int
    keys: list[Key]
    more: bool


class Retention:
    """Decides which updates are no longer kept as messages, so that they may be deleted.

    The oldest messages expire. Their updates are deleted by topic once no subscription is owed them. So it is enough to
    track the message up to which all have expired, and the update of each topic.

    Args:
        database: The database.
        ledger: Notified of the topics that may have updates to delete.
    """

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger
        self._limits = ledger.board.limits
        self._bytes = self._attempt_bytes = 0
        self._last = 0
        self._expired: dict[int, int] = {}
        self._forced: set[int] = set()
        self._miscounted = False

    async def load(self) -> None:
        """Read how many bytes are stored."""
        self._bytes, self._attempt_bytes = await self._database.read(
            lambda connection: (_size_of_messages(connection), size_of_attempts(connection))
        )

    def added(self, content: int) -> None:
        """Count a message with this many bytes of content."""
        self._bytes += _ROW_BYTES + content

    def added_attempts(self, size: int) -> None:
        """Count failed attempts of this many bytes."""
        self._attempt_bytes += size

    async def expire(self) -> int:
        """Note which messages have expired, and return how many there are."""
        if self._miscounted:
            self._miscounted, self._last = False, 0
            await self.load()
        expired, more = 0, True
        while more:
            last, before, excess = self._last, self._oldest(), self._bytes - self._limits.message_bytes
            found = await self._database.read(
                lambda connection: _find_expired(connection, last, before, excess)  # noqa: B023 - it is awaited
            )
            self._note(found)
            expired, more = expired + len(found.keys), found.more
        return expired

    def expire_topic(self, topic: int, head: int) -> None:
        """Note that all messages of a topic have expired, up to its newest one."""
        self._expired[topic] = head
        self._forced.add(topic)
        self._ledger.disposable.add(topic)

    async def expire_attempts(self) -> None:
        """Delete failed attempts that exceed the limits."""
        most, more = self._limits.message_bytes // _ATTEMPTS_SHARE, True
        while more:
            before, excess = self._oldest(), self._attempt_bytes - most
            freed, more = await self._database.settle(
                lambda connection: delete_attempts(connection, before, excess)  # noqa: B023 - it is awaited
            )
            self._attempt_bytes = max(self._attempt_bytes - freed, 0)

    def bounds(self, owed_from: Iterable[Key]) -> list[Key]:
        """Return the updates up to which topics may be deleted, given those up to which no subscription is owed any."""
        return [(topic, min(until, self._expired[topic])) for topic, until in owed_from if topic in self._expired]

    def deleted(self, bounds: Iterable[Key], newest: int) -> None:
        """Note that updates were deleted, and the number of the newest remaining one."""
        self._last = min(self._last, newest)  # since the numbers of deleted updates are reused
        for topic, until in bounds:
            if topic in self._forced:  # its messages were counted as kept
                self._forced.discard(topic)
                self._miscounted = True
            if self._expired.get(topic, until + 1) <= until:
                del self._expired[topic]

    def _oldest(self) -> float:
        return self._ledger.clock() - self._limits.message_seconds

    def _note(self, found: Expired) -> None:
        self._last = found.last
        self._bytes -= found.freed
        for topic, sequence in found.keys:
            self._expired[topic] = max(sequence, self._expired.get(topic, 0))
            self._ledger.disposable.add(topic)


def _size_of_messages(connection: Connection) -> int:
    count, size = connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM messages").fetchone()
    return int(count) * _ROW_BYTES + int(size)


def _find_expired(connection: Connection, after: int, before: float, excess: int) -> Expired:
    found = connection.execute(
        "SELECT id, topic_id, sequence, published_at, size FROM updates JOIN messages ON number = id "
        "WHERE id > ? ORDER BY id LIMIT ?",
        (after, _AT_ONCE),
    ).fetchall()
    last, freed, keys = after, 0, list[Key]()
    for number, topic, sequence, published_at, size in found:
        if published_at > before and freed >= excess:
            return Expired(last, freed, keys, more=False)
        last, freed = number, freed + _ROW_BYTES + size
        keys.append((topic, sequence))
    return Expired(last, freed, keys, more=len(found) == _AT_ONCE)
