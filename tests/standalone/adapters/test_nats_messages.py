"""What became of messages, when several processes deliver them and some of these are gone."""

import pytest

from tests.standalone.adapters.conftest import Clock, Hub
from tests.standalone.adapters.test_nats import hosts, owned, shared
from tests.waiting import until
from websubhub.standalone.adapters.nats.store import NatsStore
from websubhub.standalone.ports import AttemptDetails, Message, RecipientState
from websubhub.standalone.schedule.limits import DeliveryLimits

KEPT = DeliveryLimits(message_seconds=1_000, message_bytes=100_000)
CALLBACKS = hosts(12)


@pytest.fixture
def anyio_backend() -> str:
    """The client of the servers works on asyncio only."""
    return "asyncio"


async def only(hub: Hub) -> Message:
    [message] = await hub.store.messages.page()
    return message


async def test_counts_attempts_and_recipients_are_those_of_all_processes(nats_hub: str, clock: Clock) -> None:
    async with NatsStore(nats_hub, limits=KEPT, clock=clock) as one:
        first = Hub(one, clock)
        async with NatsStore(nats_hub, limits=KEPT, clock=clock) as two:
            second = Hub(two, clock)
            await shared(first, second)
            for callback in CALLBACKS:
                await first.subscribe(callback)
            await second.publish()
            for hub in (first, second):
                refused, *arrive = await hub.claim()
                refused.retry(30, "answered 500", details=AttemptDetails(status=500))
                for delivery in arrive:
                    delivery.done()
            for hub in (first, second):
                message = await only(hub)
                assert (message.recipients, message.delivered, message.waiting, message.dead) == (12, 10, 2, 0)
                assert len(await hub.store.messages.attempts()) == 2
                states = [each.state for each in await hub.store.messages.recipients(message.number)]
                assert sorted(states) == [RecipientState.DELIVERED] * 10 + [RecipientState.WAITING] * 2
        await until(lambda: len(owned(first)) == 32)
        message = await only(first)
        assert (message.recipients, message.delivered, message.waiting, message.dead) == (12, 10, 2, 0)
    async with NatsStore(nats_hub, limits=KEPT, clock=clock) as later:
        hub = Hub(later, clock)
        await until(lambda: len(owned(hub)) == 32)
        message = await only(hub)
        assert (message.recipients, message.delivered, message.waiting, message.dead) == (12, 10, 2, 0)
        assert [attempt.status for attempt in await later.messages.attempts()] == [500, 500]
        clock.now += 30
        assert len(await hub.claim_ids()) == 2
        assert (await only(hub)).delivered == 12


async def test_a_topic_that_one_process_expires_expires_for_all(nats_hub: str, clock: Clock) -> None:
    async with (
        NatsStore(nats_hub, limits=KEPT, clock=clock) as one,
        NatsStore(nats_hub, limits=KEPT, clock=clock) as two,
    ):
        first, second = Hub(one, clock), Hub(two, clock)
        await shared(first, second)
        await first.subscribe()
        await first.publish()
        for hub in (first, second):
            await hub.claim_ids()
        await first.broker.flush()
        await second.broker.flush()
        await second.store.messages.expire_topic("https://topic.example/")
        chief, other = (first, second) if 0 in owned(first) else (second, first)

        async def reclaimed() -> bool:
            await chief.broker.reclaim()
            return await other.store.messages.page() == []

        for _ in range(100):
            if await reclaimed():
                break
        assert await chief.store.messages.page() == []
