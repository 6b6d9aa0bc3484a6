"""The records of announcements, one for each announced topic."""

from collections.abc import Callable, Iterable

import anyio.lowlevel

from websubhub.standalone.adapters.nats.records.announced import KnownAnnouncement
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.wire.names import partition_of_topic, topic_hash

Change = Callable[[KnownAnnouncement], KnownAnnouncement | None]


class AnnouncementRecords:
    """Changes announcements by their number.

    Args:
        records: All records.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known = records.knowledge.announcements
        self._membership = records.knowledge.membership

    def is_own(self, known: KnownAnnouncement) -> bool:
        """Return whether this process fetches the topic."""
        return partition_of_topic(known.subject.rpartition(".")[2]) in self._membership.owned

    async def change_all(self, numbers: Iterable[int], change: Change) -> int:
        """Change the announcements with these numbers, and return how many were changed."""
        return sum([await self.change(number, change) for number in set(numbers)])

    async def change(self, number: int, change: Change) -> bool:
        """Change the announcement with a number, if there is one."""
        for known in self._known.known([number]):

            def decide(subject: str = known.subject) -> bytes | None:
                now = self._known.of(subject)
                changed = change(now) if now is not None and now.value.id == number else None
                return None if changed is None else changed.write()

            return await self._records.change(known.subject, decide)
        await anyio.lowlevel.checkpoint()
        return False

    async def delete(self, number: int, is_meant: Callable[[KnownAnnouncement], bool]) -> bool:
        """Delete the announcement with a number, if there is one and it matches."""
        for known in self._known.known([number]):

            def decide(subject: str = known.subject) -> bytes | None:
                now = self._known.of(subject)
                return b"" if now is not None and now.value.id == number and is_meant(now) else None

            return await self._records.change(known.subject, decide)
        await anyio.lowlevel.checkpoint()
        return False

    def subject(self, topic: str) -> str:
        """Return the subject of the announcement of a topic."""
        return self._records.names.subject("a", topic_hash(topic))
