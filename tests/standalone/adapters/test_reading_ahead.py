"""Subscriptions that wait for a host at its limit are read many at a time, although they are claimed one by one."""

from collections.abc import Sequence

import pytest

from tests.standalone.adapters.conftest import Clock, Hub, OpenStore
from tests.standalone.adapters.test_short_way import _renew
from websubhub.standalone.broker import recipients
from websubhub.standalone.broker.needed import Needed
from websubhub.standalone.broker.recipients import Recipients
from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.limits import DeliveryLimits


@pytest.fixture
def nats_hub() -> str:
    """Only the journals that are on this machine are watched here."""
    pytest.skip("this is about journals that are on this machine")


AT_ONCE, WAITING = 2, 30
LIMITS = DeliveryLimits(per_host=AT_ONCE, waiting=1_000)


@pytest.fixture(params=[1, 256], ids=["many", "few"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How few subscriptions a topic must have to be kept in memory."""
    monkeypatch.setattr(recipients, "_FEW", request.param)
    return int(request.param)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    counts: list[int] = []
    read = Recipients.read

    async def counted(self: Recipients, claims: Sequence[Claim], repeated: Sequence[Claim]) -> Needed:
        counts.append(len(claims))
        needed = await read(self, claims, repeated)
        assert len(needed.callbacks) == len(needed.secrets) == len(claims)
        return needed

    monkeypatch.setattr(Recipients, "read", counted)
    return counts


async def _subscribed(hub: Hub) -> list[str]:
    callbacks = [f"https://sub.example/{number}" for number in range(WAITING)]
    for callback in callbacks:
        await hub.subscribe(callback)
    return callbacks


async def test_those_that_wait_for_a_host_are_read_together_and_delivered_in_turn(
    open_store: OpenStore, clock: Clock, reads: list[int], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "_AHEAD", 10)
    async with open_store(LIMITS) as store:
        hub = Hub(store, clock)
        callbacks, delivered = await _subscribed(hub), []
        await hub.publish()
        while deliveries := await hub.claim():
            assert len(deliveries) <= AT_ONCE
            delivered += [delivery.callback for delivery in deliveries]
            for delivery in deliveries:
                delivery.done()
        assert delivered == callbacks
        assert sum(reads) < WAITING / 3, "most of them were at hand"
        await hub.publish()
        reads.clear()
        assert len(await hub.claim_ids()) == AT_ONCE
        assert bool(reads) is (few < WAITING), "what was read ahead is kept only where it will be needed again soon"


@pytest.mark.usefixtures("few")
async def test_a_renewal_changes_what_was_read_ahead(open_store: OpenStore, clock: Clock) -> None:
    async with open_store(LIMITS) as store:
        hub = Hub(store, clock)
        callbacks = await _subscribed(hub)
        await hub.publish()
        deliveries = await hub.claim()  # which reads for all of them
        await _renew(hub, "newer", callbacks[-1])
        await store.subscriptions.remove("https://topic.example/", callbacks[-2])
        found: dict[str, str | None] = {}
        while deliveries:
            found |= {delivery.callback: delivery.secret for delivery in deliveries}
            for delivery in deliveries:
                delivery.done()
            deliveries = await hub.claim()
        assert found.pop(callbacks[-1]) == "newer"
        assert found == dict.fromkeys(callbacks[:-2], "s3cret")
