"""The port to the store of announced topics."""

from collections.abc import Collection, Sequence
from typing import Protocol

from websubhub.standalone.ports.records import Announcement, AnnouncementState, AnnouncementStatistics


class AnnouncementStore(Protocol):
    """Topics whose publishers announced new content, until it is fetched, given up or dropped.

    A fetch that was overtaken by another announcement of its topic does not count as an attempt: ``retry`` and ``dead``
    then only note what happened, and return False.
    """

    async def save(self, topic: str) -> None:
        """Store another announcement of this topic. It is due at once, or when the topic's own delay is over.

        Attempts start from zero, even if it was given up.
        """
        ...

    async def due(
        self, *, limit: int = 100, besides: Collection[str] = (), among: Collection[str] | None = None
    ) -> list[Announcement]:
        """Return the topics that this process is to fetch now, the most overdue first.

        Args:
            limit: How many at most.
            besides: Hosts whose topics are left out.
            among: The only hosts whose topics are returned, or None for all.
        """
        ...

    async def hold(self, announcement: Announcement, until: float, reason: str) -> bool:
        """Delay a topic until a time, which another announcement does not shorten. It does not count as an attempt.

        Args:
            announcement: The announcement.
            until: The time.
            reason: The reason, in one sentence.
        """
        ...

    async def hold_host(self, host: str, until: float, reason: str) -> int:
        """Delay all due topics of a host. The arguments are those of ``hold``. Return how many."""
        ...

    async def settle(self, announcement: Announcement) -> bool:
        """Forget a fetched topic. Return False if it was announced again since, so that it stays."""
        ...

    async def retry(
        self, announcement: Announcement, after: float, reason: str, *, status: int = 0, firm: float = 0.0
    ) -> bool:
        """Note that a fetch failed and is to be tried again.

        Args:
            announcement: The announcement.
            after: Seconds from now.
            reason: What happened, in one sentence.
            status: The status of the topic's response, or 0 if there was none.
            firm: Seconds that the topic asked for (Retry-After), which another announcement does not shorten.
        """
        ...

    async def dead(self, announcement: Announcement, reason: str, *, status: int = 0, firm: float = 0.0) -> bool:
        """Note that a fetch failed for the last time. The arguments are those of ``retry``."""
        ...

    async def page(
        self, *, state: AnnouncementState | None = None, after: int = 0, limit: int = 100
    ) -> list[Announcement]:
        """Return a page of the announcements, the oldest first, after the id of the last one of the previous page."""
        ...

    async def get(self, topic: str) -> Announcement | None:
        """Return the announcement of a topic, or None."""
        ...

    async def known(self, announcements: Sequence[int]) -> set[int]:
        """Return which of these ids there are."""
        ...

    async def replay(self, announcements: Sequence[int]) -> int:
        """Fetch these topics now, with all attempts ahead of them. Return how many there were."""
        ...

    async def drop(self, announcements: Sequence[int]) -> int:
        """Drop these announcements. Return how many there were."""
        ...

    async def drop_dead(self, before: float) -> int:
        """Drop the announcements that were given up before a time. Return how many there were."""
        ...

    async def statistics(self) -> AnnouncementStatistics:
        """Return the current counts."""
        ...
