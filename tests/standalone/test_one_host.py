"""A host is one host for verifications, slots and pauses, however its callbacks are spelled."""

import anyio
import pytest

from tests.standalone.adapters.conftest import START, Clock, Hub
from tests.standalone.hub import until, world
from tests.waiting import PATIENCE
from websubhub import (
    IntentVerification,
    InternalSubscriptionError,
    InternalUnsubscriptionError,
    Subscription,
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
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.tokens import Tokens
from websubhub.standalone.work.verification import VerificationWorker
from websubhub.standalone.work.wakeup import Wakeup

HUB, TOPIC = "https://hub.example/", "https://topic.example/"
SPELLINGS = [
    "https://victim.example/{}",
    "https://ViCtim.example/{}",
    "https://victim.example:443/{}",
    "https://victim.example:0443/{}",
    "https://victim.example:00443/{}",
    "https://victim.example./{}",
    "https://victim.example:/{}",
    "http://victim.example:80/{}",
]


def pending(identity: str, callback: str = "https://sub.example/") -> PendingVerification:
    return PendingVerification(
        id=identity, mode=Mode.SUBSCRIBE, topic=TOPIC, callback=callback, lease_seconds=9, due_at=0
    )


@pytest.mark.spec("SEC-16")
@pytest.mark.parametrize("spellings", [SPELLINGS, ["https://victim.example:{}/"]], ids=["spellings", "ports"])
async def test_ten_verifications_at_a_time_go_to_one_host(spellings: list[str]) -> None:
    asking, most, release = 0, 0, anyio.Event()

    async with MemoryStore() as store, anyio.create_task_group() as tasks:

        async def verify(message: Subscription | Unsubscription) -> VerificationAttempt:
            nonlocal asking, most
            asking += 1
            most = max(most, asking)
            await release.wait()
            asking -= 1
            await store.verifications.remove(message.request_id)
            return VerificationAttempt(result=IntentVerification.VERIFIED)

        for number in range(64):
            callback = spellings[number % len(spellings)].format(8_000 + number)
            await store.verifications.save(pending(str(number), callback))
        tasks.start_soon(VerificationWorker(store.verifications, verify, HUB, Wakeup()).run)
        await until(lambda: asking == 10)
        await store.verifications.due()
        assert most == 10
        release.set()
        with anyio.fail_after(PATIENCE):
            while await store.verifications.count():  # noqa: ASYNC110 - the store does not tell
                await anyio.sleep(0.01)
        assert most == 10
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("name", ["victim.example", "Victim.Example:443", "victim.example.", "VICTIM.example:0080"])
async def test_a_paused_host_is_called_by_none_of_its_names(name: str, clock: Clock) -> None:
    async with MemoryStore(clock=clock, limits=DeliveryLimits(per_host=3)) as store:
        hub = Hub(store, clock)
        for number, spelling in enumerate(SPELLINGS):
            await hub.subscribe(spelling.format(number))
        await store.broker.pause_host(name)
        await hub.publish()
        assert await hub.claim() == []
        [state] = await store.broker.hosts()
        assert (state.host, state.paused) == ("victim.example", True)
        await store.broker.resume_host(name)
        assert len(await hub.claim()) == 3, "the slots of one host"


@pytest.mark.parametrize("name", ["Victim.Example.:0443", "victim.example"])
async def test_an_operator_may_spell_a_host_in_any_way(name: str) -> None:
    async with world() as hub:
        assert await hub.order("/admin/hosts/pause", host=name) == {"paused": "victim.example"}
        hosts = (await hub.get("/admin/hosts")).json()["hosts"]
        assert [(host["host"], host["paused"]) for host in hosts] == [("victim.example", True)]
        assert await hub.order("/admin/hosts/resume", host=name) == {"resumed": "victim.example"}
        assert (await hub.get("/admin/hosts")).json()["hosts"] == []


# --- a store that fails -----------------------------------------------------------------------------------------------


def _service(store: HubStore) -> StandaloneHub:
    publishers = PublisherPolicy(Tokens((), ""), anonymous=True, reach=Reach("", None))
    requests = Requests(store.verifications, lambda *_: None)
    return StandaloneHub(store, TopicRules(store.topics), publishers, Intake(store, lambda: None), requests)


async def test_a_request_that_cannot_be_stored_is_answered_503() -> None:
    async with MemoryStore() as store:
        service = _service(store)
    callback = "https://sub.example/"
    left = await service.on_unsubscription(Unsubscription(hub=HUB, topic=TOPIC, callback=callback))
    joined = await service.on_subscription(Subscription(hub=HUB, topic=TOPIC, callback=callback, lease_seconds=9))
    assert isinstance(left, InternalUnsubscriptionError)
    assert isinstance(joined, InternalSubscriptionError)
    assert left.status == joined.status == 503
    assert "Retry-After" in left.headers


async def test_a_confirmed_request_that_could_not_be_stored_is_verified_again(clock: Clock) -> None:
    async def confirmed_but_not_stored(_: object) -> VerificationAttempt:
        return VerificationAttempt(result=IntentVerification.VERIFIED, handled=False)

    async with MemoryStore(clock=clock) as store:
        await store.verifications.save(pending("v"))
        worker = VerificationWorker(
            store.verifications, confirmed_but_not_stored, HUB, Wakeup(), delays=(30.0,), clock=clock
        )
        await _verify_what_is_due(worker)
        clock.now = START + 30
        [again] = await store.verifications.due()
        assert again.attempts == 1
        await _verify_what_is_due(worker)
        assert await store.verifications.count() == 0, "there is an end to it"


@pytest.mark.parametrize(
    ("asked", "seconds"), [(None, 30.0), (0.0, 30.0), (29.0, 30.0), (45.0, 45.0), (86_400.0, 86_400.0)]
)
async def test_a_callback_may_ask_for_a_longer_pause_and_not_for_a_shorter_one(
    asked: float | None, seconds: float, clock: Clock
) -> None:
    async def not_now(_: object) -> VerificationAttempt:
        return VerificationAttempt(result=IntentVerification.UNANSWERED, retry_after=asked)

    async with MemoryStore(clock=clock) as store:
        await store.verifications.save(pending("v"))
        worker = VerificationWorker(store.verifications, not_now, HUB, Wakeup(), clock=clock)
        await _verify_what_is_due(worker)
        postponed = await store.verifications.get(TOPIC, "https://sub.example/")
        assert postponed is not None
        assert postponed.due_at == clock() + seconds


async def _verify_what_is_due(worker: VerificationWorker) -> None:
    async with anyio.create_task_group() as tasks:
        await worker._start(tasks)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_request_that_ends_while_the_due_ones_are_read_is_not_verified_twice() -> None:
    asked: list[str] = []

    async def refuse(message: Subscription | Unsubscription) -> VerificationAttempt:
        asked.append(message.callback)
        return VerificationAttempt(result=IntentVerification.REFUSED)

    async with MemoryStore() as store, anyio.create_task_group() as tasks:
        accepted = Wakeup()
        worker = VerificationWorker(store.verifications, refuse, HUB, accepted)
        tasks.start_soon(worker.run)
        for number in range(300):
            await store.verifications.save(pending(str(number), f"https://sub{number}.example/"))
            accepted.ring()
        await until(lambda: len(asked) >= 300)
        with anyio.fail_after(PATIENCE):
            while await store.verifications.count():  # noqa: ASYNC110 - the store does not tell
                await anyio.sleep(0.01)
        assert len(asked) == len(set(asked)) == 300
        tasks.cancel_scope.cancel()
