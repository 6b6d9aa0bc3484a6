"""What a hub of several processes on NATS costs, beside one on SQLite: ``python -m tests.benchmarks cluster``."""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import attrs
import httpx

from tests.benchmarks.hub import TOPIC, running, subscribe
from tests.benchmarks.measuring import Reading, Table
from tests.benchmarks.processes import cpu_seconds, resident_bytes
from tests.benchmarks.sink import Sink, sink
from tests.cluster.servers import Server, cluster
from tests.standalone.process import ADMIN, Served, served
from websubhub.standalone.adapters.nats.records.tables import FEW
from websubhub.standalone.adapters.nats.store import NatsStore

_ORIGINS = 200
_SUBSCRIPTIONS = 10_000
_UPDATES = 2
_PUBLISHES = 200
_IDLE_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_MANY = 500_000
_MANY_GIB = 4


def store_of(servers: list[Server], name: str, replicas: int = 3, *, gib: int = 1) -> str:
    """The setting of a hub at these servers."""
    places = ",".join(server.url.removeprefix("nats://") for server in servers)
    return f"nats://{places}?name={name}&replicas={replicas}&gib={gib}"


async def load(store: str, sunk: Sink, number: int) -> None:
    """Store so many subscriptions, spread over all origins of the sink."""
    async with NatsStore(store.removeprefix("nats://")) as opened:
        await subscribe(opened, sunk.urls, number)


@attrs.define
class Processes:
    """The processes of one hub."""

    hubs: list[Served]
    subscriptions: int

    def cpu_seconds(self) -> float:
        """What they have used so far."""
        return sum(cpu_seconds(hub.process.pid) for hub in self.hubs)

    def deliver(self, updates: int) -> float:
        """Publish so many updates, through one after the other, and wait until every subscriber has them all.

        Returns:
            How long it took.
        """
        with httpx.Client(timeout=60) as client:
            started = time.perf_counter()
            for number in range(updates):
                hub = self.hubs[number % len(self.hubs)]
                query = {"hub.mode": "publish", "hub.topic": TOPIC}
                client.post(hub.url, params=query, content=b"x" * 1024).raise_for_status()
            while waiting(self.hubs[0], client):
                time.sleep(_LOOK_SECONDS)
            return time.perf_counter() - started


def waiting(hub: Served, client: httpx.Client) -> int:
    """How many deliveries a hub owes."""
    answer = client.get(f"{hub.base}/admin/statistics", headers={"Authorization": f"Bearer {ADMIN}"})
    count: int = answer.raise_for_status().json()["waiting"]
    return count


@contextmanager
def processes(folder: Path, store: str, number: int, subscriptions: int) -> Iterator[Processes]:
    """So many processes of a hub, all of which have their share."""
    with ExitStack() as stack:
        hubs = []
        for index in range(number):
            own = folder / f"{number}-{index}"
            own.mkdir()
            hubs.append(stack.enter_context(served(own, "--store", store, "--log-level", "warning")))
        time.sleep(2 * number)  # until everything is handed over
        yield Processes(hubs, subscriptions)


def server_cpu(servers: list[Server]) -> float:
    """What the servers have used so far."""
    return sum(cpu_seconds(server.process.pid) for server in servers if server.process is not None)


@attrs.frozen
class _Round:
    hub: float
    servers: float
    seconds: float


def _delivery(rounds: int) -> Table:
    """Each round takes every kind of hub once; what the servers use without any load is taken off."""
    found: defaultdict[str, list[_Round]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = stack.enter_context(cluster(folder))
        sunk = stack.enter_context(sink(_ORIGINS))
        on_sqlite = stack.enter_context(running(sunk, _SUBSCRIPTIONS))
        hubs = {}
        for number in (1, 2, 3):
            store = store_of(servers, f"of{number}")
            anyio.run(load, store, sunk, _SUBSCRIPTIONS)
            label = f"NATS, {number} process{'' if number == 1 else 'es'}"
            hubs[label] = stack.enter_context(processes(folder, store, number, _SUBSCRIPTIONS))
        idle = _idle_rate(servers)
        for _ in range(rounds):
            cost = on_sqlite.deliver(_UPDATES)
            found["SQLite"].append(_Round(cost.cpu_seconds, 0.0, cost.wall_seconds))
            for label, hub in hubs.items():
                own, theirs = hub.cpu_seconds(), server_cpu(servers)
                seconds = hub.deliver(_UPDATES)
                used = server_cpu(servers) - theirs - idle * seconds
                found[label].append(_Round(hub.cpu_seconds() - own, max(used, 0.0), seconds))
    return _compared(found)


def _idle_rate(servers: list[Server]) -> float:
    before, started = server_cpu(servers), time.perf_counter()
    time.sleep(_IDLE_SECONDS / 2)
    return (server_cpu(servers) - before) / (time.perf_counter() - started)


def _compared(found: dict[str, list[_Round]]) -> Table:
    deliveries = _SUBSCRIPTIONS * _UPDATES
    rows, bars = [], []
    for label, own in found.items():
        hub = statistics.median(each.hub for each in own) / deliveries * 1e6
        theirs = statistics.median(each.servers for each in own) / deliveries * 1e6
        ratio = statistics.median(each.hub / first.hub for each, first in zip(own, found["SQLite"], strict=True))
        rate = statistics.median(deliveries / each.seconds for each in own)
        rows.append((label, f"{hub:.1f}", f"{ratio:.2f}", f"{theirs:.1f}" if theirs else "", f"{rate:,.0f}"))
        bars.append(hub + theirs)
    columns = ("hub, CPU us", "ratio", "servers, CPU us", "per second")
    return Table(columns, rows, bars, "CPU microseconds a delivery, servers too")


def _publish(rounds: int) -> Table:
    """Publishes one after the other, in turns of so many at each hub."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = stack.enter_context(cluster(folder))
        client = stack.enter_context(httpx.Client(timeout=60))
        stores = {"SQLite": f"sqlite:///{folder / 'hub.db'}"}
        stores |= {f"NATS, R{replicas}": store_of(servers, f"r{replicas}", replicas) for replicas in (1, 3)}
        hubs = {}
        for number, (label, store) in enumerate(stores.items()):
            own = folder / f"hub{number}"
            own.mkdir()
            hubs[label] = stack.enter_context(served(own, "--store", store, "--log-level", "warning"))
        for _ in range(rounds):
            for label, hub in hubs.items():
                for _ in range(_PUBLISHES):
                    started = time.perf_counter()
                    query = {"hub.mode": "publish", "hub.topic": TOPIC}
                    client.post(hub.url, params=query, content=b"x" * 1024).raise_for_status()
                    times[label].append((time.perf_counter() - started) * 1_000)
    rows = [
        (label, *(f"{_share(own, share):.1f}" for share in (0.5, 0.9, 0.99)), f"{max(own):.1f}")
        for label, own in times.items()
    ]
    bars = [statistics.median(own) for own in times.values()]
    return Table(("median, ms", "90 %", "99 %", "longest"), rows, bars, "milliseconds for a publish of 1 KiB")


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def _start(sizes: tuple[int, ...], rounds: int) -> Table:
    """From the start of a process until it accepts requests, before and after others have written tables for it."""
    rows, bars = [], []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = stack.enter_context(cluster(folder))
        sunk = stack.enter_context(sink(_ORIGINS))
        for size in sizes:
            store = store_of(servers, f"of{size}", gib=_MANY_GIB if size > _MANY else 1)
            anyio.run(load, store, sunk, size)
            for label in ("", ", with tables")[: 1 + (size > FEW)]:
                if label:
                    anyio.run(_write_tables, store)
                seconds, memory = zip(*(_ready(folder, store) for _ in range(rounds)), strict=True)
                each = [resident_bytes(server.process.pid) / 1e6 for server in servers if server.process is not None]
                bars.append(statistics.median(seconds))
                cells = (f"{bars[-1]:.1f}", f"{statistics.median(memory) / 1e6:.0f}", f"{max(each):.0f}")
                rows.append((f"{size:,} subscriptions{label}", *cells))
    return Table(("seconds until ready", "hub, MB", "largest server, MB"), rows, bars, "seconds until ready")


def _ready(folder: Path, store: str) -> tuple[float, int]:
    """Start a process and stop it. Return how many seconds it took, and its memory."""
    own = Path(tempfile.mkdtemp(dir=folder))
    started = time.perf_counter()
    with served(own, "--store", store, "--log-level", "warning") as hub:
        seconds = time.perf_counter() - started
        memory = resident_bytes(hub.process.pid)
        hub.stop()
    return seconds, memory


async def _write_tables(store: str) -> None:
    async with NatsStore(store.removeprefix("nats://")) as opened:
        while not opened.connection.complete:  # noqa: ASYNC110 - nothing says when it has taken all of its partitions
            await anyio.sleep(_LOOK_SECONDS)
        await opened._process._tables.write_due()


def _idle(_rounds: int) -> Table:
    """What is used while nothing happens, as a share of one core."""
    rows, bars = [], []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = stack.enter_context(cluster(folder))
        sunk = stack.enter_context(sink(_ORIGINS))
        bare = _idle_rate(servers)
        rows.append(("three servers alone", "", f"{bare:.1%}"))
        bars.append(bare * 100)
        for number in (1, 3):
            store = store_of(servers, f"of{number}")
            anyio.run(load, store, sunk, _SUBSCRIPTIONS)
            with processes(folder, store, number, _SUBSCRIPTIONS) as hub:
                own, theirs, started = hub.cpu_seconds(), server_cpu(servers), time.perf_counter()
                time.sleep(_IDLE_SECONDS)
                seconds = time.perf_counter() - started
                used, served_ = (hub.cpu_seconds() - own) / seconds, (server_cpu(servers) - theirs) / seconds
            label = f"{number} process{'' if number == 1 else 'es'}, {_SUBSCRIPTIONS:,} subscriptions"
            rows.append((label, f"{used:.1%}", f"{served_:.1%}"))
            bars.append((used + served_) * 100)
    return Table(("all hub processes", "all servers"), rows, bars, "percent of one core")


def _starting(rounds: int) -> Table:
    return _start((0, 10_000, 100_000), rounds)


def _million(_rounds: int) -> Table:
    return _start((1_000_000,), 1)


BENCHMARKS = (
    Reading("cluster-delivery", "A signed delivery of 1 KiB by a hub of one, two and three processes.", _delivery),
    Reading("cluster-publish", "A publish to a hub on NATS with one and with three replicas.", _publish),
    Reading("cluster-start", "The start of a process on NATS, and its memory.", _starting),
    Reading("cluster-idle", "What a hub on NATS uses while nothing happens.", _idle),
)
MILLION = Reading("million-on-nats", "The start of a process on NATS with a million subscriptions.", _million)
