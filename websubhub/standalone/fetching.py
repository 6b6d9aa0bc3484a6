"""Fetching announced topics: when, how many at a time, and what follows when it does not work."""

import logging
import math
import random
import time
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup

from websubhub import TopicFetchError, retry_after_seconds
from websubhub.standalone.metrics import FetchMetrics, FetchOutcome
from websubhub.standalone.ports import Announcement, HubStore, StoreError
from websubhub.standalone.schedule.retry import RetrySchedule

log = logging.getLogger("websubhub")

_INTERVAL_SECONDS = 1.0
_STORE_SECONDS = 5.0
_FETCHES_AT_ONCE = 16
_POLL_SECONDS = 1.0
#: The one answer that says for good that there is nothing. What is 404 may be on its way, since pings are quick.
_GONE = 410


class TopicFetching:
    """Fetches what is announced, and again by the schedule of deliveries as long as that fails.

    Args:
        store: Where announcements are kept.
        refresh: Fetches a topic and publishes what is new; returns whether anything was.
        schedule: When what failed is tried again.
        metrics: What counts fetches.
        clock: The time, in seconds since 1970, that nobody sets.
    """

    def __init__(
        self,
        store: HubStore,
        refresh: Callable[[str], Awaitable[bool]],
        schedule: RetrySchedule,
        metrics: FetchMetrics,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._refresh = refresh
        self._schedule = schedule
        self._metrics = metrics
        self._clock = clock
        self._fetching: set[str] = set()
        self._resting: dict[str, float] = {}
        self._wanted = anyio.Event()

    def wake(self) -> None:
        """Look at once whether there is something to fetch."""
        self._wanted.set()

    async def run(self) -> None:
        """Fetch what is announced until cancelled: a topic once a second at most, and after its last announcement."""
        async with anyio.create_task_group() as tasks:
            while True:
                self._wanted = anyio.Event()
                try:
                    await self._start_fetches(tasks)
                except StoreError as error:
                    log.warning("Announcements cannot be read: %s", error)
                with anyio.move_on_after(self._pause()):
                    await self._wanted.wait()

    def _pause(self) -> float:
        """How long until a topic may be fetched again, if that is soon."""
        soonest = min(self._resting.values(), default=math.inf) - self._clock()
        return min(max(soonest, 0.0), _POLL_SECONDS)

    async def _start_fetches(self, tasks: TaskGroup) -> None:
        now = self._clock()
        self._resting = {topic: until for topic, until in self._resting.items() if until > now}
        # Those that cannot be fetched now stand in front, and must not hide the others.
        hidden = len(self._fetching) + len(self._resting)
        for announcement in await self._store.announcements.due(limit=_FETCHES_AT_ONCE + hidden):
            topic = announcement.topic
            if len(self._fetching) < _FETCHES_AT_ONCE and topic not in self._fetching and topic not in self._resting:
                self._fetching.add(topic)
                tasks.start_soon(self._fetch, announcement)

    async def _fetch(self, announcement: Announcement) -> None:
        rest = _INTERVAL_SECONDS
        try:
            await self._attempt(announcement)
        except StoreError as error:
            log.warning("An announced update could not be stored: %s", error)
            rest = _STORE_SECONDS
        finally:
            self._resting[announcement.topic] = self._clock() + rest
            self._fetching.discard(announcement.topic)
            self.wake()

    async def _attempt(self, announcement: Announcement) -> None:
        topic = announcement.topic
        try:
            if await self._store.subscriptions.page(topic=topic, limit=1):
                changed = await self._refresh(topic)
                self._metrics.count(FetchOutcome.UPDATED if changed else FetchOutcome.UNCHANGED)
            await self._store.announcements.settle(announcement)
        except StoreError:
            raise
        except TopicFetchError as error:
            await self._fail(announcement, error)
        except Exception:
            log.exception("The topic %r could not be taken.", topic)
            await self._fail(announcement, TopicFetchError("The hub failed at it."))

    async def _fail(self, announcement: Announcement, error: TopicFetchError) -> None:
        log.warning("The topic %r could not be fetched: %s", announcement.topic, error)
        delay = self._schedule.delay(announcement.attempts + 1, random.random())  # noqa: S311 - jitter
        firm = retry_after_seconds(error.headers.get("retry-after"), self._clock()) or 0.0
        store = self._store.announcements
        if delay is None or error.status == _GONE:
            await store.dead(announcement, error.reason, status=error.status, firm=firm)
            self._metrics.count(FetchOutcome.DEAD)
        else:
            await store.retry(announcement, delay, error.reason, status=error.status, firm=firm)
            self._metrics.count(FetchOutcome.RETRIED)
