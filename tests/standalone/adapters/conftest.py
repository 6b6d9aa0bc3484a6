"""Every store that the contract holds for, with a clock that the test moves."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest

from tests.cluster.servers import PROGRAM, WHY_NOT, one_server
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.adapters.nats.store import NatsStore
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import Delivery, HubStore, StoredSubscription, Update
from websubhub.standalone.schedule.limits import DeliveryLimits

START = 1_800_000_000.0
#: How often a claim may ask its database, one after the other, before it knows what is due.
LOOKUPS = 4

OpenStore = Callable[[DeliveryLimits], AbstractAsyncContextManager[HubStore]]


class Clock:
    """The wall clock, which stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Hub:
    """A store with the short words that the tests use."""

    def __init__(self, store: HubStore, clock: Clock) -> None:
        self.store = store
        self.broker = store.broker
        self.clock = clock
        self._published = 0

    async def subscribe(self, callback: str = "https://sub.example/1", topic: str = "https://topic.example/") -> None:
        await self.store.subscriptions.save(
            StoredSubscription(
                topic=topic, callback=callback, secret="s3cret", lease_seconds=1000, requested_at=self.clock()
            )
        )

    async def publish(self, topic: str = "https://topic.example/") -> str:
        self._published += 1
        update = Update(
            id=f"message-{self._published}",
            topic=topic,
            content=b"\x00 content %d" % self._published,
            content_type='text/plain; charset="x"',
            canonical="https://topic.example/canonical",
            hubs=("https://hub.example/", "https://other.example/"),
            published_at=self.clock(),
        )
        await self.broker.publish(update)
        return update.id

    async def claim(self, limit: int = 100) -> list[Delivery]:
        """What is due now; nothing, if that is nothing."""
        claimed: list[Delivery] = []

        async def claim() -> None:
            claimed.extend(await self.broker.claim(limit))
            over.set()

        over = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(claim)
            # What it looks up is looked up before what we look up behind it.
            for _ in range(LOOKUPS):
                await anyio.wait_all_tasks_blocked()
                if over.is_set():
                    break
                await self.store.topics.page(limit=1)
            tasks.cancel_scope.cancel()
        return claimed

    async def claim_ids(self) -> list[str]:
        """The updates due now, all of which arrive."""
        ids = []
        for delivery in await self.claim():
            ids.append(delivery.update.id)
            delivery.done()
        return ids


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")  # its streams are left alone, so it should not get too many of them
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a nats-server is, without its scheme."""
    if PROGRAM is None:
        pytest.skip(WHY_NOT)
    with one_server(tmp_path_factory.mktemp("nats")) as url:
        yield url.removeprefix("nats://")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is about NATS on asyncio only, as nats-py does."""
    items[:] = [item for item in items if not _is_nats_on_trio(item)]


def _is_nats_on_trio(item: pytest.Item) -> bool:
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return params.get("anyio_backend") == "trio" and "nats" in params.values()


@pytest.fixture
def nats_hub(request: pytest.FixtureRequest) -> str:
    """What a store on NATS is opened with: a hub of its own at the server of all tests."""
    server: str = request.getfixturevalue("nats_server")
    return f"{server}?name=hub{next(_hubs)}&gib=0.01"


_hubs = itertools.count(1)


@pytest.fixture(params=["memory", "sqlite", "nats"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> OpenStore:
    """Opens the store under test within limits."""
    if request.param == "nats":
        hub: str = request.getfixturevalue("nats_hub")
        return lambda limits: NatsStore(hub, limits=limits, clock=clock)
    if request.param == "memory":
        return lambda limits: MemoryStore(limits=limits, clock=clock)
    return lambda limits: SqliteStore(str(tmp_path / "hub.db"), limits=limits, clock=clock)


@pytest.fixture
async def hub(open_store: OpenStore, clock: Clock) -> AsyncIterator[Hub]:
    async with open_store(DeliveryLimits(per_host=3, failures=3, waiting=20)) as store:
        yield Hub(store, clock)
