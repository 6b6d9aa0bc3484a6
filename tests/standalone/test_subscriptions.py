"""A subscription counts once it is verified, until its lease ends, its subscriber leaves, or the hub denies it."""

import time
from typing import Any

import anyio
import pytest

from tests.standalone.hub import Site, World, seconds, world
from tests.waiting import PATIENCE, until
from websubhub import (
    HubApplication,
    HubConfig,
    IntentVerification,
    Subscription,
    TopicClient,
    Unsubscription,
    VerificationAttempt,
)
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.hub.intake import Intake
from websubhub.standalone.hub.policies import PublisherPolicy
from websubhub.standalone.hub.requests import Requests
from websubhub.standalone.hub.service import StandaloneHub
from websubhub.standalone.hub.topics import TopicRules
from websubhub.standalone.ports import HubStore, Mode, PendingVerification
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Tokens
from websubhub.standalone.work.verification import VerificationWorker
from websubhub.standalone.work.wakeup import Wakeup
from websubhub.testing import InMemoryWeb, RecordingSubscriber

TOPIC = "https://topic.example/"
CALLBACK = "https://sub.example/callback?a=b"
HUB = "https://hub.example/"


@pytest.mark.spec("H-05", "H-06", "H-33", "H-35", "H-39", "H-40", "SEC-05")
@pytest.mark.parametrize(
    ("asked", "granted"),
    [(None, 864_000), (1, 300), (86_400, 86_400), (99_999_999_999, 2_592_000), ("0" * 99 + "600", 600)],
)
async def test_leases_are_granted_within_the_limits(asked: int | str | None, granted: int) -> None:
    before = int(time.time())
    async with world(min_lease_seconds=300) as hub:
        subscriber = hub.subscriber()
        fields: dict[str, Any] = {} if asked is None else {"lease_seconds": asked}
        await hub.subscribe(subscriber, TOPIC, **fields)
        assert subscriber.verifications[0]["hub.lease_seconds"] == str(granted)
        [subscription] = (await hub.get("/admin/subscriptions")).json()["subscriptions"]
        assert subscription["lease_seconds"] == granted
        assert round(seconds(subscription["expires_at"]) - seconds(subscription["requested_at"])) == granted
        assert int(before) <= seconds(subscription["requested_at"]) <= time.time()


@pytest.mark.parametrize("lease", ["0", "-1", "1e9", "inf", "0000", "9" * 5000 + "."])
async def test_a_lease_that_is_no_number_of_seconds_is_refused(lease: str) -> None:
    async with world() as hub:
        answer = await hub.ask(mode="subscribe", topic=TOPIC, callback="https://sub.example/", lease_seconds=lease)
        assert answer.status_code == 400


@pytest.mark.spec("H-38")
async def test_nothing_is_delivered_once_a_lease_has_ended() -> None:
    async with world() as hub:
        ending, staying = hub.subscriber("/ending"), hub.subscriber("/staying")
        await hub.subscribe(ending, TOPIC, "/ending")
        await hub.subscribe(staying, TOPIC, "/staying")
        await hub.publish(TOPIC, b"in time")
        await until(lambda: ending.deliveries and staying.deliveries)
        await hub.subscribe(ending, TOPIC, "/ending", lease_seconds=1)
        await anyio.sleep(1.1)
        await hub.publish(TOPIC, b"too late")
        await until(lambda: len(staying.deliveries) == 2)
        await hub.quiet()
        assert [delivery.body for delivery in ending.deliveries] == [b"in time"]
        assert (await hub.statistics())["subscriptions"] == 1


@pytest.mark.spec("H-08", "H-09", "H-10", "SEC-18")
@pytest.mark.threat("AMP-9", "SIG-9")
async def test_a_renewal_takes_effect_only_once_it_is_verified() -> None:
    async with world() as hub:
        subscriber = hub.subscriber(secret="old")
        await hub.subscribe(subscriber, TOPIC, secret="old", lease_seconds=1_000)
        subscriber.confirms = False
        await hub.subscribe(subscriber, TOPIC, secret="a stranger's", lease_seconds=2)
        await hub.publish(TOPIC)
        await subscriber.wait_until(lambda: subscriber.deliveries)
        assert subscriber.deliveries[0].signature is True, "the old secret is still in force"
        assert await _leases(hub) == [1_000]
        subscriber.confirms, subscriber.secret = True, "new"
        await hub.subscribe(subscriber, TOPIC, secret="new", lease_seconds=2_000)
        await hub.publish(TOPIC)
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)
        assert subscriber.deliveries[1].signature is True
        assert await _leases(hub) == [2_000]


@pytest.mark.spec("H-10", "H-11", "H-29")
@pytest.mark.threat("AMP-8")
async def test_an_unsubscription_takes_effect_only_once_it_is_verified() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.confirms = False
        await _unsubscribe(hub, subscriber, 2)
        assert await _leases(hub) == [864_000]
        subscriber.confirms = True
        await _unsubscribe(hub, subscriber, 3)
        assert await _leases(hub) == []
        await hub.publish(TOPIC)
        assert (await hub.statistics())["waiting"] == 0


async def test_leaving_what_was_never_joined_is_answered_alike_and_asks_nobody() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        answer = await hub.ask(mode="unsubscribe", topic=TOPIC, callback=hub.peers + "/callback")
        assert answer.status_code == 202
        await hub.verified()
        assert not subscriber.verifications


@pytest.mark.spec("H-28", "H-27")
async def test_an_operator_ends_a_subscription_and_its_subscriber_is_told() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        callback = hub.peers + "/callback"
        await hub.order("/admin/subscriptions/remove", topic=TOPIC, callback=callback, reason="spam")
        assert subscriber.denials == [{"hub.mode": "denied", "hub.topic": TOPIC, "hub.reason": "spam"}]
        assert await _leases(hub) == []


async def _leases(hub: World) -> list[int]:
    answer = await hub.get("/admin/subscriptions")
    return [subscription["lease_seconds"] for subscription in answer.json()["subscriptions"]]


async def _unsubscribe(hub: World, subscriber: RecordingSubscriber, verifications: int) -> None:
    callback = hub.peers + "/callback"
    answer = await hub.ask(mode="unsubscribe", topic=TOPIC, callback=callback)
    assert answer.status_code == 202
    await subscriber.wait_until(lambda: len(subscriber.verifications) == verifications)
    await hub.verified()


# --- the worker, with delays of a test --------------------------------------------------------------------------------


def _worker(store: HubStore, web: InMemoryWeb, delays: tuple[float, ...] = (0.05, 0.05)) -> VerificationWorker:
    topics = TopicClient(HUB, client=web.client())
    rules = TopicRules(store.topics, validate=topics)
    service = StandaloneHub(
        store,
        rules,
        PublisherPolicy(Tokens((), ""), anonymous=True, reach=Reach("", None)),
        Intake(store, lambda: None),
        Requests(store.verifications, lambda *_: None),
    )
    app = HubApplication(service, HubConfig(url=HUB), web.client())
    return VerificationWorker(
        store.verifications, app.attempt_verification, HUB, Wakeup(), deny=app.deny, delays=delays
    )


def _pending(identity: str = "1", callback: str = CALLBACK) -> PendingVerification:
    return PendingVerification(
        id=identity, mode=Mode.SUBSCRIBE, topic=TOPIC, callback=callback, lease_seconds=1_000, due_at=0
    )


def _web(**hosts: object) -> InMemoryWeb:
    web = InMemoryWeb()
    web["topic.example"] = Site(Link=f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"')
    for name, app in hosts.items():
        web[f"{name}.example"] = app  # type: ignore[assignment]
    return web


async def test_a_callback_that_does_not_answer_is_asked_again() -> None:
    web, subscriber = _web(), RecordingSubscriber()
    async with MemoryStore() as store, anyio.create_task_group() as tasks:
        await store.verifications.save(_pending())
        tasks.start_soon(_worker(store, web).run)
        await until(lambda: len(web.requests) >= 2)
        web["sub.example"] = subscriber
        await until(lambda: subscriber.verifications)
        await _settled(store)
        subscription = await store.subscriptions.get(TOPIC, CALLBACK)
        assert subscription is not None
        assert subscription.lease_seconds == 1_000
        tasks.cancel_scope.cancel()


async def test_a_callback_that_never_answers_is_given_up() -> None:
    web = _web()
    async with MemoryStore() as store, anyio.create_task_group() as tasks:
        await store.verifications.save(_pending())
        tasks.start_soon(_worker(store, web).run)
        await _settled(store)
        assert len([url for _, url in web.requests if "sub.example" in url]) == 3
        assert await store.subscriptions.get(TOPIC, CALLBACK) is None
        tasks.cancel_scope.cancel()


@pytest.mark.spec("H-20", "H-25", "H-27")
@pytest.mark.parametrize(
    ("links", "reason"),
    [
        ('<https://another.example/>; rel="hub"', "the topic does not name this hub"),
        (f'<{HUB}>; rel="hub", <https://topic.example/other>; rel="self"', "the topic has another canonical URL"),
    ],
)
async def test_a_topic_that_does_not_name_this_hub_is_denied_on_demand(links: str, reason: str) -> None:
    subscriber = RecordingSubscriber()
    web = _web(sub=subscriber)
    web["topic.example"] = Site(Link=links)
    async with MemoryStore() as store, anyio.create_task_group() as tasks:
        await store.verifications.save(_pending())
        tasks.start_soon(_worker(store, web).run)
        await _settled(store)
        assert [denial["hub.reason"] for denial in subscriber.denials] == [reason]
        assert not subscriber.verifications
        assert await store.subscriptions.get(TOPIC, CALLBACK) is None
        tasks.cancel_scope.cancel()


async def test_a_topic_that_cannot_be_fetched_is_denied_on_demand() -> None:
    subscriber = RecordingSubscriber()
    web = _web(sub=subscriber)
    web.down.add("topic.example")
    async with MemoryStore() as store, anyio.create_task_group() as tasks:
        await store.verifications.save(_pending())
        tasks.start_soon(_worker(store, web).run)
        await _settled(store)
        assert [denial["hub.reason"] for denial in subscriber.denials] == ["the topic could not be fetched"]
        tasks.cancel_scope.cancel()


@pytest.mark.spec("SEC-16")
async def test_one_host_is_asked_so_many_questions_at_a_time_and_others_do_not_wait_for_it() -> None:
    asking: list[str] = []
    most = 0
    other = anyio.Event()

    async with MemoryStore() as store, anyio.create_task_group() as tasks:

        async def verify(message: Subscription | Unsubscription) -> VerificationAttempt:
            nonlocal most
            if "slow" in message.callback:
                asking.append(message.callback)
                most = max(most, len(asking))
                await other.wait()
                asking.remove(message.callback)
            other.set()
            await store.verifications.remove(message.request_id)
            return VerificationAttempt(result=IntentVerification.VERIFIED)

        for number in range(600):
            await store.verifications.save(_pending(str(number), f"https://slow.example/{number}"))
        await store.verifications.save(_pending("other", "https://quick.example/"))
        tasks.start_soon(VerificationWorker(store.verifications, verify, HUB, Wakeup()).run)
        with anyio.fail_after(PATIENCE):
            await other.wait()
        assert most == 10
        await _settled(store)
        assert most == 10
        tasks.cancel_scope.cancel()


@pytest.mark.spec("SEC-16")
@pytest.mark.threat("AMP-2")
async def test_many_requests_of_one_pair_are_one_question_at_a_time_and_the_newest_wins() -> None:
    asked: list[object] = []
    under_way = 0

    async def verify(message: Subscription | Unsubscription) -> VerificationAttempt:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        asked.append(message.request_id)
        await anyio.sleep(0.02)
        under_way -= 1
        return VerificationAttempt(result=IntentVerification.REFUSED)

    async with MemoryStore() as store, anyio.create_task_group() as tasks:
        accepted = Wakeup()
        worker = VerificationWorker(store.verifications, verify, HUB, accepted)
        tasks.start_soon(worker.run)
        for number in range(100):
            await store.verifications.save(_pending(str(number)))
            accepted.ring()
        await _settled(store)
        assert asked[-1] == "99"
        assert len(asked) <= 100
        tasks.cancel_scope.cancel()


async def _settled(store: HubStore) -> None:
    with anyio.fail_after(PATIENCE):
        while await store.verifications.count():  # noqa: ASYNC110 - the store does not tell
            await anyio.sleep(0.01)
