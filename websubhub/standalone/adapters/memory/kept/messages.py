"""The messages and failed attempts in memory."""

from collections import deque
from collections.abc import Iterator
from itertools import count

from attrs import define

from websubhub.standalone.adapters.memory.records import KeptTopic
from websubhub.standalone.broker.settlements import AttemptMade
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.limits import DeliveryLimits

_ROW_BYTES = 500
_ATTEMPTS_SHARE = 4


@define(eq=False)
class KeptMessage:
    """A message, its counts, and whether its update may be deleted once no subscription is owed it."""

    number: int
    topic: KeptTopic
    sequence: int
    update: Update
    recipients: int
    newest_subscription: int
    delivered: int = 0
    dead: int = 0
    expired: bool = False

    @property
    def key(self) -> Key:
        """Its topic and sequence number."""
        return self.topic.number, self.sequence

    @property
    def size(self) -> int:
        """Approximately how many bytes it takes."""
        return _ROW_BYTES + len(self.update.content)


class Messages:
    """Messages and failed attempts by number, oldest first."""

    def __init__(self) -> None:
        self._messages: dict[int, KeptMessage] = {}
        self._of_update: dict[Key, KeptMessage] = {}
        self._fresh: deque[KeptMessage] = deque()
        self._numbers = count(1)
        self._attempt_numbers = count(1)
        self._bytes = self._attempt_bytes = 0
        self.attempts: deque[tuple[int, AttemptMade]] = deque()

    def begin(self, topic: KeptTopic, update: Update, recipients: int, newest_subscription: int) -> None:
        """Keep an update that was appended to the log of its topic."""
        kept = KeptMessage(next(self._numbers), topic, topic.head, update, recipients, newest_subscription)
        self._messages[kept.number] = self._of_update[kept.key] = kept
        self._fresh.append(kept)
        self._bytes += kept.size

    def get(self, number: int) -> KeptMessage | None:
        """Return the message with a number, or None."""
        return self._messages.get(number)

    def of_update(self, key: Key) -> KeptMessage | None:
        """Return the message of an update, by its topic and sequence number, or None."""
        return self._of_update.get(key)

    def newest(self, before: int | None) -> Iterator[KeptMessage]:
        """Return all messages, or those before a number, newest first."""
        return (kept for kept in reversed(self._messages.values()) if before is None or kept.number < before)

    def count(self, key: Key, *, delivered: int = 0, dead: int = 0) -> None:
        """Add to the counts of a message."""
        kept = self._of_update.get(key)
        if kept is not None:
            kept.delivered += delivered
            kept.dead += dead

    def note(self, attempt: AttemptMade) -> None:
        """Keep a failed attempt."""
        self.attempts.append((next(self._attempt_numbers), attempt))
        self._attempt_bytes += _size(attempt)

    def may_be_deleted(self, key: Key) -> bool:
        """Return whether the message of an update has expired."""
        kept = self._of_update.get(key)
        return kept is None or kept.expired

    def delete(self, key: Key) -> None:
        """Delete the message of a deleted update."""
        kept = self._of_update.pop(key, None)
        if kept is not None:
            del self._messages[kept.number]

    def expire_topic(self, topic: KeptTopic) -> None:
        """Mark all messages of a topic."""
        for kept in [kept for kept in self._fresh if kept.topic is topic]:
            self._fresh.remove(kept)
            self._bytes -= kept.size
            kept.expired = True

    def expire(self, limits: DeliveryLimits, now: float) -> list[KeptMessage]:
        """Mark messages that exceed the limits, and return them. Attempts that exceed the limits are deleted."""
        before, expired = now - limits.message_seconds, list[KeptMessage]()
        while self._fresh and (self._fresh[0].update.published_at <= before or self._bytes > limits.message_bytes):
            kept = self._fresh.popleft()
            self._bytes -= kept.size
            kept.expired = True
            expired.append(kept)
        most = limits.message_bytes // _ATTEMPTS_SHARE
        while self.attempts and (self.attempts[0][1].attempted_at <= before or self._attempt_bytes > most):
            self._attempt_bytes -= _size(self.attempts.popleft()[1])
        return expired


def _size(attempt: AttemptMade) -> int:
    return _ROW_BYTES + len(attempt.callback) + len(attempt.reason) + len(attempt.answer)
