"""A topic that cannot be fetched is tried again like a delivery, whatever happens meanwhile."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import attrs
import pytest

from tests.standalone.hub import Site, until
from tests.waiting import PATIENCE
from websubhub import TopicClient
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import Announcement, AnnouncementState, HubStore, StoredSubscription
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.work.fetching import TopicFetching
from websubhub.standalone.work.refreshing import Refreshed, TopicRefresher
from websubhub.standalone.work.wakeup import Wakeup
from websubhub.testing import FakeClock, InMemoryWeb

TOPIC = "https://topic.example/"
DELAYS = (5.0, 30.0, 120.0)
START = 1_800_000_000.0


@attrs.define
class Desk:
    """A topic, and the part of a hub that fetches it."""

    store: HubStore
    site: Site
    web: InMemoryWeb
    clock: FakeClock
    announced: Wakeup

    async def announce(self) -> None:
        await self.store.announcements.save(TOPIC)
        await self.look()

    async def look(self) -> None:
        """Let the fetching look for what is due, and wait until it has done what follows from that."""
        self.announced.ring()
        for _ in range(20):  # a fetch takes about ten steps in the store, and each of these waits for one at least
            await anyio.wait_all_tasks_blocked()
            await self.store.announcements.statistics()

    async def move_on(self, seconds: float) -> None:
        self.clock.now += seconds
        await self.look()

    async def one(self) -> Announcement:
        [announcement] = await self.store.announcements.page()
        return announcement

    async def nothing_left(self) -> bool:
        return not await self.store.announcements.page()


@asynccontextmanager
async def desk(delays: tuple[float, ...] = DELAYS) -> AsyncIterator[Desk]:
    clock, web, site = FakeClock(START), InMemoryWeb(), Site()
    web["topic.example"] = site
    async with MemoryStore(clock=clock) as store, anyio.create_task_group() as tasks:
        await store.subscriptions.save(
            StoredSubscription(topic=TOPIC, callback="https://s.example/", lease_seconds=10**9, requested_at=START)
        )
        refresher = TopicRefresher(store, TopicClient("https://hub.example/", client=web.client()))
        announced = Wakeup()
        fetching = TopicFetching(
            store,
            refresher.refresh,
            RetrySchedule(delays=delays, jitter=0),
            announced,
            HubMetrics().fetches,
            clock=clock,
        )
        tasks.start_soon(fetching.run)
        yield Desk(store, site, web, clock, announced)
        tasks.cancel_scope.cancel()


async def test_it_is_fetched_at_the_times_of_the_schedule_and_then_given_up() -> None:
    async with desk() as one:
        one.site.status = 500
        await one.announce()
        for number, delay in enumerate(DELAYS, start=1):
            assert one.site.fetches == number
            failing = await one.one()
            assert (failing.state, failing.attempts) == (AnnouncementState.FAILING, number)
            assert (failing.status, failing.reason) == (500, "The topic answered 500.")
            assert failing.due_at == one.clock.now + delay
            await one.move_on(delay - 0.1)
            assert one.site.fetches == number
            await one.move_on(0.1)
        dead = await one.one()
        assert (dead.state, dead.attempts, dead.died_at) == (AnnouncementState.DEAD, 4, one.clock.now)
        assert (dead.status, dead.reason) == (500, "The topic answered 500.")
        await one.move_on(10**6)
        assert one.site.fetches == 4


async def test_what_works_again_is_published_and_forgotten() -> None:
    async with desk() as one:
        one.web.down.add("topic.example")
        await one.announce()
        assert ((await one.one()).status, one.site.fetches) == (0, 0)
        one.web.down.clear()
        await one.move_on(5)
        assert await one.nothing_left()
        [delivery] = await one.store.broker.claim(10)
        assert delivery.update.content == b"content"


@pytest.mark.parametrize(
    ("asked", "waited"),
    [("200", 200.0), ("0", 5.0), ("1", 5.0), ("-5", 5.0), ("soon", 5.0), ("99999999", 86_400.0)],
)
async def test_a_delay_that_the_topic_asks_for_lengthens_the_schedule_and_never_shortens_it(
    asked: str, waited: float
) -> None:
    async with desk() as one:
        one.site.status, one.site.headers["Retry-After"] = 503, asked
        await one.announce()
        assert (await one.one()).due_at == one.clock.now + waited
        await one.move_on(waited - 0.1)
        assert one.site.fetches == 1
        await one.move_on(0.1)
        assert one.site.fetches == 2


@pytest.mark.parametrize("status", [404, 403, 429, 204, 304])
async def test_most_answers_are_not_final(status: int) -> None:
    async with desk() as one:
        one.site.status = status
        await one.announce()
        assert (await one.one()).state is AnnouncementState.FAILING
        one.site.status = 200
        await one.move_on(5)
        assert await one.nothing_left()


async def test_a_topic_that_is_gone_is_given_up_at_once() -> None:
    async with desk() as one:
        one.site.status = 410
        await one.announce()
        dead = await one.one()
        assert (dead.state, dead.status, dead.attempts) == (AnnouncementState.DEAD, 410, 1)


async def test_another_announcement_of_a_failing_topic_begins_anew() -> None:
    async with desk() as one:
        one.site.status = 500
        await one.announce()
        await one.move_on(5)
        assert (await one.one()).attempts == 2
        await one.move_on(10)
        await one.announce()
        again = await one.one()
        assert one.site.fetches == 3
        assert (again.attempts, again.due_at, again.announced_at) == (1, one.clock.now + 5, START)


async def test_another_announcement_does_not_shorten_what_the_topic_asked_for() -> None:
    async with desk() as one:
        one.site.status, one.site.headers["Retry-After"] = 503, "200"
        await one.announce()
        await one.move_on(50)
        await one.announce()
        pending = await one.one()
        assert one.site.fetches == 1
        assert (pending.state, pending.due_at) == (AnnouncementState.PENDING, START + 200)
        one.site.status = 200
        await one.move_on(150)
        assert await one.nothing_left()


@pytest.mark.parametrize("status", [410, 500])
async def test_another_announcement_brings_a_dead_one_back(status: int) -> None:
    async with desk((5.0,)) as one:
        one.site.status = status
        await one.announce()
        await one.move_on(5)
        assert (await one.one()).state is AnnouncementState.DEAD
        one.site.status = 200
        await one.move_on(1_000)
        await one.announce()
        assert await one.nothing_left()


async def test_many_announcements_of_a_failing_topic_fetch_it_once_a_second_at_most() -> None:
    async with desk() as one:
        one.site.status = 500
        for _ in range(30):
            await one.announce()
            await one.move_on(0.1)
        assert 3 <= one.site.fetches <= 4


async def test_replaying_and_dropping() -> None:
    async with desk() as one:
        one.site.status, one.site.headers["Retry-After"] = 410, "500"
        await one.announce()
        dead = await one.one()
        one.clock.now += 10
        assert await one.store.announcements.replay([dead.id, 4711]) == 1
        await one.look()
        assert one.site.fetches == 2, "an operator need not wait"
        assert (await one.one()).state is AnnouncementState.DEAD
        assert await one.store.announcements.drop([dead.id, 4711]) == 1
        assert await one.nothing_left()


async def test_a_topic_that_nobody_follows_any_more_is_left_alone() -> None:
    async with desk() as one:
        one.site.status = 500
        await one.announce()
        await one.store.subscriptions.remove(TOPIC, "https://s.example/")
        await one.move_on(5)
        assert one.site.fetches == 1
        assert await one.nothing_left()


async def test_what_is_raised_at_a_fetch_does_not_end_the_others(caplog: pytest.LogCaptureFixture) -> None:
    store_topics = ["https://broken.example/", TOPIC]
    asked: list[str] = []

    async def refresh(topic: str) -> Refreshed:
        asked.append(topic)
        if topic != TOPIC:
            raise OverflowError("beyond all years")
        return Refreshed.UPDATED

    async with MemoryStore() as store, anyio.create_task_group() as tasks:
        for topic in store_topics:
            await store.subscriptions.save(
                StoredSubscription(topic=topic, callback="https://s.example/", lease_seconds=10**9, requested_at=START)
            )
            await store.announcements.save(topic)
        tasks.start_soon(TopicFetching(store, refresh, RetrySchedule(), Wakeup(), HubMetrics().fetches).run)
        await until(lambda: len(asked) == 2)
        await _until(lambda: _is_failing(store))
        tasks.cancel_scope.cancel()
    assert "beyond all years" in caplog.text


async def _is_failing(store: HubStore) -> bool:
    page = await store.announcements.page()
    return [(one.topic, one.state, one.reason) for one in page] == [
        ("https://broken.example/", AnnouncementState.FAILING, "The hub failed to process it.")
    ]


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - the store does not tell
            await anyio.sleep(0.01)
