"""A crowd that one client brings holds up neither those who are known nor what another client asks for."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
import pytest

from tests.standalone.adapters.conftest import Clock
from websubhub import IntentVerification, Subscription, Unsubscription, VerificationAttempt, VerificationBudget, host_of
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.hub.intake import Intake
from websubhub.standalone.hub.introductions import Introductions
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import HubStore, Mode, PendingVerification, StoredSubscription
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.work.acquaintances import Acquaintances
from websubhub.standalone.work.fetching import TopicFetching, fetch_budgets
from websubhub.standalone.work.refreshing import Refreshed
from websubhub.standalone.work.verification import VerificationWorker
from websubhub.standalone.work.wakeup import Wakeup

HUB = "https://hub.example/"
TOPIC = "https://topic.example/"
CROWD = [f"https://crowd{number}.example/" for number in range(500)]
ATTACKER, FRIEND = "192.0.2.1", "192.0.2.2"


async def _quiet(store: HubStore) -> None:
    for _ in range(30):
        await anyio.wait_all_tasks_blocked()
        await store.announcements.statistics()


@attrs.define
class Counted:
    """A store of something that is due, and how many of it were read."""

    inner: Any
    read: int = 0
    asked: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def due(self, **arguments: Any) -> Collection[Any]:
        found: Collection[Any] = await self.inner.due(**arguments)
        self.read += len(found)
        self.asked += 1
        return found


# --- topics that were announced ---------------------------------------------------------------------------------------


@attrs.define
class Fetches:
    """The part of a hub that fetches topics, all of which hang but those of some hosts."""

    store: HubStore
    part: TopicFetching
    wakeup: Wakeup
    intake: Intake
    good: set[str]
    begun: list[str]

    async def announce(self, client: str, *topics: str) -> None:
        for topic in topics:
            await self.store.subscriptions.save(
                StoredSubscription(topic=topic, callback="https://s.example/", lease_seconds=9**9, requested_at=10**9)
            )
            await self.intake.announce(topic, client)
        await _quiet(self.store)

    @property
    def crowd(self) -> int:
        """How many of the crowd's topics are being fetched."""
        return sum(topic in CROWD for topic in self.begun)


@asynccontextmanager
async def fetching() -> AsyncIterator[Fetches]:
    clock, good, begun, introductions = Clock(), set[str](), list[str](), Introductions()
    budgets = fetch_budgets(clock)

    async def refresh(topic: str) -> Refreshed:
        begun.append(topic)
        spending = budgets.begin(host_of(topic))
        assert spending is not None, "what is begun has a place"
        if topic not in good:
            await anyio.sleep_forever()
        spending.end(wanted=True)
        return Refreshed.UPDATED

    async with MemoryStore(clock=clock) as store, anyio.create_task_group() as tasks:
        part = TopicFetching(
            store,
            refresh,
            RetrySchedule(jitter=0),
            wakeup := Wakeup(),
            HubMetrics().fetches,
            budgets=budgets,
            clock=clock,
            introductions=introductions,
        )
        tasks.start_soon(part.run)
        yield Fetches(store, part, wakeup, Intake(store, wakeup.ring, clock, introductions), good, begun)
        tasks.cancel_scope.cancel()


@pytest.mark.threat("DOS-7", "DOS-12")
async def test_the_topic_of_a_host_that_answered_before_is_fetched_behind_a_crowd_that_hangs() -> None:
    async with fetching() as one:
        one.good.add(TOPIC)
        await one.announce("", TOPIC)
        one.part._clock.now += 10  # type: ignore[attr-defined]  # the clock of this test
        await one.announce(ATTACKER, *CROWD)
        await one.announce(ATTACKER, TOPIC)
        assert one.begun.count(TOPIC) == 2
        assert one.crowd <= 24, "a quarter of the places is for known hosts"


@pytest.mark.threat("DOS-7", "DOS-12")
async def test_a_topic_that_another_client_announces_is_fetched_behind_a_crowd_that_hangs() -> None:
    async with fetching() as one:
        one.good.add(TOPIC)
        await one.announce(ATTACKER, *CROWD)
        assert TOPIC not in one.begun
        await one.announce(FRIEND, TOPIC)
        assert one.begun.count(TOPIC) == 1
        assert len(await one.store.announcements.page(limit=1_000)) == len(CROWD), "the others wait, and are kept"


@pytest.mark.threat("DOS-7")
async def test_one_client_has_two_places_beside_those_of_the_crowd() -> None:
    async with fetching() as one:
        await one.announce("", *CROWD[:100])
        assert one.crowd == 18
        await one.announce(ATTACKER, *CROWD[100:])
        assert one.crowd == 20
        await one.announce(FRIEND, TOPIC, f"{TOPIC}2", "https://other.example/", "https://fourth.example/")
        assert len(one.begun) == 22


@pytest.mark.threat("DOS-7", "DOS-12")
async def test_a_topic_of_another_client_is_fetched_behind_a_crowd_of_hosts_that_answered_before() -> None:
    async with fetching() as one:
        one.good.update([*CROWD, TOPIC])
        await one.announce(ATTACKER, *CROWD)
        await one.announce(FRIEND, TOPIC)
        one.part._clock.now += 10  # type: ignore[attr-defined]  # the clock of this test
        one.begun.clear()
        one.good.difference_update(CROWD)
        await one.announce(ATTACKER, *CROWD)
        assert one.crowd <= 30, "an eighth of the places, but for two of the attacker's own, is for others"
        await one.announce(FRIEND, TOPIC)
        assert one.begun.count(TOPIC) == 1


@pytest.mark.threat("DOS-7")
async def test_what_hosts_are_kept_back_for_is_written_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fetching() as one:
        under_way = most = 0
        hold = one.store.announcements.hold

        async def counted(*arguments: Any) -> bool:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await anyio.wait_all_tasks_blocked()
            under_way -= 1
            return await hold(*arguments)

        topics = CROWD[:10]
        one.good.update(topics)
        await one.announce(ATTACKER, *topics)
        monkeypatch.setattr(one.store.announcements, "hold", counted)
        for topic in topics:
            await one.store.announcements.save(topic)  # again within the second, in which they rest
        one.wakeup.ring()
        await _quiet(one.store)
        assert most == 10


# --- requests that are to be verified ---------------------------------------------------------------------------------


@attrs.define
class Verifications:
    """The part of a hub that verifies, with callbacks that hang but those of some hosts."""

    store: HubStore
    wakeup: Wakeup
    introductions: Introductions
    good: set[str]
    asked: list[str]
    reads: Counted
    budget: VerificationBudget
    clock: Clock

    async def request(self, client: str, *callbacks: str) -> None:
        for callback in callbacks:
            pending = PendingVerification(
                id=f"{callback}{len(self.asked)}", mode=Mode.SUBSCRIBE, topic=TOPIC, callback=callback, due_at=0.0
            )
            await self.store.verifications.save(pending)
            self.introductions.note(client, host_of(callback))
        self.wakeup.ring()
        await _quiet(self.store)


@asynccontextmanager
async def verifying(fail: Callable[[str], None] | None = None) -> AsyncIterator[Verifications]:
    clock, good, asked, introductions = Clock(), set[str](), list[str](), Introductions()

    async def verify(message: Subscription | Unsubscription) -> VerificationAttempt:
        asked.append(message.callback)
        if fail is not None:
            fail(message.callback)
        if message.callback not in good:
            await anyio.sleep_forever()
        return VerificationAttempt(result=IntentVerification.VERIFIED)

    async with MemoryStore(clock=clock) as store, anyio.create_task_group() as tasks:
        reads = Counted(store.verifications)
        worker = VerificationWorker(
            reads,  # type: ignore[arg-type]
            verify,
            HUB,
            wakeup := Wakeup(),
            clock=clock,
            budget=(budget := VerificationBudget(clock)),
            introductions=introductions,
        )
        tasks.start_soon(worker.run)
        yield Verifications(store, wakeup, introductions, good, asked, reads, budget, clock)
        tasks.cancel_scope.cancel()


@pytest.mark.threat("DOS-8", "DOS-12")
async def test_a_host_that_confirmed_before_is_verified_behind_a_crowd_that_hangs() -> None:
    async with verifying() as one:
        one.good.update(f"https://good.example/{number}" for number in range(2))
        await one.request("", "https://good.example/0")
        await one.request(ATTACKER, *CROWD)
        await one.request(ATTACKER, "https://good.example/1")
        assert one.asked.count("https://good.example/1") == 1


@pytest.mark.threat("DOS-8", "DOS-12")
async def test_what_another_client_asks_for_is_verified_behind_a_crowd_that_hangs() -> None:
    async with verifying() as one:
        one.good.add("https://good.example/")
        await one.request(ATTACKER, *CROWD)
        crowd = len(one.asked)
        assert crowd <= 36, "a quarter of the places is for known hosts"
        await one.request(FRIEND, "https://good.example/")
        assert one.asked.count("https://good.example/") == 1


@pytest.mark.threat("DOS-8", "DOS-12")
async def test_what_another_client_asks_for_is_verified_behind_a_crowd_of_hosts_that_confirmed_before() -> None:
    friends = [f"https://good.example/{number}" for number in range(6)]
    async with verifying() as one:
        one.good.update([*CROWD, *friends])
        await one.request(ATTACKER, *CROWD)
        await one.request(FRIEND, friends[0])
        one.clock.now += 10
        one.asked.clear()
        one.good.difference_update(CROWD)
        await one.request(ATTACKER, *CROWD)
        crowd = sum(callback in CROWD for callback in one.asked)
        assert crowd <= 44, "an eighth of the places, but for two of the attacker's own, is for others"
        await one.request(FRIEND, *friends[1:])
        assert sorted(callback for callback in one.asked if callback in friends[1:]) == friends[1:]


@pytest.mark.threat("DOS-8", "DOS-12")
async def test_what_has_to_wait_for_its_host_is_still_introduced_when_it_may_begin() -> None:
    async with verifying() as one:
        account, callback = (False, "good.example"), "https://good.example/"
        one.good.add(callback)
        while (spending := one.budget.begin(account)) is not None:  # what the host may be asked in a minute
            one.budget.end(spending, None)
        await one.request(ATTACKER, *CROWD)
        await one.request(FRIEND, callback)
        assert callback not in one.asked
        one.clock.now += 600
        one.wakeup.ring()
        await _quiet(one.store)
        assert one.asked.count(callback) == 1


@pytest.mark.threat("DOS-8")
async def test_a_crowd_that_cannot_begin_is_not_read_again_and_again() -> None:
    async with verifying() as one:
        await one.request(ATTACKER, *CROWD)
        read = one.reads.read
        for _ in range(20):
            one.wakeup.ring()
            await _quiet(one.store)
        assert one.reads.read - read <= 20 * 20, "a few of those that were introduced last, and not five hundred"


async def test_a_verification_that_fails_takes_no_other_down() -> None:
    def fail(callback: str) -> None:
        if callback == CROWD[0]:
            raise ZeroDivisionError

    async with verifying(fail) as one:
        one.good.add(CROWD[1])
        await one.request("", CROWD[0])
        failed = await one.store.verifications.get(TOPIC, CROWD[0])
        assert failed is not None
        assert failed.attempts == 1, "it is tried again, so often and no oftener"
        await one.request("", CROWD[1])
        assert one.asked == [CROWD[0], CROWD[1]]


# --- who is known -----------------------------------------------------------------------------------------------------


def test_those_that_were_met_last_are_remembered() -> None:
    met = Acquaintances[str](3)
    for host in ("a", "b", "c", "a", "d"):
        met.meet(host)
    assert list(met) == ["c", "a", "d"]


def test_introductions_are_few_for_each_client_and_bounded() -> None:
    introductions = Introductions(at_once=2)
    for number in range(1_000):
        introductions.note(ATTACKER, f"h{number}")
        introductions.note(f"client {number}", "host")
    introductions.note("", "nobody's")
    introductions.note(FRIEND, "friend's")
    assert len(introductions.hosts()) <= 64 * 8
    assert "nobody's" not in introductions.hosts()
    assert introductions.begin("friend's") == FRIEND
    assert introductions.begin("friend's") is None, "once, and not for ever"


def test_a_client_has_room_for_another_once_one_of_its_hosts_was_called() -> None:
    introductions = Introductions(at_once=1)
    for host in ("a", "b"):
        introductions.note(FRIEND, host)
    assert introductions.begin("a") == FRIEND
    assert introductions.hosts() == []
    assert introductions.begin("b") is None
    introductions.end(FRIEND)
    introductions.end(None)
    assert introductions.begin("b") == FRIEND


def test_a_host_is_introduced_as_often_as_it_was_named() -> None:
    introductions = Introductions(at_once=1)
    for _ in range(100):
        introductions.note(FRIEND, "a")
    begun = 0
    while introductions.begin("a"):
        introductions.end(FRIEND)
        begun += 1
    assert begun == 64, "that often, and not for ever"
