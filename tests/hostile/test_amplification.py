"""A hub is no means to attack others: what a host did not ask for is bounded, and what it did ask for is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from itertools import pairwise

import anyio
import attrs
import pytest

from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.standalone.adapters.conftest import Clock
from tests.standalone.hub import Site
from tests.waiting import PATIENCE, until
from websubhub import (
    HubApplication,
    HubConfig,
    InternalSubscriptionError,
    Subscription,
    SubscriptionAccepted,
    TopicClient,
    TopicFetchError,
    Unsubscription,
    UnsubscriptionAccepted,
)
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.hub import requests as requests_module
from websubhub.standalone.hub.intake import Intake
from websubhub.standalone.hub.policies import PublisherPolicy
from websubhub.standalone.hub.requests import Requests
from websubhub.standalone.hub.service import StandaloneHub
from websubhub.standalone.hub.topics import TopicRules
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import HubStore, Mode, PendingVerification, StoredSubscription
from websubhub.standalone.reach import Reach
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.tokens import Tokens
from websubhub.standalone.work.fetching import TopicFetching, fetch_budgets
from websubhub.standalone.work.refreshing import Refreshed, TopicRefresher
from websubhub.standalone.work.verification import VerificationWorker
from websubhub.standalone.work.wakeup import Wakeup
from websubhub.testing import RecordingSubscriber

HUB = "http://127.0.0.1/hub"
TOPIC = "https://topic.example/"


@attrs.define
class Yard:
    """The part of a hub that verifies, with its clock in the test's hand, and one host on a real socket."""

    store: HubStore
    clock: Clock
    service: StandaloneHub
    accepted: Wakeup
    host: str
    subscriber: RecordingSubscriber

    @property
    def asked(self) -> int:
        """How many verification requests have reached the host."""
        return len(self.subscriber.verifications)

    async def subscribe(self, query: str = "", topic: str = TOPIC, secret: str | None = None) -> object:
        callback = f"{self.host}/callback{query}"
        message = Subscription(hub=HUB, topic=topic, callback=callback, lease_seconds=86_400, secret=secret)
        return await self.service.on_subscription(message)

    async def move_on(self, seconds: float) -> None:
        self.clock.now += seconds
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing more reaches the host."""
        for _ in range(5):
            asked = -1
            while asked != self.asked:
                asked = self.asked
                self.accepted.ring()
                for _ in range(10):
                    await anyio.wait_all_tasks_blocked()
                    await self.store.verifications.count()
                    await anyio.sleep(0.005)


@asynccontextmanager
async def yard() -> AsyncIterator[Yard]:
    clock, subscriber = Clock(), RecordingSubscriber()
    async with (
        AppListener(Binding(port=0, graceful_seconds=0.5)) as listener,
        MemoryStore(clock=clock) as store,
        anyio.create_task_group() as tasks,
    ):
        host = await listener.start()
        listener.attach("/callback", subscriber, nullcontext())
        publishers = PublisherPolicy(Tokens((), ""), anonymous=True, reach=Reach("", None))
        intake = Intake(store, lambda: None)
        accepted = Wakeup()
        requests = Requests(store.verifications, accepted.ring, clock)
        service = StandaloneHub(store, TopicRules(store.topics), publishers, intake, requests)
        app = HubApplication(service, HubConfig(url=HUB), clock=clock)
        async with app:
            worker = VerificationWorker(store.verifications, app.attempt_verification, HUB, accepted, clock=clock)
            tasks.start_soon(worker.run)
            yield Yard(store, clock, service, accepted, host, subscriber)
            tasks.cancel_scope.cancel()


@pytest.mark.threat("AMP-1")
@pytest.mark.parametrize("many", ["queries", "topics"])
async def test_a_host_that_asked_for_nothing_is_asked_ten_times_a_minute_and_nothing_is_forgotten(many: str) -> None:
    async with yard() as one:
        one.subscriber.confirms = False
        for number in range(300):
            query, topic = (f"?{number}", TOPIC) if many == "queries" else ("", f"{TOPIC}{number}")
            assert isinstance(await one.subscribe(query, topic), SubscriptionAccepted)
        await until(lambda: one.asked == 10)
        await one.quiet()
        assert one.asked == 10
        await one.move_on(30)
        assert one.asked == 15
        assert await one.store.verifications.count() == 285


@pytest.mark.threat("AMP-10")
async def test_a_host_that_never_confirms_is_left_alone_for_an_hour_but_its_renewals_go_on() -> None:
    async with yard() as one:
        await one.subscribe("?known")
        await until(lambda: one.asked == 1)
        await one.quiet()
        one.subscriber.confirms = False
        for number in range(50):
            await one.subscribe(f"?{number}")
        await one.move_on(1)
        await one.move_on(60)
        assert one.asked == 1 + 20
        await one.move_on(3_500)
        assert one.asked == 1 + 20
        one.subscriber.confirms = True
        await one.subscribe("?known", secret="renewed")
        await until(lambda: one.asked == 1 + 20 + 1)
        await one.quiet()
        renewed = await one.store.subscriptions.get(TOPIC, f"{one.host}/callback?known")
        assert renewed is not None
        assert renewed.secret == "renewed"
        await one.move_on(200)
        await until(lambda: one.asked == 1 + 50 + 1)
        await one.quiet()
        assert await one.store.verifications.count() == 0


@pytest.mark.threat("AMP-2")
async def test_one_pair_is_asked_once_a_second_and_the_newest_request_wins() -> None:
    async with yard() as one:
        for number in range(500):
            await one.subscribe(secret=str(number))
        await one.quiet()
        assert one.asked == 1
        await one.move_on(1)
        assert one.asked == 2
        found = await one.store.subscriptions.get(TOPIC, f"{one.host}/callback")
        assert found is not None
        assert found.secret == "499"


async def test_those_who_confirm_wait_for_nobody() -> None:
    async with yard() as one:
        for number in range(500):
            await one.subscribe(f"?{number}")
        await until(lambda: one.asked == 500)
        await one.quiet()
        assert len(await one.store.subscriptions.page(limit=1_000)) == 500


@pytest.mark.threat("DOS-8")
async def test_one_host_leaves_places_to_others_and_to_those_who_are_subscribed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requests_module, "_PENDING_LIMIT", 100)
    async with yard() as one:
        await one.store.subscriptions.save(
            StoredSubscription(topic=TOPIC, callback=f"{one.host}/callback?known", lease_seconds=9, requested_at=10**10)
        )
        one.subscriber.confirms = False
        answers = [await one.subscribe(f"?{number}") for number in range(100)]
        refused = [answer for answer in answers if isinstance(answer, InternalSubscriptionError)]
        assert 35 <= len(refused) <= 50, "half of the places are for others"
        assert {answer.status for answer in refused} == {503}
        assert all("Retry-After" in answer.headers for answer in refused)
        assert isinstance(await one.subscribe("?known"), SubscriptionAccepted)
        other = Subscription(hub=HUB, topic=TOPIC, callback="https://other.example/", lease_seconds=9)
        assert isinstance(await one.service.on_subscription(other), SubscriptionAccepted)
        leaving = Unsubscription(hub=HUB, topic=TOPIC, callback=f"{one.host}/callback?known")
        assert isinstance(await one.service.on_unsubscription(leaving), UnsubscriptionAccepted)


@pytest.mark.threat("DOS-8")
async def test_who_never_answered_makes_room_for_the_next() -> None:
    clock = Clock()
    async with MemoryStore(clock=clock) as store:
        verifications = store.verifications
        for number in range(9):
            assert await verifications.save(_pending(number), places=9), "each of another host"
        assert not await verifications.save(_pending(10), places=9), "nobody has failed yet"
        await verifications.postpone("3", due_at=clock() + 30)
        assert await verifications.save(_pending(10), places=9)
        assert {found.id for found in await verifications.due()} == {str(n) for n in range(11) if n not in {3, 9}}
        assert not await verifications.save(_pending(11), places=9)


def _pending(number: int) -> PendingVerification:
    callback = f"https://sub{number}.example/"
    return PendingVerification(id=str(number), mode=Mode.SUBSCRIBE, topic=TOPIC, callback=callback, due_at=number)


# --- topics -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def fetching(refresh: object, clock: Clock, *topics: str) -> AsyncIterator[tuple[HubStore, Wakeup]]:
    """What fetches topics, in a hub where each of them is followed."""
    async with MemoryStore(clock=clock) as store, anyio.create_task_group() as tasks:
        for topic in topics:
            await store.subscriptions.save(
                StoredSubscription(
                    topic=topic, callback="https://s.example/", lease_seconds=10**9, requested_at=clock()
                )
            )
        announced = Wakeup()
        part = TopicFetching(store, refresh, RetrySchedule(jitter=0), announced, HubMetrics().fetches, clock=clock)  # type: ignore[arg-type]
        tasks.start_soon(part.run)
        yield store, announced
        tasks.cancel_scope.cancel()


async def _look(store: HubStore, announced: Wakeup) -> None:
    announced.ring()
    for _ in range(20):
        await anyio.wait_all_tasks_blocked()
        await store.announcements.statistics()


@pytest.mark.threat("AMP-1", "DOS-7")
async def test_a_host_whose_topics_hang_takes_four_places_and_holds_nobody_up() -> None:
    hanging = [f"https://hanging.example/{number}" for number in range(200)]
    fetched: list[str] = []

    async def refresh(topic: str) -> Refreshed:
        fetched.append(topic)
        if topic in hanging:
            await anyio.sleep_forever()
        return Refreshed.UPDATED

    async with fetching(refresh, Clock(), *hanging, TOPIC) as (store, part):
        for topic in [*hanging, TOPIC]:
            await store.announcements.save(topic)
        await _look(store, part)
        assert TOPIC in fetched
        assert len(fetched) == 5
        assert len(await store.announcements.page(limit=500)) == 200, "the others wait, and are kept"


@pytest.mark.threat("AMP-6")
async def test_a_topic_without_news_is_fetched_ever_less_often_and_once_more_after_the_last_announcement() -> None:
    clock, fetched, found = Clock(), list[float](), [Refreshed.FOR_NOTHING]

    async def refresh(_: str) -> Refreshed:
        fetched.append(clock())
        return found[0]

    async with fetching(refresh, clock, TOPIC) as (store, part):
        for _ in range(200):
            await store.announcements.save(TOPIC)
            await _look(store, part)
            clock.now += 1
        pauses = [int(later - earlier) for earlier, later in pairwise(fetched)]
        assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
        [waiting] = await store.announcements.page()
        assert waiting.attempts == 0
        assert "a moment ago" in waiting.reason
        found[0] = Refreshed.UPDATED
        clock.now += 60
        await _look(store, part)
        assert await store.announcements.page() == []
        last = len(fetched)
        await store.announcements.save(TOPIC)
        clock.now += 1
        await _look(store, part)
        assert len(fetched) == last + 1, "what brings news is fetched once a second again"


@pytest.mark.threat("AMP-6", "DOS-6")
@pytest.mark.parametrize("redirected", [False, True])
async def test_a_host_sends_four_of_the_largest_contents_and_then_so_much_a_minute(*, redirected: bool) -> None:
    clock, size = Clock(), 100_000
    async with AppListener(Binding(port=0, graceful_seconds=0.5)) as listener:
        peers = await listener.start()
        sites = [Site(body=bytes(size)) for _ in range(40)]
        for number, site in enumerate(sites):
            listener.attach(f"/{number}", site, nullcontext())
        at = peers.replace("127.0.0.1", "localhost") if redirected else peers
        moved = Site(Location=f"{peers}/0")
        moved.status = 302
        budgets = fetch_budgets(clock, size)
        refused: list[TopicFetchError] = []
        async with TopicClient(HUB, body_limit=size, budgets=budgets) as client, MemoryStore(clock=clock) as store:
            refresher = TopicRefresher(store, client, clock)
            for number in range(40):
                if redirected:
                    listener.attach(f"/moved{number}", moved, nullcontext())
                topic = f"{at}/moved{number}" if redirected else f"{at}/{number}"
                with anyio.fail_after(PATIENCE):
                    try:
                        await refresher.refresh(topic)
                    except TopicFetchError as error:
                        refused.append(error)
        fetches = sum(site.fetches for site in sites)
        assert 4 <= fetches <= 5
        assert len(refused) == 40 - fetches
        assert all(error.wait > 0 for error in refused)
        clock.now += 30
        assert budgets.wait("127.0.0.1") == 0
