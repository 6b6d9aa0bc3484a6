"""The announcements in memory, ordered by when they are due."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from attrs import define, evolve

from websubhub import host_of, url_identity
from websubhub.standalone.indexes.ordered import Ordered
from websubhub.standalone.ports import Announcement


@define(eq=False)
class KeptAnnouncement:
    """An announcement, and the time until which its topic asked not to be fetched."""

    value: Announcement
    host: str
    allowed_at: float = 0.0


class Announced:
    """Announcements by topic and by number."""

    def __init__(self) -> None:
        self._by_topic: dict[str, KeptAnnouncement] = {}
        self._by_id: dict[int, KeptAnnouncement] = {}
        self._due = Ordered[tuple[float, int]]()
        self._numbers = count(1)

    def __iter__(self) -> Iterator[KeptAnnouncement]:
        """Return all announcements, oldest first."""
        return iter(self._by_id.values())

    def of(self, topic: str) -> KeptAnnouncement | None:
        """Return the announcement of a topic, or None."""
        return self._by_topic.get(url_identity(topic))

    def get(self, number: int) -> KeptAnnouncement | None:
        """Return the announcement with a number, or None."""
        return self._by_id.get(number)

    def due(self, now: float) -> Iterator[KeptAnnouncement]:
        """Return the announcements whose topics should be fetched now, most overdue first."""
        for due_at, number in self._due:
            if due_at > now:
                return
            yield self._by_id[number]

    def add(self, topic: str, now: float) -> None:
        """Add an announcement that is due at once."""
        value = Announcement(id=next(self._numbers), topic=topic, announced_at=now, due_at=now)
        self._by_topic[url_identity(topic)] = self._by_id[value.id] = KeptAnnouncement(value, host_of(topic))
        self._due.add((now, value.id))

    def change(self, kept: KeptAnnouncement, **changes: Any) -> None:
        """Change an announcement."""
        self._due.discard((kept.value.due_at, kept.value.id))
        kept.value = evolve(kept.value, **changes)
        if kept.value.died_at is None:
            self._due.add((kept.value.due_at, kept.value.id))

    def delete(self, numbers: Iterable[int]) -> int:
        """Delete these announcements, and return how many existed."""
        deleted = [kept for number in numbers if (kept := self._by_id.pop(number, None))]
        for kept in deleted:
            del self._by_topic[url_identity(kept.value.topic)]
            self._due.discard((kept.value.due_at, kept.value.id))
        return len(deleted)

    def begin_again(self, kept: KeptAnnouncement, now: float, *, due_at: float) -> None:
        """Reset the attempts of an announcement, even if it is dead."""
        announced_at = kept.value.announced_at if kept.value.died_at is None else now
        self.change(kept, attempts=0, died_at=None, announced_at=announced_at, due_at=due_at)

    def note(self, announcement: Announcement, allowed_at: float, reason: str, status: int) -> KeptAnnouncement | None:
        """Note the result of a fetch. Return its announcement, or None if the topic has been announced again since."""
        kept = self.get(announcement.id)
        if kept is None:
            return None
        kept.allowed_at = allowed_at
        self.change(kept, reason=reason, status=status, due_at=max(kept.value.due_at, kept.allowed_at))
        return kept if kept.value.count == announcement.count else None
