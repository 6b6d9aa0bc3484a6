"""Announced topics on NATS."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice

import anyio.lowlevel

from websubhub.standalone.adapters.nats.records.announced import KnownAnnouncement
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.stores.announcement_records import AnnouncementRecords
from websubhub.standalone.ports import Announcement, AnnouncementState, AnnouncementStatistics


class NatsAnnouncements:
    """Satisfies ``AnnouncementStore``.

    Args:
        records: The records.
        clock: The hub's clock.
    """

    def __init__(self, records: Records, clock: Callable[[], float]) -> None:
        self._records = records
        self._known = records.knowledge.announcements
        self._announced = AnnouncementRecords(records)
        self._clock = clock

    async def save(self, topic: str) -> None:
        """Store another announcement of this topic. It is due at once, or when the delay set by the topic ends."""
        subject, now = self._announced.subject(topic), self._clock()

        def decide() -> bytes:
            known = self._known.of(subject)
            if known is None:
                new = Announcement(id=0, topic=topic, announced_at=now, due_at=now)
                return KnownAnnouncement(subject, new).write()
            return known.changed(
                count=known.value.count + 1,
                attempts=0,
                announced_at=known.value.announced_at if known.value.died_at is None else now,
                died_at=None,
                due_at=max(now, known.allowed_at),
            ).write()

        await self._records.change(subject, decide)

    async def due(
        self, *, limit: int = 100, besides: Collection[str] = (), among: Collection[str] | None = None
    ) -> list[Announcement]:
        """Return the topics that this process should fetch now, most overdue first."""
        await self._records.turn()
        own = (known for known in self._known.due(self._clock()) if self._announced.is_own(known))
        chosen = (known.value for known in own if known.host not in besides and (among is None or known.host in among))
        return list(islice(chosen, limit))

    async def hold(self, announcement: Announcement, until: float, reason: str) -> bool:
        """Delay a topic until a time. Another announcement does not shorten the delay, which counts as no attempt."""

        def hold(known: KnownAnnouncement) -> KnownAnnouncement | None:
            if known.value.died_at is not None:
                return None
            allowed_at, due_at = max(known.allowed_at, until), max(known.value.due_at, until)
            return known.changed(allowed_at=allowed_at, due_at=due_at, reason=reason)

        return await self._announced.change(announcement.id, hold)

    async def hold_host(self, host: str, until: float, reason: str) -> int:
        """Delay all due topics of a host, and return how many. The arguments are the same as for ``hold``."""
        await anyio.lowlevel.checkpoint()
        now = self._clock()
        numbers = [known.value.id for known in self._known.due(now) if known.host == host]

        def hold(known: KnownAnnouncement) -> KnownAnnouncement | None:
            is_due = known.value.died_at is None and known.value.due_at <= now
            return known.changed(due_at=until, reason=reason) if is_due else None

        return await self._announced.change_all(numbers, hold)

    async def settle(self, announcement: Announcement) -> bool:
        """Remove the announcement of a fetched topic. Return False if it stays because of a newer announcement."""
        return await self._announced.delete(announcement.id, lambda known: known.value.count == announcement.count)

    async def retry(
        self, announcement: Announcement, after: float, reason: str, *, status: int = 0, firm: float = 0.0
    ) -> bool:
        """Note that a fetch failed and should be retried."""
        now = self._clock()
        failed = {"due_at": now + max(after, firm), "died_at": None}
        return await _fail(self._announced, announcement, failed, {"reason": reason, "status": status}, now + firm)

    async def dead(self, announcement: Announcement, reason: str, *, status: int = 0, firm: float = 0.0) -> bool:
        """Note that a fetch failed for the last time."""
        now = self._clock()
        failed = {"due_at": now, "died_at": now}
        return await _fail(self._announced, announcement, failed, {"reason": reason, "status": status}, now + firm)

    async def page(
        self, *, state: AnnouncementState | None = None, after: int = 0, limit: int = 100
    ) -> list[Announcement]:
        """Return a page of the announcements, oldest first, after the id of the last one of the previous page."""
        await anyio.lowlevel.checkpoint()
        chosen = (known.value for known in self._known.page(after) if state in {None, known.value.state})
        return list(islice(chosen, limit))

    async def get(self, topic: str) -> Announcement | None:
        """Return the announcement of a topic, or None."""
        subject = self._announced.subject(topic)
        await self._records.refresh(subject)
        known = self._known.of(subject)
        return None if known is None else known.value

    async def known(self, announcements: Sequence[int]) -> set[int]:
        """Return which of these ids exist."""
        await self._records.turn()
        return {known.value.id for known in self._known.known(announcements)}

    async def replay(self, announcements: Sequence[int]) -> int:
        """Make these topics due now, starting over with the first attempt. Return how many there were."""
        now = self._clock()

        def replay(known: KnownAnnouncement) -> KnownAnnouncement:
            announced_at = known.value.announced_at if known.value.died_at is None else now
            return known.changed(allowed_at=0.0, attempts=0, due_at=now, died_at=None, announced_at=announced_at)

        return await self._announced.change_all(announcements, replay)

    async def drop(self, announcements: Sequence[int]) -> int:
        """Drop these announcements. Return how many there were."""
        return sum([await self._announced.delete(number, lambda _: True) for number in set(announcements)])

    async def drop_dead(self, before: float) -> int:
        """Drop the announcements that died before a time. Return how many there were."""

        def is_old(known: KnownAnnouncement) -> bool:
            return known.value.died_at is not None and known.value.died_at < before

        return sum(
            [await self._announced.delete(known.value.id, is_old) for known in list(self._known) if is_old(known)]
        )

    async def statistics(self) -> AnnouncementStatistics:
        """Return the current counts."""
        await anyio.lowlevel.checkpoint()
        states = [known.value.state for known in self._known]
        living = [known.value.announced_at for known in self._known if known.value.died_at is None]
        return AnnouncementStatistics(
            pending=states.count(AnnouncementState.PENDING),
            failing=states.count(AnnouncementState.FAILING),
            dead=states.count(AnnouncementState.DEAD),
            oldest_announced_at=min(living, default=None),
        )


async def _fail(
    records: AnnouncementRecords,
    announcement: Announcement,
    failed: Mapping[str, object],
    noted: Mapping[str, object],
    allowed_at: float,
) -> bool:
    counted = False

    def fail(known: KnownAnnouncement) -> KnownAnnouncement:
        nonlocal counted
        counted = known.value.count == announcement.count
        changes: dict[str, object] = {"due_at": max(known.value.due_at, allowed_at), **noted}
        if counted:
            changes |= {**failed, "attempts": known.value.attempts + 1}
        return known.changed(allowed_at=allowed_at, **changes)

    return await records.change(announcement.id, fail) and counted
