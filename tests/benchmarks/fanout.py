"""What a huge fan-out costs: ``python -m tests.benchmarks.fanout`` loads 100,000 subscriptions and owes 1,000,000."""

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import anyio
import attrs
import httpx

from tests.benchmarks.isolation import connected, metric, publish
from tests.standalone.process import Served, served
from tests.standalone.sink import Sink, sink
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import StoredSubscription

_BIG = "https://topic.example/big"
_SMALL = "https://topic.example/small"
_HOSTS = 200


@attrs.frozen
class Fanout:
    """What was measured.

    Attributes:
        backlog: The most deliveries that were owed.
        idle_bytes: Resident memory with the subscriptions loaded.
        most_bytes: Resident memory at its most.
        fresh_seconds: How long publishes took while the fan-out was running, each on a connection of its own.
        kept_seconds: The same on a connection that is kept.
        rate: Deliveries in a second.
    """

    backlog: float
    idle_bytes: int
    most_bytes: int
    fresh_seconds: list[float]
    kept_seconds: list[float]
    rate: float


async def _load(path: Path, subscribers: Sink, number: int) -> None:
    async def save(index: int) -> None:
        subscription = StoredSubscription(
            topic=_BIG if index else _SMALL,
            callback=subscribers.callback("ok", index, f"127.0.2.{index % _HOSTS + 1}"),
            secret=f"secret-of-subscription-{index}",
            lease_seconds=864_000,
            requested_at=time.time(),
        )
        await store.subscriptions.save(subscription)

    async with SqliteStore(str(path)) as store:
        for start in range(0, number + 1, 2_000):
            async with anyio.create_task_group() as tasks:
                for index in range(start, min(start + 2_000, number + 1)):
                    tasks.start_soon(save, index)


def _memory(hub: Served, name: str) -> int:
    lines = Path(f"/proc/{hub.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def measure(folder: Path, *, subscriptions: int = 100_000, updates: int = 10, publishes: int = 50) -> Fanout:
    """Publish some updates to very many subscriptions, and then others to a few, while those are delivered."""
    with sink() as subscribers:
        anyio.run(_load, folder / "hub.db", subscribers, subscriptions)
        with served(folder, "--log-level", "error") as hub, httpx.Client() as client:
            idle = _memory(hub, "VmRSS")
            for number in range(updates):
                publish(hub.url, _BIG, number)
            backlog, started = metric(client, hub, "backlog"), time.monotonic()
            fresh = [_timed(hub.url, number) for number in range(publishes)]
            with closing(connected(hub.url)) as connection:
                kept = [_timed(hub.url, number, connection) for number in range(publishes)]
            left, ended = metric(client, hub, "backlog"), time.monotonic()
            assert left > 0, "the fan-out was over before the publishes were"
            rate = (backlog - left) / (ended - started)
            return Fanout(backlog, idle, _memory(hub, "VmHWM"), fresh, kept, rate)


def _timed(url: str, number: int, connection: http.client.HTTPConnection | None = None) -> float:
    time.sleep(0.05)
    started = time.perf_counter()
    publish(url, _SMALL, number, connection)
    return time.perf_counter() - started


def _shown(seconds: list[float]) -> str:
    return f"{1_000 * statistics.median(seconds):.1f} ms at the median, {1_000 * max(seconds):.1f} ms at most"


def main() -> int:
    """Measure and say."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fanout")
    parser.add_argument("--subscriptions", type=int, default=100_000)
    parser.add_argument("--updates", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), subscriptions=options.subscriptions, updates=options.updates)
    sys.stdout.write(
        f"{options.subscriptions:,} subscriptions, {found.backlog:,.0f} deliveries owed at most\n"
        f"resident memory {found.idle_bytes / 1e6:.0f} MB at first, {found.most_bytes / 1e6:.0f} MB at most\n"
        f"publish meanwhile {_shown(found.kept_seconds)}\n"
        f"on new connections {_shown(found.fresh_seconds)}\n"
        f"{found.rate:,.0f} deliveries a second beside\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
