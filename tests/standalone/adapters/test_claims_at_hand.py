"""What needs nothing from the store is claimed without waiting, in its order; the rest is left to ``claim``."""

import anyio
import pytest

from tests.standalone.adapters.conftest import Clock, Hub
from tests.waiting import PATIENCE
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.ports import Delivery


def _sent(deliveries: list[Delivery]) -> list[tuple[str, str]]:
    """Settle deliveries as done. Return what they were."""
    for delivery in deliveries:
        assert not delivery.settled
        delivery.done()
        assert delivery.settled
    return [(delivery.callback, delivery.update.id) for delivery in deliveries]


async def test_what_follows_is_claimed_at_once(hub: Hub) -> None:
    callbacks = [f"https://sub{number}.example/" for number in range(3)]
    for callback in callbacks:
        await hub.subscribe(callback)
    updates = [await hub.publish() for _ in range(3)]
    sent = _sent(await hub.claim(2))
    while deliveries := hub.broker.claim_at_hand(2):
        assert len(deliveries) <= 2
        sent += _sent(list(deliveries))
    sent += _sent(await hub.claim())  # where the first callback had to be read, the last one was not
    while deliveries := hub.broker.claim_at_hand(2):
        sent += _sent(list(deliveries))
    for callback in callbacks:
        assert [update for to, update in sent if to == callback] == updates
    assert hub.broker.claim_at_hand(2) == ()


async def test_what_must_be_read_is_left_to_a_claim_that_waits(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    [first] = await hub.claim()
    first.retry(5, "It failed.")
    hub.clock.now += 5
    assert hub.broker.claim_at_hand(10) == ()  # the attempts that were made are in the store
    assert hub.broker.claim_at_hand(10) == ()
    [second] = await hub.claim()
    assert second.attempt == 2
    second.done()
    assert (await hub.broker.statistics()).waiting == 0


async def test_a_claim_that_waits_takes_no_more_than_it_may(hub: Hub) -> None:
    for number in range(5):
        await hub.subscribe(f"https://sub{number}.example/")
    await hub.publish()
    for delivery in await hub.claim():
        delivery.retry(5, "It failed.", host_failed=False)
    hub.clock.now += 5
    assert hub.broker.claim_at_hand(5) == ()
    numbers = [len(await hub.claim(2)) for _ in range(3)]
    assert numbers == [2, 2, 1]
    assert await hub.claim() == []


async def test_a_claim_that_nobody_wakes_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, claimed, ring, silent = Clock(), list[Delivery](), Bell.ring, False

    def ring_if_allowed(bell: Bell) -> None:
        if not silent:
            ring(bell)

    async def claim(hub: Hub) -> None:
        claimed.extend(await hub.broker.claim(1))

    monkeypatch.setattr(Bell, "ring", ring_if_allowed)
    async with MemoryStore(clock=clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(claim, hub)
                await anyio.wait_all_tasks_blocked()
                silent = True
                update = await hub.publish()
                silent = False
    assert _sent(claimed) == [("https://sub.example/1", update)]
