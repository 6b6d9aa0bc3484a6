"""The announced topics of the hub, as a process knows them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
from attrs import frozen

from websubhub import host_of
from websubhub.standalone.indexes.ordered import Ordered
from websubhub.standalone.ports import Announcement


@frozen
class KnownAnnouncement:
    """An announcement.

    Attributes:
        subject: The subject of its record.
        value: The announcement.
        allowed_at: The time until which its topic asked not to be fetched.
    """

    subject: str
    value: Announcement
    allowed_at: float = 0.0

    @property
    def host(self) -> str:
        """The host of its topic."""
        return host_of(self.value.topic)

    def changed(self, *, allowed_at: float | None = None, **changes: Any) -> "KnownAnnouncement":
        """Return a changed copy."""
        value = attrs.evolve(self.value, **changes)
        return KnownAnnouncement(self.subject, value, self.allowed_at if allowed_at is None else allowed_at)

    def write(self) -> bytes:
        """Return its record."""
        return json.dumps({"announcement": attrs.asdict(self.value), "allowed_at": self.allowed_at}).encode()


def read_announcement(subject: str, sequence: int, data: bytes) -> KnownAnnouncement:
    """Return a stored announcement. Its id is the number of its first record.

    Raises:
        ValueError, TypeError, KeyError: The data is not such a record.
    """
    values = json.loads(data)
    announcement = values["announcement"]
    value = Announcement(**announcement | {"id": announcement["id"] or sequence})
    return KnownAnnouncement(subject, value, float(values["allowed_at"]))


class KnownAnnouncements:
    """The announcements by subject and by number."""

    def __init__(self) -> None:
        self._by_subject: dict[str, KnownAnnouncement] = {}
        self._by_id: dict[int, KnownAnnouncement] = {}
        self._order = Ordered[int]()
        self._due = Ordered[tuple[float, int]]()

    def __iter__(self) -> Iterator[KnownAnnouncement]:
        """Return all, oldest first."""
        return (self._by_id[number] for number in list(self._order))

    def of(self, subject: str) -> KnownAnnouncement | None:
        """Return the announcement of a subject, or None."""
        return self._by_subject.get(subject)

    def known(self, numbers: Iterable[int]) -> list[KnownAnnouncement]:
        """Return those of these announcements that exist."""
        return [self._by_id[number] for number in sorted(set(numbers)) if number in self._by_id]

    def page(self, after: int) -> Iterator[KnownAnnouncement]:
        """Return the announcements above a number, oldest first."""
        return (self._by_id[number] for number in self._order.page(after, len(self._by_id)))

    def due(self, now: float) -> Iterator[KnownAnnouncement]:
        """Return the announcements whose topics should be fetched now, most overdue first."""
        for due_at, number in self._due:
            if due_at > now:
                return
            yield self._by_id[number]

    def put(self, announcement: KnownAnnouncement) -> None:
        """Add or update an announcement."""
        self.remove(announcement.subject)
        value = announcement.value
        self._by_subject[announcement.subject] = self._by_id[value.id] = announcement
        self._order.add(value.id)
        if value.died_at is None:
            self._due.add((value.due_at, value.id))

    def remove(self, subject: str) -> None:
        """Remove an announcement if it exists."""
        known = self._by_subject.pop(subject, None)
        if known is not None:
            del self._by_id[known.value.id]
            self._order.discard(known.value.id)
            self._due.discard((known.value.due_at, known.value.id))
