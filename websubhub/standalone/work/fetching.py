"""Fetching announced topics: when to fetch, how many at a time, and what to do when it fails."""

import logging
import math
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import attrs
from anyio.abc import TaskGroup

from websubhub import Budgets, HubConfig, TopicFetchError, host_of, retry_after_seconds
from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.hub.introductions import Introductions
from websubhub.standalone.metrics import Counter as Counts
from websubhub.standalone.metrics import FetchOutcome
from websubhub.standalone.ports import Announcement, HubStore, StoreError
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.work.acquaintances import Acquaintances
from websubhub.standalone.work.crowd import Crowd, Permit
from websubhub.standalone.work.pacing import TopicPace
from websubhub.standalone.work.refreshing import Refreshed
from websubhub.standalone.work.wakeup import Wakeup

log: logging.Logger = logging.getLogger("websubhub")

_INTERVAL_SECONDS = 1.0
_STORE_SECONDS = 5.0
_POLL_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
_READ = 64
_BUDGET = HubConfig().fetch_budget
_FETCHES_AT_ONCE = HubConfig().fetches_at_once
#: How many contents of the largest size a host may serve at once, and then in a minute.
_CONTENTS = 4
_RESTING = "The topic was fetched a moment ago, and is not fetched again yet."
_WAITING = "The topic is waiting for the budget of its host."
#: The only status that says that a topic is gone for good. One with a 404 may appear soon, since pings are quick.
_GONE = 410
_CHANCE = secrets.SystemRandom().random


def fetch_budgets(clock: Callable[[], float], content_bytes: int = 10 * 1024 * 1024) -> Budgets:
    """Return the budgets of the hosts of topics and of their addresses.

    Args:
        clock: A monotonic clock, in seconds.
        content_bytes: The largest content of a topic. A host may serve four such contents at once, then four a minute.
    """
    contents = _CONTENTS * content_bytes
    budget = attrs.evolve(_BUDGET, burst_bytes=contents, bytes_per_minute=contents)
    return Budgets(budget, clock, places=_FETCHES_AT_ONCE)


class TopicFetching:
    """Fetches announced topics, and retries failed fetches by the schedule of deliveries.

    All waiting and running fetches are in one class because whether a fetch may begin depends on all of them.

    Args:
        store: Stores announcements.
        refresh: Fetches a topic, publishes new content, and returns what it found.
        schedule: Decides when to retry failed fetches.
        wakeup: Rings when there is something to fetch.
        metrics: Counts fetches.
        budgets: The budgets of the hosts of topics, which the fetching client uses too.
        clock: Returns the time, in seconds since 1970, unaffected by changes of the wall clock.
        introductions: The hosts of topics, by the client that announced the topics.
        events: Where to record what was fetched.
    """

    def __init__(  # noqa: PLR0913 - its parts and options, all but the first five by keyword
        self,
        store: HubStore,
        refresh: Callable[[str], Awaitable[Refreshed]],
        schedule: RetrySchedule,
        wakeup: Wakeup,
        metrics: Counts[FetchOutcome],
        *,
        budgets: Budgets | None = None,
        clock: Callable[[], float] = time.time,
        introductions: Introductions | None = None,
        events: Events | None = None,
    ) -> None:
        self._store = store
        self._refresh = refresh
        self._schedule = schedule
        self._metrics = metrics
        self._clock = clock
        self._budgets = fetch_budgets(clock) if budgets is None else budgets
        self._pace = TopicPace(clock)
        self._fetching: set[str] = set()
        self._hosts = Counter[str]()
        self._met = Acquaintances[str]()
        self._introductions = introductions or Introductions()
        self._crowd = Crowd(self._budgets.places, self._budgets.for_strangers, self._introductions)
        self._events = events or Events()
        self._kept_back: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self._waiting: dict[str, float] = {}
        self._soonest = math.inf
        self._wakeup = wakeup

    async def run(self) -> None:
        """Fetch announced topics until cancelled, each at most once a second and always after its last announcement."""
        async with anyio.create_task_group() as tasks:
            while True:
                try:
                    await self._start_fetches(tasks)
                except StoreError as error:
                    log.warning("Announcements cannot be read: %s", error)
                await self._wakeup.wait(self._pause())

    def _pause(self) -> float:
        """Return the seconds until a topic may be fetched again, or the polling interval if that is shorter."""
        return min(max(self._soonest - self._clock(), 0.0), _POLL_SECONDS)

    async def _start_fetches(self, tasks: TaskGroup) -> None:
        """Begin due fetches that may begin: the first to come, then those of known hosts, then introductions."""
        now = self._clock()
        self._soonest = math.inf
        self._waiting = {host: until for host, until in self._waiting.items() if until > now}
        await self._start(tasks, None, self._is_full_for_strangers)
        if self._is_full_for_strangers():
            await self._start(tasks, frozenset(self._met), self._is_full_for_met)
            await self._start(tasks, frozenset(self._introductions.hosts()), self._is_full)

    async def _start(self, tasks: TaskGroup, among: frozenset[str] | None, is_full: Callable[[], bool]) -> None:
        # Topics that are being fetched come first in the list, and must not hide the others.
        more, limit = not is_full() and (among is None or bool(among)), _READ + len(self._fetching)
        while more:
            due = await self._store.announcements.due(limit=limit, besides=self._waiting, among=among)
            moved = [announcement for announcement in due if self._begin(announcement, tasks)]
            await self._keep_back()
            more = len(due) == limit and not is_full()
            # Neither must topics that may not begin, such as others of a host whose only introduction is used up.
            limit = _READ + len(self._fetching) if moved else limit * 2

    def _is_full(self) -> bool:
        return len(self._fetching) >= _FETCHES_AT_ONCE

    def _is_full_for_met(self) -> bool:
        return self._is_full() or self._crowd.is_full(stranger=False)

    def _is_full_for_strangers(self) -> bool:
        return self._is_full() or self._crowd.is_full(stranger=True) or self._budgets.is_full_for_strangers

    def _begin(self, announcement: Announcement, tasks: TaskGroup) -> bool:
        """Begin a fetch if it may begin. Return whether it, or everything of its host, no longer blocks the list."""
        topic, now = announcement.topic, self._clock()
        host = host_of(topic)
        if topic in self._fetching or host in self._waiting or self._is_full():
            return False
        until = self._pace.until(topic)
        if until > now:
            self._soonest = min(self._soonest, until)
            self._kept_back.append(partial(self._store.announcements.hold, announcement, until, _RESTING))
            return True
        stranger = not self._budgets.proven(host)
        if stranger and self._budgets.is_full_for_strangers:
            return False
        wait = math.inf if self._hosts[host] >= _BUDGET.at_once else self._budgets.wait(host)
        if wait == math.inf and not self._hosts[host]:
            wait = _POLL_SECONDS  # for exchanges that others began to end
        if wait:
            self._wait_for(host, now + wait)
            return True
        permit = self._crowd.begin(host, stranger=stranger)
        if permit is None:
            return False
        self._fetching.add(topic)
        self._hosts[host] += 1
        tasks.start_soon(self._fetch, announcement, host, permit)
        return True

    def _wait_for(self, host: str, until: float) -> None:
        self._waiting[host] = until
        # With an infinite wait, another fetch of the host ends soon. A longer wait must be visible to operators.
        if until != math.inf:
            self._kept_back.append(partial(self._store.announcements.hold_host, host, until, _WAITING))

    async def _keep_back(self) -> None:
        """Hold back topics in the store that may not be fetched yet. This happens in one step, so others wait once."""
        kept_back, self._kept_back = self._kept_back, []
        try:
            async with anyio.create_task_group() as together:
                for keep in kept_back:
                    together.start_soon(keep)
        except* StoreError as errors:
            raise errors.exceptions[0] from None

    async def _fetch(self, announcement: Announcement, host: str, permit: Permit) -> None:
        rest, longer = _INTERVAL_SECONDS, False
        try:
            longer = await self._attempt(announcement) is Refreshed.FOR_NOTHING
        except StoreError as error:
            log.warning("An announced update could not be stored: %s", error)
            rest = _STORE_SECONDS
        finally:
            self._pace.rest(announcement.topic, rest, longer=longer)
            self._fetching.discard(announcement.topic)
            self._hosts -= Counter([host])
            self._crowd.end(permit)
            if self._budgets.proven(host):
                self._met.meet(host)
            self._waiting.pop(host, None)
            self._wakeup.ring()

    async def _attempt(self, announcement: Announcement) -> Refreshed | None:
        topic, found = announcement.topic, None
        try:
            if await self._store.subscriptions.page(topic=topic, limit=1):
                found = await self._refresh(topic)
                updated = found is Refreshed.UPDATED
                self._metrics.count(FetchOutcome.UPDATED if updated else FetchOutcome.UNCHANGED)
                self._events.record(Kind.FETCHED if updated else Kind.UNCHANGED, topic=topic)
            await self._store.announcements.settle(announcement)
        except StoreError:
            raise
        except TopicFetchError as error:
            await self._fail(announcement, error)
        except Exception:
            log.exception("The topic %r could not be processed.", topic)
            await self._fail(announcement, TopicFetchError("The hub failed to process it."))
        return found

    async def _fail(self, announcement: Announcement, error: TopicFetchError) -> None:
        if error.wait:
            until = self._clock() + min(error.wait, _LONGEST_WAIT_SECONDS)
            await self._store.announcements.hold(announcement, until, _WAITING)
            return
        delay = self._schedule.delay(announcement.attempts + 1, _CHANCE())
        firm = retry_after_seconds(error.headers.get("retry-after"), self._clock()) or 0.0
        store = self._store.announcements
        dead = delay is None or error.status == _GONE
        self._events.record(
            Kind.FETCH_FAILED,
            topic=announcement.topic,
            status=error.status,
            reason=error.reason,
            attempt=announcement.attempts + 1,
            dead=dead,
        )
        if delay is None or dead:
            await store.dead(announcement, error.reason, status=error.status, firm=firm)
            self._metrics.count(FetchOutcome.DEAD)
        else:
            await store.retry(announcement, delay, error.reason, status=error.status, firm=firm)
            self._metrics.count(FetchOutcome.RETRIED)
