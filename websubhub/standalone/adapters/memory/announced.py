"""The announcements in memory, in the order in which they are due."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from attrs import define, evolve

from websubhub import host_of, url_identity
from websubhub.standalone.indexes.ordered import Ordered
from websubhub.standalone.ports import Announcement


@define(eq=False)
class KeptAnnouncement:
    """An announcement, and until when its topic asked to be left alone."""

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
        """Return all, oldest first."""
        return iter(self._by_id.values())

    def of(self, topic: str) -> KeptAnnouncement | None:
        """Return the announcement of a topic, if there is one."""
        return self._by_topic.get(url_identity(topic))

    def get(self, number: int) -> KeptAnnouncement | None:
        """Return the announcement of a number, if there is one."""
        return self._by_id.get(number)

    def due(self, now: float) -> Iterator[KeptAnnouncement]:
        """Return those that are to be fetched, most overdue first."""
        for due_at, number in self._due:
            if due_at > now:
                return
            yield self._by_id[number]

    def add(self, topic: str, now: float) -> None:
        """Add one that is due at once."""
        value = Announcement(id=next(self._numbers), topic=topic, announced_at=now, due_at=now)
        self._by_topic[url_identity(topic)] = self._by_id[value.id] = KeptAnnouncement(value, host_of(topic))
        self._due.add((now, value.id))

    def change(self, kept: KeptAnnouncement, **changes: Any) -> None:
        """Change one that is there."""
        self._due.discard((kept.value.due_at, kept.value.id))
        kept.value = evolve(kept.value, **changes)
        if kept.value.died_at is None:
            self._due.add((kept.value.due_at, kept.value.id))

    def delete(self, numbers: Iterable[int]) -> int:
        """Delete the existing ones of these. Return how many."""
        deleted = [kept for number in numbers if (kept := self._by_id.pop(number, None))]
        for kept in deleted:
            del self._by_topic[url_identity(kept.value.topic)]
            self._due.discard((kept.value.due_at, kept.value.id))
        return len(deleted)

    def begin_again(self, kept: KeptAnnouncement, now: float, *, due_at: float) -> None:
        """Reset the attempts of one, even if it was given up."""
        announced_at = kept.value.announced_at if kept.value.died_at is None else now
        self.change(kept, attempts=0, died_at=None, announced_at=announced_at, due_at=due_at)

    def note(self, announcement: Announcement, allowed_at: float, reason: str, status: int) -> KeptAnnouncement | None:
        """Note what a fetch met. Return what it was for, unless that was announced again since."""
        kept = self.get(announcement.id)
        if kept is None:
            return None
        kept.allowed_at = allowed_at
        self.change(kept, reason=reason, status=status, due_at=max(kept.value.due_at, kept.allowed_at))
        return kept if kept.value.count == announcement.count else None
