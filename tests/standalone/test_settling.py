"""Whatever a peer sends and whatever is raised, a delivery is settled, and its slots are free again."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from tests.standalone.adapters.conftest import START, Clock, Hub
from tests.standalone.hostile import hostile
from tests.standalone.hub import until, world
from tests.waiting import PATIENCE
from tests.websub.peers import saying
from websubhub import ContentDistributionMessage, ContentDistributor, Delivery, DeliveryOutcome, SharedContent
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.metrics import DeliveryMetrics
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.work.delivery import DeliveryLoop

TOPIC = "https://topic.example/"
HEAD = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n"

VALUES = [
    b"Sun, 06 Nov 1994 08:49:37 +99999999999999999999",
    b"Sun, 06 Nov 1994 08:49:37 -9999",
    b"Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
    b"Fri, 31 Dec 9999 23:59:60 GMT",
    b"9" * 5000,
    b"1e999",
    b"nan",
    b"-1",
    b"\xff\xfe\xed\xb2\x80",
    b"\x00",
    b"",
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value[:30]))
@pytest.mark.threat("DOS-4")
async def test_no_value_of_retry_after_keeps_a_delivery_in_flight(
    value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        world(retry_delays=(3000,)) as hub,
        hostile(saying(HEAD + b"Retry-After: " + value + b"\r\n\r\n")) as peer,
    ):
        await hub.ask(mode="subscribe", topic=TOPIC, callback=peer.url)
        await hub.verified()
        await hub.publish(TOPIC)
        await until(lambda: peer.requests)
        with anyio.fail_after(PATIENCE):
            while (await hub.statistics())["in_flight"]:  # noqa: ASYNC110 - it does not tell
                await anyio.sleep(0.01)
        assert (await hub.statistics())["retrying"] == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.threat("DOS-4")
async def test_a_host_whose_answers_cannot_be_understood_starves_nobody_beside_it() -> None:
    """64 deliveries that are never settled would take all slots of a host."""
    async with world(retry_delays=(3000,), concurrency_per_host=4) as hub:
        healthy = hub.subscriber()
        await hub.subscribe(healthy, TOPIC)
        async with hostile(saying(HEAD + b"Retry-After: " + VALUES[0] + b"\r\n\r\n")) as peer:
            for number in range(20):
                await hub.ask(mode="subscribe", topic=TOPIC, callback=f"{peer.url}{number}")
            await hub.verified()
            for number in range(3):
                await hub.publish(TOPIC, str(number).encode())
            await until(lambda: len(healthy.deliveries) == 3)
            with anyio.fail_after(PATIENCE):
                while (await hub.statistics())["in_flight"]:  # noqa: ASYNC110 - it does not tell
                    await anyio.sleep(0.01)


class Unsettling(DeliveryMetrics):
    """Metrics that fail."""

    def delivered(self, seconds: float, attempt: int) -> None:
        raise OverflowError(seconds, attempt)


class Moody(ContentDistributor):
    """Sends nothing, and fails before or after its deliveries were settled."""

    def __init__(self, outcomes: Iterable[DeliveryOutcome | Exception]) -> None:
        super().__init__("http://127.0.0.1/hub")
        self.outcomes = list(outcomes)
        self.sent: list[str] = []

    async def send(
        self, deliveries: Iterable[Delivery | None], settled: Callable[[Delivery, DeliveryOutcome], None]
    ) -> None:
        await anyio.lowlevel.checkpoint()
        for delivery in deliveries:
            if delivery is None:  # there is none at present, and so far each was settled at once
                return
            self.sent.append(delivery.callback)
            outcome = self.outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            settled(delivery, outcome)


@asynccontextmanager
async def delivering(
    distributor: ContentDistributor, clock: Clock, metrics: DeliveryMetrics | None = None
) -> AsyncIterator[tuple[Hub, DeliveryLoop]]:
    async with MemoryStore(limits=DeliveryLimits(per_host=2), clock=clock) as store:
        loop = DeliveryLoop(
            store.broker, distributor, RetrySchedule(jitter=0), metrics or DeliveryMetrics(), slots=4, clock=clock
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(loop.run)
            yield Hub(store, clock), loop
            tasks.cancel_scope.cancel()


async def settled(hub: Hub, retrying: int) -> None:
    """Wait until nothing is owed but what waits for a retry."""
    with anyio.fail_after(PATIENCE):
        while True:
            statistics = await hub.broker.statistics()
            if (statistics.in_flight, statistics.waiting, statistics.retrying) == (0, retrying, retrying):
                return
            await anyio.sleep(0.01)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_what_fails_after_a_settlement_leaves_it_as_it_is(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    distributor = Moody([DeliveryOutcome(204)] * 40)
    async with delivering(distributor, clock, Unsettling()) as (hub, loop):
        for number in range(20):
            await hub.subscribe(f"https://sub{number}.example/")
        for _ in range(2):
            await hub.publish()
            await settled(hub, 0)
        assert loop._under_way == 0
    assert len(distributor.sent) == 40
    assert len(caplog.records) == 40


async def test_an_outcome_that_cannot_be_settled_is_a_failed_attempt(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    broken = DeliveryOutcome(503, headers=(("Retry-After",),))  # type: ignore[arg-type]  # such as nobody knows today
    distributor = Moody([broken, DeliveryOutcome(204)])
    async with delivering(distributor, clock) as (hub, loop):
        await hub.subscribe()
        await hub.publish()
        await settled(hub, 1)
        [failing] = await hub.broker.failing()
        assert (failing.attempts, failing.reason, failing.due_at) == (1, "internal error", START + 5)
        assert await hub.broker.hosts() == []
        clock.now += 5
        await settled(hub, 0)
        assert loop._under_way == 0
    assert [record.getMessage() for record in caplog.records] == [
        "The outcome of a delivery cannot be settled. The delivery will be retried."
    ]


async def test_deliveries_that_cannot_be_made_are_tried_again(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    distributor = Moody([DeliveryOutcome(204), OSError("no descriptor left"), *[DeliveryOutcome(204)] * 2])
    async with delivering(distributor, clock) as (hub, loop):
        for number in range(3):
            await hub.subscribe(f"https://sub{number}.example/")
        await hub.publish()
        await settled(hub, 2)
        assert {failing.reason for failing in await hub.broker.failing()} == {"internal error"}
        clock.now += 5
        await settled(hub, 0)
        assert loop._under_way == 0
    assert len(caplog.records) == 1


class Choosy(ContentDistributor):
    """Cannot make one of the messages."""

    def prepare(self, message: ContentDistributionMessage, topic: str, **options: Any) -> SharedContent:
        if b"bad" in bytes(message.content):  # type: ignore[arg-type]  # which is bytes here
            raise ValueError("It cannot be said.")
        return super().prepare(message, topic, **options)


async def test_a_message_that_cannot_be_made_costs_the_others_nothing(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with hostile(saying(b"HTTP/1.1 204 OK\r\nConnection: close\r\n\r\n")) as peer:
        async with Choosy("http://127.0.0.1/hub") as distributor, delivering(distributor, clock) as (hub, loop):
            await hub.subscribe(peer.url)
            await hub.subscribe(peer.url, "https://other.example/")
            for topic, content in ((TOPIC, b"bad"), ("https://other.example/", b"good")):
                await hub.broker.publish(
                    Update(id=topic, topic=topic, content=content, content_type="text/plain", published_at=clock())
                )
            await settled(hub, 1)
            [failing] = await hub.broker.failing()
            assert (failing.topic, failing.reason) == (TOPIC, "internal error")
            assert loop._under_way == 0
        assert [request.endswith(b"good") for request in peer.requests] == [True]
    assert [record.getMessage() for record in caplog.records] == ["The message of an update cannot be prepared."]


async def test_a_claim_that_fails_for_whatever_reason_is_not_the_end(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("websubhub.standalone.work.delivery._PAUSE_SECONDS", 0.01)
    distributor = Moody([DeliveryOutcome(204)])
    async with delivering(distributor, clock) as (hub, _):
        await hub.subscribe()
        claim, failures = hub.broker.claim, [ValueError("A row makes no sense.")]

        async def moody(limit: int) -> object:
            if failures:
                raise failures.pop()
            return await claim(limit)

        monkeypatch.setattr(hub.broker, "claim", moody)
        for _ in range(2):
            distributor.outcomes = [DeliveryOutcome(204)]
            await hub.publish()
            await settled(hub, 0)
    assert [record.getMessage() for record in caplog.records] == ["Deliveries cannot be claimed."]


def test_a_clock_that_was_set_back_makes_no_negative_latency() -> None:
    metrics = DeliveryMetrics()
    metrics.delivered(-86_400.0, 1)
    metrics.delivered(2.0, 1)
    assert metrics._seconds == 2.0
    assert sum(metrics.buckets) == 2
