"""Those that wait for a host at its limit cost little more than the deliveries, and are sent one after the other."""

from collections.abc import Sequence

import anyio
import pytest

from tests.standalone.adapters.conftest import Clock, Hub
from tests.standalone.test_schedule_turns import Hub as Schedule
from tests.waiting import PATIENCE
from tests.websubhub.distribution.peers import NO_CONTENT, answering, peer
from tests.work import steps_of
from websubhub import ContentDistributor
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.broker.broker import Broker
from websubhub.standalone.broker.deliveries import ClaimedDelivery
from websubhub.standalone.metrics import DeliveryMetrics
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.work.delivery import DeliveryLoop

AT_ONCE, SUBSCRIPTIONS, UPDATES = 2, 40, 3


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many deliveries each claim had that somebody had to wait for."""
    claimed: list[int] = []
    claim = Broker.claim

    async def counted(self: Broker, limit: int) -> Sequence[ClaimedDelivery]:
        deliveries = await claim(self, limit)
        claimed.append(len(deliveries))
        return deliveries

    monkeypatch.setattr(Broker, "claim", counted)
    return claimed


async def test_who_waits_for_a_host_is_sent_without_another_claim(claims: list[int]) -> None:
    clock = Clock()
    with peer(answering(NO_CONTENT)) as server:
        async with (
            MemoryStore(limits=DeliveryLimits(per_host=AT_ONCE), clock=clock) as store,
            ContentDistributor("http://127.0.0.1/hub") as distributor,
            anyio.create_task_group() as tasks,
        ):
            loop = DeliveryLoop(store.broker, distributor, RetrySchedule(), DeliveryMetrics(), clock=clock)
            hub = Hub(store, clock)
            for number in range(SUBSCRIPTIONS):
                await hub.subscribe(f"{server.url}/{number}")
            tasks.start_soon(loop.run)
            for _ in range(UPDATES):
                await hub.publish()
            with anyio.fail_after(PATIENCE):
                while (await hub.broker.statistics()).waiting:  # noqa: ASYNC110 - it does not tell
                    await anyio.sleep(0.01)
            loop.stop()
    assert len(server.requests) == SUBSCRIPTIONS * UPDATES
    assert server.most <= AT_ONCE
    paths = [request.split(b" ", 2)[1] for request in server.requests]
    assert {path: paths.count(path) for path in paths} == {f"/{n}".encode(): UPDATES for n in range(SUBSCRIPTIONS)}
    assert sum(claims) < SUBSCRIPTIONS * UPDATES / 2, "most of them followed an outcome"


@pytest.mark.parametrize("hosts", [1, 4])
def test_waiting_for_a_host_costs_no_more_than_a_delivery(hosts: int) -> None:
    """Steps of the schedule, where ten deliveries at a time go to each host, and where each has a host of its own."""
    apart, together = _due(SUBSCRIPTIONS * 10), _due(hosts)
    assert steps_of(lambda: _deliver(together)) < 2.4 * steps_of(lambda: _deliver(apart))


def _due(hosts: int) -> Schedule:
    schedule = Schedule(DeliveryLimits(per_host=10))
    for subscription in range(SUBSCRIPTIONS * 10):
        schedule.subscribe(1, subscription, host=subscription % hosts)
    schedule.publish(1)
    return schedule


def _deliver(schedule: Schedule) -> None:
    while claims := schedule.take(128):
        for claim in claims:
            assert schedule.outcomes.done_simply(claim)
    assert schedule.board.waiting == 0
