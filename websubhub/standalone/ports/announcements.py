"""The port to the store of announced topics."""

from collections.abc import Collection, Sequence
from typing import Protocol

from websubhub.standalone.ports.records import Announcement, AnnouncementState, AnnouncementStatistics


class AnnouncementStore(Protocol):
    """Topics whose publishers announced new content, until it was fetched, given up or dropped.

    A fetch that was overtaken by another announcement of its topic is no attempt: ``retry`` and ``dead`` then only note
    what happened, and return False.
    """

    async def save(self, topic: str) -> None:
        """Keep one more announcement of this topic; it is due at once, or when the topic's own delay is over.

        Attempts start from zero, even if it was given up.
        """
        ...

    async def due(
        self, *, limit: int = 100, besides: Collection[str] = (), among: Collection[str] | None = None
    ) -> list[Announcement]:
        """Return the topics that this process is to fetch now, the most overdue first.

        Args:
            limit: How many at most.
            besides: Topics of these hosts are left out.
            among: Topics of all other hosts than these are left out; None for none.
        """
        ...

    async def hold(self, announcement: Announcement, until: float, reason: str) -> bool:
        """Keep a topic back until a time, which another announcement does not shorten; that is no attempt.

        Args:
            announcement: What was to be fetched.
            until: Until when.
            reason: Why, in one sentence.
        """
        ...

    async def hold_host(self, host: str, until: float, reason: str) -> int:
        """Keep all topics of a host back that are due; the arguments are those of ``hold``. Returns how many."""
        ...

    async def settle(self, announcement: Announcement) -> bool:
        """Forget a topic that was fetched. False when it was announced again since, so that it stays."""
        ...

    async def retry(
        self, announcement: Announcement, after: float, reason: str, *, status: int = 0, firm: float = 0.0
    ) -> bool:
        """Note that a fetch failed and is to be tried again.

        Args:
            announcement: What was to be fetched.
            after: Seconds from now.
            reason: What happened, in one sentence.
            status: What the topic answered, 0 for nothing.
            firm: Seconds that the topic asked for (Retry-After), which another announcement does not shorten.
        """
        ...

    async def dead(self, announcement: Announcement, reason: str, *, status: int = 0, firm: float = 0.0) -> bool:
        """Note that a fetch failed for the last time; the arguments are those of ``retry``."""
        ...

    async def page(
        self, *, state: AnnouncementState | None = None, after: int = 0, limit: int = 100
    ) -> list[Announcement]:
        """Return a page of the announcements, the oldest first, after the id of the last one of the previous page."""
        ...

    async def replay(self, announcements: Sequence[int]) -> int:
        """Fetch these topics now, with all attempts before them. Returns how many there were."""
        ...

    async def drop(self, announcements: Sequence[int]) -> int:
        """Forget these announcements. Returns how many there were."""
        ...

    async def drop_dead(self, before: float) -> int:
        """Forget those that were given up before a time. Returns how many there were."""
        ...

    async def statistics(self) -> AnnouncementStatistics:
        """Return the counts of this moment."""
        ...
