"""What a small publish costs the whole hub: many topics, one to three subscribers each, one request after the other."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import httpx

from tests.benchmarks.engine import floor
from tests.benchmarks.measuring import Benchmark, Cost, Variant
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.publisher import Publisher
from tests.benchmarks.sink import sink
from tests.benchmarks.site import site
from tests.standalone.process import ADMIN, Served, served
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import StoredSubscription

_TOPICS = 1_000
_MOST_SUBSCRIBERS = 3
_ORIGINS = 400  # fewer than the connections that a hub keeps, which is another question
_PUBLISHES = 400
_SAVED_TOGETHER = 500
_LOOK_SECONDS = 0.05
_CONTENT = b"x" * 1024


class SmallHub:
    """A hub in a process of its own that many small topics are in the database of.

    Args:
        hub: Its process.
        topics: The URLs of its topics.
    """

    def __init__(self, hub: Served, topics: Sequence[str]) -> None:
        self._hub = hub
        self._topics = topics
        self._turns = count()

    def only(self, topics: Sequence[str]) -> "SmallHub":
        """The same hub, of which only these topics are published."""
        return SmallHub(self._hub, topics)

    def publish(self, number: int = _PUBLISHES) -> Cost:
        """Publish content to one topic after the other, and wait until every subscriber has it."""
        with Publisher(self._hub.url) as publisher:
            return self._measure(number, lambda topic: publisher.publish(topic, _CONTENT), lambda: True)

    def announce(self, fetched: "Any", number: int = _PUBLISHES) -> Cost:
        """The same without content, which the hub fetches."""
        wanted = fetched.value + number
        with Publisher(self._hub.url) as publisher:
            return self._measure(number, publisher.announce, lambda: bool(fetched.value >= wanted))

    def _measure(self, number: int, publish: "Any", fetched: "Any") -> Cost:
        process = self._hub.process.pid
        cpu, started = cpu_seconds(process), time.perf_counter()
        for turn, _ in zip(self._turns, range(number), strict=False):
            publish(self._topics[turn % len(self._topics)])
        seconds = time.perf_counter() - started
        while not fetched() or self._waiting():
            time.sleep(_LOOK_SECONDS)
        return Cost(number, cpu_seconds(process) - cpu, seconds)

    def _waiting(self) -> int:
        answer = httpx.get(f"{self._hub.base}/admin/statistics", headers={"Authorization": f"Bearer {ADMIN}"})
        return int(answer.raise_for_status().json()["waiting"])


async def load(path: Path, topics: Sequence[str], origins: Sequence[str], most: int = _MOST_SUBSCRIBERS) -> None:
    """Put topics into a database, with one to so many subscriptions each, spread over origins."""
    numbers = count()

    async def save(topic: str) -> None:
        number = next(numbers)
        assert await store.subscriptions.save(
            StoredSubscription(
                topic=topic,
                callback=f"{origins[number % len(origins)]}/callback/{number:07d}-of-a-subscriber",
                secret=f"the-secret-of-subscription-{number}",
                lease_seconds=864_000,
                requested_at=time.time(),
            )
        )

    wanted = [topic for index, topic in enumerate(topics) for _ in range(index % most + 1)]
    async with SqliteStore(str(path)) as store:
        for start in range(0, len(wanted), _SAVED_TOGETHER):
            async with anyio.create_task_group() as tasks:
                for topic in wanted[start : start + _SAVED_TOGETHER]:
                    tasks.start_soon(save, topic)


@contextmanager
def running(
    topics: Sequence[str], origins: Sequence[str], *flags: str, most: int = _MOST_SUBSCRIBERS
) -> Iterator[SmallHub]:
    """A hub on SQLite with these topics, each with one to so many subscriptions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        anyio.run(load, folder / "hub.db", topics, origins, most)
        with served(folder, "--log-level", "warning", *flags) as hub:
            yield SmallHub(hub, topics)


def _variants() -> Iterator[Sequence[Variant]]:
    with sink(_ORIGINS) as sunk, site() as (base, fetched), ExitStack() as stack:
        topics = [f"{base}/feeds/{number}" for number in range(_TOPICS)]
        hub = stack.enter_context(running(topics, sunk.urls))
        yield [
            floor(sunk, 1),
            Variant("publish with content", hub.publish),
            Variant("publish without content", partial(hub.announce, fetched)),
        ]


BENCHMARKS = (
    Benchmark(
        "small",
        "A publish of 1 KiB to one of 1,000 topics with one to three subscribers each, signed, one after the other.",
        _variants,
    ),
)
