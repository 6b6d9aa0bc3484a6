"""A start with a million deliveries that are owed: how soon the first one is made, and in how much memory."""

import tempfile
import time
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path
from secrets import token_hex

import anyio
import httpx

from tests.benchmarks.cluster import store_of, waiting
from tests.benchmarks.hub import TOPIC, subscribe
from tests.benchmarks.measuring import Reading, Table
from tests.benchmarks.processes import largest_resident_bytes
from tests.benchmarks.sink import Sink, sink
from tests.cluster.servers import cluster
from tests.standalone.process import served
from websubhub.standalone.adapters.nats.store import NatsStore
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import HubStore, Update

_ORIGINS = 200
_SUBSCRIPTIONS = 10_000
_UPDATES = 100
_LOOK_SECONDS = 0.05
_UNDER_WAY_SECONDS = 10.0


async def _owe(opening: AbstractAsyncContextManager[HubStore], sunk: Sink) -> None:
    """Store the subscriptions and the updates, which nobody delivers yet."""
    async with opening as store:
        await subscribe(store, sunk.urls, _SUBSCRIPTIONS)
        for _ in range(_UPDATES):
            update = Update(
                id=token_hex(16), topic=TOPIC, content=b"x" * 1024, content_type="text/plain", published_at=time.time()
            )
            await store.broker.publish(update)


def _start(folder: Path, store: str, number: int) -> tuple[float, int]:
    """Start so many processes. Return how many seconds the first delivery took, and the most memory of one."""
    started, first = time.perf_counter(), 0.0
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=60))
        hubs = []
        for index in range(number):
            own = folder / f"{number}-{index}-{token_hex(4)}"
            own.mkdir()
            hubs.append(stack.enter_context(served(own, "--store", store, "--log-level", "warning")))
            while not first and not 0 < waiting(hubs[0], client) < _SUBSCRIPTIONS * _UPDATES:
                time.sleep(_LOOK_SECONDS)
            first = first or time.perf_counter() - started
        time.sleep(_UNDER_WAY_SECONDS)
        return first, max(largest_resident_bytes(hub.process.pid) for hub in hubs)


def _backlog(_rounds: int) -> Table:
    rows, bars = [], []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = stack.enter_context(cluster(folder))
        sunk = stack.enter_context(sink(_ORIGINS))
        anyio.run(_owe, SqliteStore(str(folder / "hub.db")), sunk)
        stores = {"SQLite": (f"sqlite:///{folder / 'hub.db'}", 1)}
        for number in (1, 3):
            place = store_of(servers, f"of{number}")
            anyio.run(_owe, NatsStore(place.removeprefix("nats://")), sunk)
            stores[f"NATS, {number} process{'' if number == 1 else 'es'}"] = (place, number)
        for label, (place, number) in stores.items():
            seconds, memory = _start(folder, place, number)
            rows.append((label, f"{seconds:.1f}", f"{memory / 1e6:.0f}"))
            bars.append(seconds)
    return Table(
        ("seconds until the first delivery", "largest process, MB"), rows, bars, "seconds until the first delivery"
    )


BENCHMARKS = (
    Reading("cluster-backlog", "A start with 1,000,000 deliveries that are owed to 10,000 subscriptions.", _backlog),
)
