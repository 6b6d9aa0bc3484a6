"""What a verified subscription costs the whole hub, beside a small publish."""

import itertools
import time
from collections.abc import Iterator, Sequence
from functools import partial

import httpx

from tests.benchmarks.hub import Hub, running
from tests.benchmarks.measuring import Benchmark, Cost, Variant
from tests.benchmarks.sink import Sink, sink

_REQUESTS = 1_000
_HOSTS = 20_000
_LOOK_SECONDS = 0.05
_SMALL = 300


def _subscribe(hub: Hub, sunk: Sink, numbers: Iterator[int]) -> Cost:
    """Ask for subscriptions, each with a callback on a host of its own, and wait until all are verified."""
    with httpx.Client() as client:
        before = hub.statistics(client)["subscriptions"]
        cpu, started = hub.cpu_seconds(), time.perf_counter()
        for number in itertools.islice(numbers, _REQUESTS):
            fields = {
                "hub.mode": "subscribe",
                "hub.topic": f"https://publisher.example/feeds/{number}",
                "hub.callback": f"{sunk.urls[number % len(sunk.urls)]}/callback/{number}",
                "hub.secret": f"the-secret-of-subscription-{number}",
            }
            assert client.post(hub.url, data=fields).status_code == httpx.codes.ACCEPTED
        while hub.statistics(client)["subscriptions"] < before + _REQUESTS:
            time.sleep(_LOOK_SECONDS)
        return Cost(_REQUESTS, hub.cpu_seconds() - cpu, time.perf_counter() - started)


def _variants() -> Iterator[Sequence[Variant]]:
    with sink(hosts=_HOSTS) as sunk, running(sunk, 1) as hub:
        numbers = itertools.count(1)
        yield [
            Variant("a publish to one subscriber", partial(hub.deliver, _SMALL)),
            Variant("a verified subscription", partial(_subscribe, hub, sunk, numbers)),
        ]


BENCHMARKS = (Benchmark("subscribe", "A subscription by the whole hub, until it is verified.", _variants),)
