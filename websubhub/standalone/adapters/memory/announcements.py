"""Announced topics in memory."""

from collections.abc import Callable, Collection, Sequence
from itertools import islice

from websubhub.standalone.adapters.memory.announced import Announced
from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.ports import Announcement, AnnouncementState, AnnouncementStatistics


class MemoryAnnouncements:
    """Satisfies ``AnnouncementStore``.

    Args:
        state: The state in memory, which gives out turns.
        announced: The announcements.
        clock: The hub's clock.
    """

    def __init__(self, state: State, announced: Announced, clock: Callable[[], float]) -> None:
        self._state = state
        self._announced = announced
        self._clock = clock

    async def save(self, topic: str) -> None:
        """Store another announcement of this topic. It is due at once, or when the delay set by the topic ends."""
        await self._state.turn()
        kept, now = self._announced.of(topic), self._clock()
        if kept is None:
            self._announced.add(topic, now)
        else:
            self._announced.change(kept, count=kept.value.count + 1)
            self._announced.begin_again(kept, now, due_at=max(now, kept.allowed_at))

    async def due(
        self, *, limit: int = 100, besides: Collection[str] = (), among: Collection[str] | None = None
    ) -> list[Announcement]:
        """Return the topics to fetch now, most overdue first."""
        await self._state.turn()
        due = (kept for kept in self._announced.due(self._clock()) if kept.host not in besides)
        chosen = due if among is None else (kept for kept in due if kept.host in among)
        return [kept.value for kept in islice(chosen, limit)]

    async def hold(self, announcement: Announcement, until: float, reason: str) -> bool:
        """Delay a topic until a time. Another announcement does not shorten the delay, which counts as no attempt."""
        await self._state.turn()
        kept = self._announced.get(announcement.id)
        if kept is None or kept.value.died_at is not None:
            return False
        kept.allowed_at = max(kept.allowed_at, until)
        self._announced.change(kept, due_at=max(kept.value.due_at, until), reason=reason)
        return True

    async def hold_host(self, host: str, until: float, reason: str) -> int:
        """Delay all due topics of a host."""
        await self._state.turn()
        held = [kept for kept in self._announced.due(self._clock()) if kept.host == host]
        for kept in held:
            self._announced.change(kept, due_at=until, reason=reason)
        return len(held)

    async def settle(self, announcement: Announcement) -> bool:
        """Remove the announcement of a fetched topic. Return False if it stays because of a newer announcement."""
        await self._state.turn()
        kept = self._announced.get(announcement.id)
        if kept is None or kept.value.count != announcement.count:
            return False
        return bool(self._announced.delete([announcement.id]))

    async def retry(
        self, announcement: Announcement, after: float, reason: str, *, status: int = 0, firm: float = 0.0
    ) -> bool:
        """Note that a fetch failed and should be retried."""
        await self._state.turn()
        kept = self._announced.note(announcement, self._clock() + firm, reason, status)
        if kept is None:
            return False
        due_at = self._clock() + max(after, firm)
        self._announced.change(kept, attempts=kept.value.attempts + 1, due_at=due_at, died_at=None)
        return True

    async def dead(self, announcement: Announcement, reason: str, *, status: int = 0, firm: float = 0.0) -> bool:
        """Note that a fetch failed for the last time."""
        await self._state.turn()
        kept = self._announced.note(announcement, self._clock() + firm, reason, status)
        if kept is None:
            return False
        now = self._clock()
        self._announced.change(kept, attempts=kept.value.attempts + 1, due_at=now, died_at=now)
        return True

    async def page(
        self, *, state: AnnouncementState | None = None, after: int = 0, limit: int = 100
    ) -> list[Announcement]:
        """Return a page of the announcements, oldest first."""
        await self._state.turn()
        values = (kept.value for kept in self._announced if kept.value.id > after)
        return list(islice((value for value in values if state in {None, value.state}), limit))

    async def get(self, topic: str) -> Announcement | None:
        """Return the announcement of a topic, or None."""
        await self._state.turn()
        kept = self._announced.of(topic)
        return None if kept is None else kept.value

    async def known(self, announcements: Sequence[int]) -> set[int]:
        """Return which of these ids exist."""
        await self._state.turn()
        return {number for number in announcements if self._announced.get(number)}

    async def replay(self, announcements: Sequence[int]) -> int:
        """Make these topics due now, starting over with the first attempt."""
        await self._state.turn()
        chosen = [kept for number in set(announcements) if (kept := self._announced.get(number))]
        for kept in chosen:
            kept.allowed_at = 0.0
            self._announced.begin_again(kept, self._clock(), due_at=self._clock())
        return len(chosen)

    async def drop(self, announcements: Sequence[int]) -> int:
        """Drop these announcements."""
        await self._state.turn()
        return self._announced.delete(announcements)

    async def drop_dead(self, before: float) -> int:
        """Drop the announcements that died before a time."""
        await self._state.turn()
        values = [kept.value for kept in self._announced]
        return self._announced.delete(
            [value.id for value in values if value.died_at is not None and value.died_at < before]
        )

    async def statistics(self) -> AnnouncementStatistics:
        """Return the current counts."""
        await self._state.turn()
        values = [kept.value for kept in self._announced]
        counted = {state: sum(value.state is state for value in values) for state in AnnouncementState}
        return AnnouncementStatistics(
            pending=counted[AnnouncementState.PENDING],
            failing=counted[AnnouncementState.FAILING],
            dead=counted[AnnouncementState.DEAD],
            oldest_announced_at=min((value.announced_at for value in values if value.died_at is None), default=None),
        )
