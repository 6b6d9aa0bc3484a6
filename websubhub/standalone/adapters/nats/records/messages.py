"""The kept messages, as a process knows them: a row for each, without its content."""

import sys
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import Any

from attrs import define, field

from websubhub.standalone.adapters.nats.records.topics import KnownTopic

_ROW_BYTES = 500
_LOOKED_AT = 5_000


def _shared(text: Any) -> Any:
    """Return one shared copy of a text that many messages have."""
    return text if text is None else sys.intern(text)


@define(eq=False)
class KnownMessage:
    """A message, by the number of its update in the stream.

    Attributes:
        number: That number.
        topic: Its topic.
        id: Its message id.
        publisher: The name of the publisher's token, or None if the hub fetched the content itself.
        content_type: Its Content-Type.
        size: The length of its content, in bytes.
        published_at: When it was accepted.
        recipients: How many subscriptions it was owed to when it was published.
        expired: Whether it has expired, and is only kept while its update is needed.
    """

    number: int
    topic: KnownTopic
    id: str
    publisher: str | None = field(converter=_shared)
    content_type: str = field(converter=_shared)
    size: int
    published_at: float
    recipients: int
    expired: bool = False

    @property
    def bytes(self) -> int:
        """How many bytes it counts for."""
        return _ROW_BYTES + self.size


_number = attrgetter("number")


class KnownMessages:
    """The messages in the order of their numbers."""

    def __init__(self) -> None:
        self._rows: list[KnownMessage] = []
        self._fresh = 0  # the place of the first one that has not expired
        self._bytes = 0  # of all that have not
        self._expired = 0
        self._expired_of: dict[KnownTopic, int] = {}

    def add(self, message: KnownMessage) -> None:
        """Add the newest message."""
        self._rows.append(message)
        self._bytes += message.bytes
        if message.number <= self._expired_of.get(message.topic, 0):
            self._expire(message)
        if not message.recipients:
            message.topic.unowed.add(message.number)

    def get(self, number: int) -> KnownMessage | None:
        """Return the message with a number if it may exist, else None."""
        place = bisect_left(self._rows, number, key=_number)
        found = self._rows[place] if place < len(self._rows) else None
        return found if found is not None and found.number == number else None

    def first(self) -> int:
        """Return the number of the oldest message, or 0 if there is none."""
        return self._rows[0].number if self._rows else 0

    def named(self, topic: KnownTopic, message_id: str) -> KnownMessage | None:
        """Return the newest message of a topic with an id, if it is among the most recent ones."""
        numbers = islice(topic.updates_before(None), _LOOKED_AT)
        found = (row for number in numbers if (row := self.get(number)) is not None and row.id == message_id)
        return next(found, None)

    def newest(self, before: int | None, topic: KnownTopic | None = None) -> Iterator[KnownMessage]:
        """Return all messages or those before a number, of all topics or of one, newest first."""
        if topic is not None:
            yield from filter(None, map(self.get, topic.updates_before(before)))
            return
        end = len(self._rows) if before is None else bisect_left(self._rows, before, key=_number)
        yield from islice(reversed(self._rows), len(self._rows) - end, None)

    def expire(self, before: float, most_bytes: int) -> int:
        """Expire the oldest messages, which exceed the limits. Return how many.

        Args:
            before: Messages published before this time are too old.
            most_bytes: The most bytes of the others.
        """
        start = self._fresh
        while self._fresh < len(self._rows):
            row = self._rows[self._fresh]
            if not row.expired and row.published_at > before and self._bytes <= most_bytes:
                break
            self._expire(row)
            self._fresh += 1
            self._expired = row.number
        return self._fresh - start

    def _expire(self, row: KnownMessage) -> None:
        self._bytes -= 0 if row.expired else row.bytes
        row.expired = True

    def expire_topic(self, topic: KnownTopic, until: int) -> None:
        """Expire the messages of a topic up to a number, or stop doing so if it is 0."""
        if not until:
            self._expired_of.pop(topic, None)
            return
        self._expired_of[topic] = until
        for row in self.newest(until + 1, topic):
            self._expire(row)

    def expired(self, topic: KnownTopic) -> int:
        """Return the number of the last message of a topic up to which all have expired."""
        return max(self._expired, self._expired_of.get(topic, 0))

    def settled_topics(self) -> list[KnownTopic]:
        """Return the topics that were expired as a whole and have no messages left from that time."""
        return [topic for topic, until in self._expired_of.items() if next(topic.updates_up_to(until), None) is None]

    def drop(self, number: int) -> None:
        """Remove a message whose update was deleted."""
        place = bisect_left(self._rows, number, key=_number)
        row = self._rows.pop(place)
        self._expire(row)
        if place < self._fresh:
            self._fresh -= 1

    def forget(self, below: int) -> None:
        """Remove the messages below a number, whose updates were deleted."""
        gone = bisect_left(self._rows, below, key=_number)
        for row in self._rows[self._fresh : gone]:
            self._expire(row)
        self._fresh = max(self._fresh - gone, 0)
        del self._rows[:gone]
