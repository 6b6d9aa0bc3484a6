"""What a topic costs a hub that has very many: its memory, its share of a start, and the space it gives back."""

import importlib.util
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import anyio
from attrs import frozen

from tests.benchmarks.measuring import Cost, Reading, Stopwatch, Table
from tests.benchmarks.processes import cpu_seconds, resident_bytes
from tests.benchmarks.small import load
from tests.standalone.process import served
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import Topic, Update

_TOPICS = 100_000
_TOGETHER = 500
_ORIGINS = [f"http://127.0.{number // 250}.{number % 250 + 1}" for number in range(1_000)]
_OPTIONS = {"use_uvloop": importlib.util.find_spec("uvloop") is not None}


def _urls(number: int) -> list[str]:
    return [f"https://publisher.example/feeds/{each}" for each in range(number)]


async def _register(path: Path, topics: Sequence[str]) -> None:
    async with SqliteStore(str(path)) as store:
        for start in range(0, len(topics), _TOGETHER):
            async with anyio.create_task_group() as tasks:
                for topic in topics[start : start + _TOGETHER]:
                    tasks.start_soon(store.topics.save, Topic(url=topic, registered=True))


@frozen
class _Start:
    """A hub that has just started: the CPU seconds that this took, and the bytes it has then."""

    cpu_seconds: float
    bytes: int


def _start(folder: Path) -> _Start:
    with served(folder, "--log-level", "error") as hub:
        return _Start(cpu_seconds(hub.process.pid), resident_bytes(hub.process.pid))


async def _reclaim(path: Path, topics: Sequence[str]) -> Cost:
    """Publish once to every topic, and delete what everybody has."""
    async with SqliteStore(str(path)) as store:
        for start in range(0, len(topics), _TOGETHER):
            some = topics[start : start + _TOGETHER]
            async with anyio.create_task_group() as tasks:
                for topic in some:
                    tasks.start_soon(store.broker.publish, _update(topic))
            left = len(some)
            while left:
                for delivery in await store.broker.claim(_TOGETHER):
                    delivery.done()
                    left -= 1
        await store.broker.flush()
        watch = Stopwatch()
        assert await store.broker.reclaim() == len(topics)
        return watch.stop(len(topics))


def _update(topic: str) -> Update:
    return Update(
        id=f"{time.monotonic_ns():032x}",
        topic=topic,
        content=b"x" * 1024,
        content_type="text/plain",
        published_at=time.time(),
    )


def _topics(rounds: int) -> Table:
    topics = _urls(_TOPICS)
    with tempfile.TemporaryDirectory() as name:
        empty, idle, followed = (Path(name) / each for each in ("empty", "idle", "followed"))
        for folder in (empty, idle, followed):
            folder.mkdir()
        anyio.run(_register, idle / "hub.db", topics, backend_options=_OPTIONS)
        anyio.run(load, followed / "hub.db", topics, _ORIGINS, 1, backend_options=_OPTIONS)
        starts: dict[Path, list[_Start]] = {empty: [], idle: [], followed: []}
        for _ in range(rounds):
            for folder, own in starts.items():
                own.append(_start(folder))
        reclaimed = anyio.run(_reclaim, followed / "hub.db", topics, backend_options=_OPTIONS)
    base = median(each.bytes for each in starts[empty])
    rows = [("a hub without topics", f"{median(each.cpu_seconds for each in starts[empty]):.2f}", "", "", "")]
    bars = [0.0]
    for title, folder in (("idle", idle), ("with a subscription", followed)):
        each = (median(start.bytes for start in starts[folder]) - base) / _TOPICS
        seconds = median(start.cpu_seconds for start in starts[folder])
        rows.append((f"{_TOPICS:,} topics, {title}", f"{seconds:.2f}", f"{each:.0f}", "", ""))
        bars.append(each)
    rows.append(
        (
            f"{_TOPICS:,} topics, all of them updated",
            "",
            "",
            f"{reclaimed.cpu_seconds:.2f}",
            f"{reclaimed.wall_seconds:.2f}",
        )
    )
    bars.append(0.0)
    return Table(
        ("CPU s to start", "bytes a topic", "CPU s to reclaim", "s to reclaim"), rows, bars, "bytes of memory each"
    )


BENCHMARKS = (
    Reading("topics", "100,000 topics: their memory, a start, and the reclaim of an update of each.", _topics),
)
