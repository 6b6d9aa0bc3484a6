"""Periodic upkeep: ending leases, freeing space and closing idle connections."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable

import anyio

from websubhub import authority_of
from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.hub.space import Space
from websubhub.standalone.ports import HubStore, StoreError

log: logging.Logger = logging.getLogger("websubhub")

_SWEEP_SECONDS = 1.0
_RECLAIM_SECONDS = 5.0
_DEAD_LETTER_SECONDS = 600.0
_UNUSED_SECONDS = 3_600.0
_IDLE_SECONDS = 10.0
_SPACE_SECONDS = 5.0
_TELL_SECONDS = 10.0
_PAGE = 500


class Upkeep:
    """Ends subscriptions whose lease has expired, and deletes what is no longer needed.

    Args:
        store: The store.
        dead_letter_seconds: How long to keep dead letters.
        clock: Returns the time, in seconds since 1970.
        close_idle: Each closes connections that have been idle for too long.
        events: Where to record expired leases.
        space: Notes when a full store has space again.
    """

    def __init__(
        self,
        store: HubStore,
        dead_letter_seconds: float,
        clock: Callable[[], float] = time.time,
        close_idle: Iterable[Callable[[], None]] = (),
        *,
        events: Events | None = None,
        space: Space | None = None,
    ) -> None:
        self._store = store
        self._dead_letter_seconds = dead_letter_seconds
        self._clock = clock
        self._close_idle = tuple(close_idle)
        self._events = events or Events()
        self._space = space or Space(store, self._events)

    async def run(self) -> None:
        """Clean up the store until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._every, _SWEEP_SECONDS, self.end_leases)
            tasks.start_soon(self._every, _RECLAIM_SECONDS, self.reclaim)
            tasks.start_soon(self._every, _DEAD_LETTER_SECONDS, self.drop_old_dead_letters)
            tasks.start_soon(self._every, _UNUSED_SECONDS, self.forget_unused_topics)
            tasks.start_soon(self._every, _IDLE_SECONDS, self.close_idle)
            tasks.start_soon(self._every, _SPACE_SECONDS, self._space.look)
            tasks.start_soon(self._every, _TELL_SECONDS, self.tell_counted)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except StoreError as error:
                log.warning("The store could not be cleaned up: %s", error)
            await anyio.sleep(seconds)

    async def end_leases(self) -> None:
        """End every subscription whose lease has expired (W3C 5.3.1)."""
        ended = await self._store.subscriptions.end_expired(limit=_PAGE)
        while ended:
            for each in ended:
                self._events.record(Kind.EXPIRED, topic=each.topic, host=authority_of(each.callback))
            ended = await self._store.subscriptions.end_expired(limit=_PAGE)

    async def reclaim(self) -> None:
        """Delete updates that no subscription needs and whose messages have been kept long enough."""
        await self._store.messages.expire()
        await self._store.broker.reclaim()

    async def tell_counted(self) -> None:
        """Report events that were only counted."""
        self._events.tell_counted()

    async def close_idle(self) -> None:
        """Close the connections to subscribers and topics that have been idle for too long."""
        for close_idle in self._close_idle:
            close_idle()

    async def forget_unused_topics(self) -> None:
        """Delete unneeded topics that have had neither subscriptions nor a registration for an hour."""
        forgotten = await self._store.topics.forget_unused()
        if forgotten:
            log.info("%d unused topics were deleted.", forgotten)

    async def drop_old_dead_letters(self) -> None:
        """Drop dead letters and dead announcements that have been kept long enough."""
        oldest = self._clock() - self._dead_letter_seconds
        dropped = await self._store.announcements.drop_dead(oldest)
        if dropped:
            log.info("%d old dead announcements were dropped.", dropped)
        while True:
            letters = await self._store.broker.dead_letters(limit=_PAGE)
            old = [letter.id for letter in letters if letter.died_at < oldest]
            if not old:
                return
            await self._store.broker.drop(old)
            log.info("%d old dead letters were dropped.", len(old))
