"""A verified subscription takes few steps in the store, and what had to wait is begun as soon as there is room."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from tests.standalone.adapters.conftest import Clock
from tests.waiting import PATIENCE
from websubhub import (
    Budget,
    IntentVerification,
    Subscription,
    Unsubscription,
    VerificationAttempt,
    VerificationBudget,
    VerifiedSubscription,
)
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.hub.intake import Intake
from websubhub.standalone.hub.policies import PublisherPolicy
from websubhub.standalone.hub.requests import Requests
from websubhub.standalone.hub.service import StandaloneHub
from websubhub.standalone.hub.topics import TopicRules
from websubhub.standalone.ports import DeliveryMode, HubStore, Mode, PendingVerification
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Tokens
from websubhub.standalone.work.verification import VerificationWorker
from websubhub.standalone.work.wakeup import Wakeup

HUB, TOPIC = "https://hub.example/", "https://topic.example/"


class Rung(Wakeup):
    """Wakes only when it is rung, whatever time passes."""

    async def wait(self, _: float) -> list[Any] | None:
        return await super().wait(PATIENCE * 2)


def counted(part: Any, calls: Counter[str], *names: str) -> None:
    """Count the calls of some methods of a part of a store."""

    def counting(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            calls[f"{type(part).__name__}.{name}"] += 1
            return await method(*arguments, **named)

        return call

    for name in names:
        setattr(part, name, counting(name, getattr(part, name)))


def service(store: HubStore, rules: TopicRules, accepted: Wakeup) -> StandaloneHub:
    publishers = PublisherPolicy(Tokens((), ""), anonymous=True, reach=Reach("", None))
    requests = Requests(store.verifications, accepted.ring)
    return StandaloneHub(store, rules, publishers, Intake(store, lambda: None), requests)


def confirming(hub: StandaloneHub) -> Callable[[Subscription | Unsubscription], Awaitable[VerificationAttempt]]:
    """A callback that confirms everything, whose hub stores it."""

    async def verify(message: Subscription | Unsubscription) -> VerificationAttempt:
        assert isinstance(message, Subscription)
        verified = VerifiedSubscription(
            hub=HUB,
            topic=message.topic,
            callback=message.callback,
            lease_seconds=9,
            verified_at=0.0,
            request_id=message.request_id,
        )
        assert await hub.on_subscription_intent_verified(verified) is None
        return VerificationAttempt(result=IntentVerification.VERIFIED)

    return verify


async def empty(store: HubStore) -> None:
    with anyio.fail_after(PATIENCE):
        while await store.verifications.count():  # noqa: ASYNC110 - the store does not tell
            await anyio.sleep(0.01)
    await anyio.wait_all_tasks_blocked()


async def test_a_verified_subscription_is_written_twice_and_never_read(clock: Clock) -> None:
    calls = Counter[str]()
    async with MemoryStore(clock=clock) as store, anyio.create_task_group() as tasks:
        counted(store.topics, calls, "get", "save")
        counted(store.subscriptions, calls, "save", "get", "page")
        counted(store.verifications, calls, "save", "due", "postpone", "remove")
        accepted = Rung()
        hub = service(store, TopicRules(store.topics), accepted)
        tasks.start_soon(VerificationWorker(store.verifications, confirming(hub), HUB, accepted, clock=clock).run)
        await anyio.wait_all_tasks_blocked()
        calls.clear()
        for number in range(3):
            callback = f"https://{number}.example/"
            await hub.on_subscription(Subscription(hub=HUB, topic=TOPIC, callback=callback, lease_seconds=9))
            await empty(store)
        assert calls == {"MemoryVerifications.save": 3, "MemorySubscriptions.save": 3}
        tasks.cancel_scope.cancel()


async def test_requests_that_keep_coming_do_not_hide_one_that_has_become_due_again(clock: Clock) -> None:
    async with MemoryStore(clock=clock) as store, anyio.create_task_group() as tasks:
        accepted = Rung()
        hub = service(store, TopicRules(store.topics), accepted)
        asked = list[str]()
        confirm = confirming(hub)

        async def verify(message: Subscription | Unsubscription) -> VerificationAttempt:
            asked.append(message.callback)
            if len(asked) == 1:
                return VerificationAttempt(result=IntentVerification.UNANSWERED)
            return await confirm(message)

        worker = VerificationWorker(store.verifications, verify, HUB, accepted, clock=clock, delays=(3.0,))
        tasks.start_soon(worker.run)
        await anyio.wait_all_tasks_blocked()
        for number in range(10):
            callback = f"https://{number}.example/"
            await hub.on_subscription(Subscription(hub=HUB, topic=TOPIC, callback=callback, lease_seconds=9))
            await anyio.wait_all_tasks_blocked()
            clock.now += 0.5
        assert Counter(asked) == Counter({"https://0.example/": 2} | {f"https://{n}.example/": 1 for n in range(1, 10)})
        tasks.cancel_scope.cancel()


async def test_a_request_of_a_host_without_budget_waits_for_it_whoever_comes_behind(clock: Clock) -> None:
    async with MemoryStore(clock=clock) as store, anyio.create_task_group() as tasks:
        accepted = Rung()
        hub = service(store, TopicRules(store.topics), accepted)
        budget = VerificationBudget(clock, strangers=Budget(at_once=1, burst=100, per_minute=60))
        asked, answered = list[str](), anyio.Event()

        async def verify(message: Subscription | Unsubscription) -> VerificationAttempt:
            asked.append(message.callback)
            if len(asked) == 1:
                await answered.wait()
            await store.verifications.remove(message.request_id)
            return VerificationAttempt(result=IntentVerification.VERIFIED)

        worker = VerificationWorker(store.verifications, verify, HUB, accepted, clock=clock, budget=budget)
        tasks.start_soon(worker.run)
        await anyio.wait_all_tasks_blocked()
        urls = [f"https://{host}.example/{number}" for number, host in enumerate("aaba")]
        for callback in urls:
            await hub.on_subscription(Subscription(hub=HUB, topic=TOPIC, callback=callback, lease_seconds=9))
            await anyio.wait_all_tasks_blocked()
        assert asked == [urls[0], urls[2]]
        answered.set()
        await empty(store)
        assert asked == [urls[0], urls[2], urls[1], urls[3]]
        tasks.cancel_scope.cancel()


async def test_a_topic_that_rules_name_is_stored_with_its_options(clock: Clock) -> None:
    async with MemoryStore(clock=clock) as store, anyio.create_task_group() as tasks:
        accepted = Rung()
        hub = service(store, TopicRules(store.topics, latest_only=[TOPIC]), accepted)
        tasks.start_soon(VerificationWorker(store.verifications, confirming(hub), HUB, accepted, clock=clock).run)
        for topic in (TOPIC, f"{TOPIC}another"):
            await hub.on_subscription(
                Subscription(hub=HUB, topic=topic, callback="https://s.example/", lease_seconds=9)
            )
        await empty(store)
        modes = {topic.url: topic.delivery_mode for topic in await store.topics.page()}
        assert modes == {TOPIC: DeliveryMode.LATEST, f"{TOPIC}another": DeliveryMode.EVERY}
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("hosts", "pairs"), [(100, 1), (1, 100)], ids=["more hosts than places", "more requests than a host may get"]
)
async def test_what_had_no_place_is_verified_when_another_ends_without_any_time_passing(
    hosts: int, pairs: int, clock: Clock
) -> None:
    async with MemoryStore(clock=clock) as store, anyio.create_task_group() as tasks:

        async def verify(message: Subscription | Unsubscription) -> VerificationAttempt:
            await anyio.lowlevel.checkpoint()
            await store.verifications.remove(message.request_id)
            return VerificationAttempt(result=IntentVerification.VERIFIED)

        for number in range(hosts * pairs):
            callback = f"https://{number % hosts}.example/{number}"
            await store.verifications.save(
                PendingVerification(id=str(number), mode=Mode.SUBSCRIBE, topic=TOPIC, callback=callback, due_at=0.0)
            )
        budget = VerificationBudget(clock)
        worker = VerificationWorker(store.verifications, verify, HUB, Rung(), clock=clock, budget=budget)
        tasks.start_soon(worker.run)
        await empty(store)
        tasks.cancel_scope.cancel()


@pytest.fixture
def clock() -> Clock:
    return Clock()
