"""What a delivery costs the whole hub: the command ``websubhub serve``, from the publish to the settled outcome."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import anyio
import httpx

from tests.benchmarks.engine import floor
from tests.benchmarks.measuring import Benchmark, Cost, Reading, Table, Variant
from tests.benchmarks.processes import cpu_seconds, resident_bytes
from tests.benchmarks.sink import Sink, sink
from tests.standalone.process import ADMIN, Served, served
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import HubStore, StoredSubscription

TOPIC = "https://publisher.example/feed"
_ORIGINS = 200
_SAVED_TOGETHER = 500
_LOOK_SECONDS = 0.05
_LOOK_BEHIND = 100_000  # deliveries a second, more than there are


class Hub:
    """A hub in a process of its own, whose subscriptions are in its database already."""

    def __init__(self, served_hub: Served, subscriptions: int) -> None:
        self.subscriptions = subscriptions
        self.url = served_hub.url
        self._statistics = f"{served_hub.base}/admin/statistics"
        self._process = served_hub.process.pid

    def deliver(self, updates: int, size: int = 1024) -> Cost:
        """Publish so many updates, one after the other, and wait until every subscriber has them all."""
        with httpx.Client() as client:
            cpu, started = self.cpu_seconds(), time.perf_counter()
            for _ in range(updates):
                query = {"hub.mode": "publish", "hub.topic": TOPIC}
                client.post(self.url, params=query, content=b"x" * size).raise_for_status()
            while waiting := self.statistics(client)["waiting"]:
                time.sleep(max(_LOOK_SECONDS, waiting / _LOOK_BEHIND))  # to look costs the hub something, too
            return Cost(self.subscriptions * updates, self.cpu_seconds() - cpu, time.perf_counter() - started)

    def statistics(self, client: httpx.Client) -> dict[str, int]:
        """The counts that it shows to its operators; to look costs it something, too."""
        headers = {"Authorization": f"Bearer {ADMIN}"}
        counts: dict[str, int] = client.get(self._statistics, headers=headers).raise_for_status().json()
        return counts

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        return cpu_seconds(self._process)

    def resident_bytes(self) -> int:
        """The memory that it has at present."""
        return resident_bytes(self._process)


async def load(path: Path, sunk: Sink, number: int, origins: int | None = None) -> None:
    """Put so many subscriptions into a database, through the store, spread over some origins of the sink or all."""
    async with SqliteStore(str(path)) as store:
        await subscribe(store, sunk.urls[:origins], number)


async def subscribe(store: HubStore, urls: Sequence[str], number: int) -> None:
    """Store so many subscriptions, spread over these origins."""

    async def save(index: int) -> None:
        subscription = StoredSubscription(
            topic=TOPIC,
            callback=f"{urls[index % len(urls)]}/callback/{index:07d}-of-a-subscriber",
            secret=f"the-secret-of-subscription-{index}",
            lease_seconds=864_000,
            requested_at=time.time(),
        )
        assert await store.subscriptions.save(subscription)

    for start in range(0, number, _SAVED_TOGETHER):
        async with anyio.create_task_group() as tasks:
            for index in range(start, min(start + _SAVED_TOGETHER, number)):
                tasks.start_soon(save, index)


@contextmanager
def running(sunk: Sink, subscriptions: int, *flags: str, origins: int | None = None) -> Iterator[Hub]:
    """A hub on SQLite with so many subscriptions over some origins of the sink or all, each with a secret."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        anyio.run(load, folder / "hub.db", sunk, subscriptions, origins)
        with served(folder, "--log-level", "warning", *flags) as hub:
            yield Hub(hub, subscriptions)


def _compared(sizes: dict[int, int], *, with_floor: bool) -> Iterator[Sequence[Variant]]:
    """Hubs with so many subscriptions, and how many updates each gets in a round."""
    with sink(_ORIGINS) as sunk, ExitStack() as stack:
        hubs = {stack.enter_context(running(sunk, size)): updates for size, updates in sizes.items()}
        own = [
            Variant(f"hub, {hub.subscriptions:,} subscriptions", partial(hub.deliver, updates))
            for hub, updates in hubs.items()
        ]
        yield [floor(sunk, 64), *own] if with_floor else own


def _bodies() -> Iterator[Sequence[Variant]]:
    with sink(_ORIGINS) as sunk, running(sunk, 1_000) as hub:
        sizes = {1 << 10: 10, 1 << 14: 5, 1 << 16: 3, 1 << 20: 1}
        own = [Variant(f"hub, {size:,} bytes", partial(hub.deliver, number, size)) for size, number in sizes.items()]
        yield [floor(sunk, 64), *own]


def _memory(_rounds: int) -> Table:
    rows: list[tuple[str, ...]] = []
    empty = 0
    bars = []
    with sink(_ORIGINS) as sunk:
        for number in (0, 10_000, 100_000, 1_000_000):
            with running(sunk, number) as hub:
                loaded = hub.resident_bytes()
                hub.deliver(1)
                after = hub.resident_bytes()
            empty = empty or loaded
            each = [f"{(size - empty) / number:.0f}" if number else "" for size in (loaded, after)]
            rows.append((f"{number:,} subscriptions", f"{loaded / 1e6:.0f}", f"{after / 1e6:.0f}", *each))
            bars.append(after / 1e6)
    return Table(("MB", "MB after a fan-out", "bytes each", "bytes each after"), rows, bars, "MB")


BENCHMARKS = (
    Benchmark(
        "hub",
        "A signed delivery of 1 KiB by the whole hub, to subscribers on 200 origins.",
        partial(_compared, {200: 50, 10_000: 2, 100_000: 1}, with_floor=True),
    ),
    Benchmark(
        "hub-million",
        "The same to a million subscribers, compared to a thousand.",
        partial(_compared, {1_000: 20, 1_000_000: 1}, with_floor=False),
    ),
    Benchmark("hub-bodies", "A signed delivery of larger and larger bodies by the whole hub.", _bodies),
    Reading("memory", "The memory of the hub, and what of it one subscription takes.", _memory),
)
