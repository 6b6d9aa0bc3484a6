"""A fresh update goes the short way, and no one can tell it from the plain one, where everything is read."""

import random
from collections.abc import Collection, Sequence

import anyio
import anyio.lowlevel
import pytest

from tests.standalone.adapters.conftest import Clock, Hub
from tests.waiting import PATIENCE
from websubhub.standalone.adapters.memory.journal import MemoryJournal
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.adapters.sqlite.journal import SqliteJournal
from websubhub.standalone.broker import claiming, recipients
from websubhub.standalone.broker.journal import Journal
from websubhub.standalone.broker.needed import Needed
from websubhub.standalone.broker.recipients import Recipients
from websubhub.standalone.ports import Delivery, DeliveryMode, HubStore, StoredSubscription, Topic
from websubhub.standalone.schedule.claims import Claim, Key
from websubhub.standalone.schedule.limits import DeliveryLimits


@pytest.fixture
def nats_hub() -> str:
    """Only the journals that are on this machine are watched here."""
    pytest.skip("this is about journals that are on this machine")


LIMITS = DeliveryLimits(per_host=2, retries=2, failures=2, probe_seconds=3, probe_seconds_most=10)
_TURNS = 40  # more than a claim takes
TOPICS = ("https://topic.example/a", "https://topic.example/b", "https://topic.example/c")
CALLBACKS = tuple(f"https://sub{number % 3}.example/c{number}" for number in range(6))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many claims were read for, each time that anything was read."""
    counts: list[int] = []
    read = Recipients.read

    async def counted(self: Recipients, claims: Sequence[Claim], repeated: Sequence[Claim]) -> Needed:
        counts.append(len(claims))
        return await read(self, claims, repeated)

    monkeypatch.setattr(Recipients, "read", counted)
    return counts


async def test_what_is_known_is_not_read_again(hub: Hub, reads: list[int]) -> None:
    await hub.subscribe("https://sub1.example/")
    await hub.subscribe("https://sub2.example/")
    for _ in range(3):
        published = await hub.publish()
        assert await hub.claim_ids() == [published, published]
    assert reads == [2]


async def test_a_failed_attempt_is_read_for(hub: Hub, reads: list[int], clock: Clock) -> None:
    await hub.subscribe()
    await hub.publish()
    [delivery] = await hub.claim()
    delivery.retry(10, "It failed.")
    clock.now += 10
    [delivery] = await hub.claim()
    assert (delivery.attempt, reads) == (2, [1, 1])


async def test_subscribers_of_a_topic_with_many_are_not_kept(
    hub: Hub, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "_FEW", 2)
    for number in range(3):
        await hub.subscribe(f"https://sub{number}.example/")
    for _ in range(2):
        await hub.publish()
        await hub.claim_ids()
    assert reads == [3, 3]


async def _renew(hub: Hub, secret: str, callback: str = "https://sub.example/1") -> None:
    await hub.store.subscriptions.save(
        StoredSubscription(
            topic="https://topic.example/",
            callback=callback,
            secret=secret,
            lease_seconds=1000,
            requested_at=hub.clock(),
        )
    )


async def test_the_secret_of_a_renewal_counts_from_then_on(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    await hub.claim_ids()
    await _renew(hub, "newer", "https://sub.example/%31")
    await hub.publish()
    [delivery] = await hub.claim()
    assert (delivery.secret, delivery.callback) == ("newer", "https://sub.example/%31")


async def test_what_was_read_before_a_renewal_is_not_kept_after_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.subscribe()
    kind: type[Journal] = MemoryJournal if isinstance(hub.store, MemoryStore) else SqliteJournal
    read = kind.read

    async def overtaken(
        self: Journal, updates: Collection[Key], subscriptions: Sequence[int], repeated: Sequence[int]
    ) -> Needed:
        needed = await read(self, updates, subscriptions, repeated)
        await _renew(hub, "newer")
        return needed

    with monkeypatch.context() as patched:
        patched.setattr(kind, "read", overtaken)
        await hub.publish()
        [delivery] = await hub.claim()
        delivery.done()
    assert delivery.secret == "s3cret"  # which the claim had before
    await hub.publish()
    [delivery] = await hub.claim()
    assert delivery.secret == "newer"


@pytest.mark.parametrize("end", ["unsubscribed", "gone", "expired", "paused"])
async def test_whoever_has_left_gets_nothing_the_short_way(hub: Hub, end: str) -> None:
    await hub.subscribe()
    await hub.publish()
    await hub.claim_ids()
    await hub.publish()
    if end == "unsubscribed":
        await hub.store.subscriptions.remove("https://topic.example/", "https://sub.example/1")
    elif end == "gone":
        [delivery] = await hub.claim()
        delivery.gone()
        await hub.publish()
    elif end == "expired":
        hub.clock.now += 1001
    else:
        await hub.broker.pause_host("sub.example")
    assert await hub.claim() == []


async def test_a_claimer_of_what_is_known_lets_others_have_their_turn(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    await hub.claim_ids()
    published = [await hub.publish() for _ in range(20)]
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    claimed: list[str] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        for _ in published:
            [delivery] = await hub.broker.claim(10)
            claimed.append(delivery.update.id)
            delivery.done()
        tasks.cancel_scope.cancel()
    assert claimed == published
    assert turns >= len(published) - 2


class Story:
    """A hub in use, by chance: what is claimed in it, one after the other."""

    def __init__(self, store: HubStore, clock: Clock, seed: int) -> None:
        self._hub = Hub(store, clock)
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._flying: list[Delivery] = []
        self.claimed: list[tuple[object, ...]] = []

    async def tell(self, steps: int) -> None:
        """Let so many things happen."""
        happenings = [self._publish, self._publish, self._claim, self._claim, self._settle, self._settle, self._change]
        for number in range(steps):
            await self._chance.choice(happenings)(number)

    async def _publish(self, _: int) -> None:
        await self._hub.publish(self._chance.choice(TOPICS))

    async def _claim(self, _: int) -> None:
        self._hub.clock.now += self._chance.choice([0.0, 1.0, 5.0])
        for delivery in await self._due(self._chance.randrange(1, 6)):
            told = delivery.update.id, delivery.update.topic, delivery.callback, delivery.secret
            self.claimed.append((*told, delivery.attempt, delivery.refusals))
            self._flying.append(delivery)

    async def _due(self, limit: int) -> list[Delivery]:
        """What is due now, by a store that waits for nothing but its turn."""
        due: list[Delivery] = []

        async def claim() -> None:
            due.extend(await self._hub.broker.claim(limit))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(claim)
            for _ in range(_TURNS):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        return due

    async def _settle(self, _: int) -> None:
        if self._flying:
            delivery = self._flying.pop(self._chance.randrange(len(self._flying)))
            fate = self._chance.randrange(12)
            if fate < 2:
                delivery.retry(self._chance.choice([0.0, 4.0]), "It failed.", refused=fate == 0)
            elif fate == 2:
                delivery.dead("It failed for the last time.", host_failed=False)
            elif fate == 3:
                delivery.gone()
            else:
                delivery.done()

    async def _change(self, number: int) -> None:
        topic, callback = self._chance.choice(TOPICS), self._chance.choice(CALLBACKS)
        store, change = self._hub.store, self._chance.randrange(12)
        if change < 9:
            lease = self._chance.choice([3, 1000, 1000, 1000])
            spelled = callback.replace("/c", self._chance.choice(["/c", "/%63"]))
            await store.subscriptions.save(
                StoredSubscription(
                    topic=topic,
                    callback=spelled,
                    secret=f"secret-{number}",
                    lease_seconds=lease,
                    requested_at=self._hub.clock(),
                )
            )
        elif change == 9:
            await store.subscriptions.remove(topic, callback)
        elif change == 10:
            await store.broker.pause_host("sub1.example")
        else:
            await store.broker.resume_host("sub1.example")
            await store.topics.save(Topic(url=topic, delivery_mode=self._chance.choice(list(DeliveryMode))))


@pytest.mark.parametrize("seed", range(6))
async def test_the_short_way_hands_out_what_the_plain_way_does(
    seed: int, monkeypatch: pytest.MonkeyPatch, reads: list[int]
) -> None:
    monkeypatch.setattr(claiming, "_LOOK_AGAIN_SECONDS", PATIENCE)  # who looks when is part of the story
    stories = []
    for few in (-1, 256):
        monkeypatch.setattr(recipients, "_FEW", few)
        before = len(reads)
        clock = Clock()
        async with MemoryStore(limits=LIMITS, clock=clock) as store:
            story = Story(store, clock, seed)
            await story.tell(400)
        stories.append((story.claimed, len(reads) - before))
    (plain, often), (short, seldom) = stories
    assert short == plain
    assert len(plain) > 30
    assert seldom < often
