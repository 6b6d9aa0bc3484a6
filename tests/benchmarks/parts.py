"""Where the time of a delivery goes: the parts of the hub, each alone and then together."""

import importlib.util
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import anyio

from tests.benchmarks.engine import floor
from tests.benchmarks.hub import TOPIC, load, running
from tests.benchmarks.measuring import Benchmark, Cost, Stopwatch, Variant
from tests.benchmarks.sink import Sink, sink
from websubhub import ContentDistributionMessage, ContentDistributor, Delivery
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.metrics import DeliveryMetrics
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.work.delivery import DeliveryLoop

_SUBSCRIPTIONS = 10_000
_HUB = "http://127.0.0.1/hub"
_LOOK_SECONDS = 0.02
_OPTIONS = {"use_uvloop": importlib.util.find_spec("uvloop") is not None}


def _run(main: Callable[[], Awaitable[Cost]]) -> Cost:
    return anyio.run(main, backend_options=_OPTIONS)


def _update(number: float) -> Update:
    return Update(
        id=f"update-{number}", topic=TOPIC, content=b"x" * 1024, content_type="text/plain", published_at=time.time()
    )


def _send(sunk: Sink, secrets: int | None) -> Cost:
    """Only the engine, as the hub uses it, with so many different secrets or none."""

    async def main() -> Cost:
        async with ContentDistributor(_HUB) as distributor:
            content = distributor.prepare(ContentDistributionMessage(content=b"x" * 1024), TOPIC)
            watch = Stopwatch()
            deliveries = (
                Delivery(
                    f"{sunk.urls[index % len(sunk.urls)]}/callback/{index}",
                    content,
                    f"the-secret-{index % secrets}" if secrets else None,
                )
                for index in range(_SUBSCRIPTIONS)
            )
            delivered: list[bool] = []
            await distributor.send(deliveries, lambda _, outcome: delivered.append(outcome.delivered))
            assert all(delivered)
            return watch.stop(len(delivered))

    return _run(main)


def _settle(path: Path) -> Cost:
    """Only the store: publish, claim what is due, settle it, and bring it to the disk."""

    async def main() -> Cost:
        async with SqliteStore(str(path)) as store:
            watch = Stopwatch()
            await store.broker.publish(_update(time.time()))
            left = _SUBSCRIPTIONS
            while left:
                claimed = await store.broker.claim(512)
                for delivery in claimed:
                    delivery.done()
                left -= len(claimed)
            await store.broker.flush()
            return watch.stop(_SUBSCRIPTIONS)

    return _run(main)


def _deliver(path: Path) -> Cost:
    """The store and the engine with what stands between them, in this process and without a server."""

    async def main() -> Cost:
        async with SqliteStore(str(path)) as store, ContentDistributor(_HUB) as distributor:
            loop = DeliveryLoop(store.broker, distributor, RetrySchedule(), DeliveryMetrics())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(loop.run)
                watch = Stopwatch()
                await store.broker.publish(_update(time.time()))
                while (await store.broker.statistics()).waiting:  # noqa: ASYNC110 - it does not tell
                    await anyio.sleep(_LOOK_SECONDS)
                await store.broker.flush()
                cost = watch.stop(_SUBSCRIPTIONS)
                tasks.cancel_scope.cancel()
            return cost

    return _run(main)


def _variants() -> Iterator[Sequence[Variant]]:
    with sink(200) as sunk, running(sunk, _SUBSCRIPTIONS) as hub, tempfile.TemporaryDirectory() as name:
        path = Path(name) / "hub.db"
        anyio.run(load, path, sunk, _SUBSCRIPTIONS)
        yield [
            floor(sunk, 64),
            Variant("engine, unsigned", partial(_send, sunk, None)),
            Variant("engine, signed", partial(_send, sunk, _SUBSCRIPTIONS)),
            Variant("store: publish, claim, settle", partial(_settle, path)),
            Variant("store and engine", partial(_deliver, path)),
            Variant("hub", partial(hub.deliver, 1)),
        ]


BENCHMARKS = (Benchmark("hub-parts", "The parts of the hub, each alone and then together, at 10,000.", _variants),)
