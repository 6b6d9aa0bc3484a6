"""The port to the store of announced topics."""

from collections.abc import Collection, Sequence
from typing import Protocol

from websubhub.standalone.ports.records import Announcement, AnnouncementState, AnnouncementStatistics


class AnnouncementStore(Protocol):
    """Topics whose publishers announced new content, kept until they are fetched or dropped.

    If another announcement of a topic arrives during a fetch, the fetch does not count as an attempt: ``retry`` and
    ``dead`` then only note what happened, and return False.
    """

    async def save(self, topic: str) -> None:
        """Store another announcement of this topic. It is due at once, or when the delay that the topic asked for ends.

        Attempts start from zero, even if the hub had given up on the topic.
        """
        ...

    async def due(
        self, *, limit: int = 100, besides: Collection[str] = (), among: Collection[str] | None = None
    ) -> list[Announcement]:
        """Return the topics that this process should fetch now, most overdue first.

        Args:
            limit: The most to return.
            besides: Hosts whose topics are left out.
            among: The only hosts whose topics are returned, or None for all.
        """
        ...

    async def hold(self, announcement: Announcement, until: float, reason: str) -> bool:
        """Delay a topic until a time. Another announcement does not shorten the delay, which counts as no attempt.

        Args:
            announcement: The announcement.
            until: The time.
            reason: The reason, in one sentence.
        """
        ...

    async def hold_host(self, host: str, until: float, reason: str) -> int:
        """Delay all due topics of a host, and return how many. The arguments are the same as for ``hold``."""
        ...

    async def settle(self, announcement: Announcement) -> bool:
        """Remove the announcement of a fetched topic. Return False if it stays because of a newer announcement."""
        ...

    async def retry(
        self, announcement: Announcement, after: float, reason: str, *, status: int = 0, firm: float = 0.0
    ) -> bool:
        """Note that a fetch failed and should be retried.

        Args:
            announcement: The announcement.
            after: Seconds from now.
            reason: What happened, in one sentence.
            status: The status of the topic's response, or 0 if there was none.
            firm: Seconds that the topic asked for (Retry-After), which another announcement does not shorten.
        """
        ...

    async def dead(self, announcement: Announcement, reason: str, *, status: int = 0, firm: float = 0.0) -> bool:
        """Note that a fetch failed for the last time. The arguments are the same as for ``retry``."""
        ...

    async def page(
        self, *, state: AnnouncementState | None = None, after: int = 0, limit: int = 100
    ) -> list[Announcement]:
        """Return a page of the announcements, oldest first, after the id of the last one of the previous page."""
        ...

    async def get(self, topic: str) -> Announcement | None:
        """Return the announcement of a topic, or None."""
        ...

    async def known(self, announcements: Sequence[int]) -> set[int]:
        """Return which of these ids exist."""
        ...

    async def replay(self, announcements: Sequence[int]) -> int:
        """Make these topics due now, starting over with the first attempt. Return how many there were."""
        ...

    async def drop(self, announcements: Sequence[int]) -> int:
        """Drop these announcements. Return how many there were."""
        ...

    async def drop_dead(self, before: float) -> int:
        """Drop the announcements that died before a time. Return how many there were."""
        ...

    async def statistics(self) -> AnnouncementStatistics:
        """Return the current counts."""
        ...
