"""What a delivery costs in the engine, from the callback to the settled outcome."""

from collections.abc import Iterator, Sequence
from functools import partial

import anyio

from _websub.grammar.addresses import AddressPolicy
from tests.benchmarks.measuring import Benchmark, Cost, Stopwatch, Variant
from tests.benchmarks.sink import Sink, sink
from tests.benchmarks.wrk import is_installed, run_wrk
from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryOutcome

_HEADERS = (
    ("Content-Type", "application/json"),
    ("Link", '<https://hub.example.com/hub>; rel="hub", <https://example.com/feed>; rel="self"'),
)
LOOPBACK = AddressPolicy(loopback=True)
Variants = Iterator[Sequence[Variant]]


def open_engine(sunk: Sink, connections: int) -> DeliveryEngine:
    """An engine that may have this many connections to one origin."""
    limits = EngineLimits(connections=connections, connections_per_origin=connections)
    return DeliveryEngine(limits=limits, addresses=LOOPBACK, tls=sunk.tls)


def deliver(
    sunk: Sink, urls: Sequence[str], connections: int, number: int = 20_000, size: int = 1024, rest: int = 0
) -> Cost:
    """Send signed deliveries to as many callbacks, and insist that all arrive.

    Args:
        sunk: The sink.
        urls: Its origins.
        connections: How many are used at a time.
        number: How many deliveries.
        size: The length of the body.
        rest: If not 0, connections are closed after so many deliveries.
    """
    delivered = 0

    def settled(_: Delivery, outcome: DeliveryOutcome) -> None:
        nonlocal delivered
        delivered += outcome.delivered

    async def run() -> Cost:
        content = SharedContent(body=b"x" * size, headers=_HEADERS)
        watch = Stopwatch()
        for start in range(0, number, rest or number):
            async with open_engine(sunk, connections) as engine:
                batch = (
                    Delivery(
                        callback=f"{urls[index % len(urls)]}/callback/{index}", content=content, secret=f"s{index}"
                    )
                    for index in range(start, start + (rest or number))
                )
                await engine.send(batch, settled)
        return watch.stop(number)

    cost = anyio.run(run)
    assert delivered == number, f"{delivered} of {number} arrived"
    return cost


def floor(sunk: Sink, connections: int, size: int = 1024) -> Variant:
    """Wrk, or the engine on a single connection where there is no wrk."""
    if is_installed():
        return Variant(f"wrk, {connections} connections", lambda: run_wrk(sunk.urls[0], connections, size))
    return Variant("engine, 1 connection", lambda: deliver(sunk, sunk.urls[:1], 1, 5_000, size))


def _engine() -> Variants:
    with sink(200) as sunk:
        one = [
            Variant(f"engine, {count} connections", partial(deliver, sunk, sunk.urls[:1], count))
            for count in (1, 16, 64, 256, 1000)
        ]
        many = [
            Variant(f"engine, {count} connections, 200 origins", partial(deliver, sunk, sunk.urls, count))
            for count in (256, 1000)
        ]
        yield [floor(sunk, 64), *one, *many]


def _fresh() -> Variants:
    with sink() as sunk:
        yield [
            floor(sunk, 64),
            Variant("engine, a connection for each", lambda: deliver(sunk, sunk.urls, 64, 4_096, rest=64)),
        ]


def _bodies() -> Variants:
    with sink() as sunk:
        yield [
            floor(sunk, 16),
            *(
                Variant(f"engine, {size} bytes", partial(deliver, sunk, sunk.urls, 16, number, size))
                for size, number in ((1 << 10, 10_000), (1 << 14, 5_000), (1 << 16, 2_000), (1 << 20, 200))
            ),
        ]


BENCHMARKS = (
    Benchmark("engine", "A signed delivery of 1 KiB over connections that are kept.", _engine),
    Benchmark("engine-fresh", "A signed delivery of 1 KiB over a new connection.", _fresh),
    Benchmark("engine-bodies", "A signed delivery of larger and larger bodies.", _bodies),
)
