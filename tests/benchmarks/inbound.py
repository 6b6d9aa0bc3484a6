"""What a request costs the server: subscribe, publish and callback, compared to an application that only answers."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from urllib.parse import urlencode

import anyio

from tests.benchmarks.engine import LOOPBACK
from tests.benchmarks.measuring import Benchmark, Cost, Variant
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.server import SECRET, TOPIC
from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryOutcome

_FORM = {
    "hub.mode": "subscribe",
    "hub.topic": TOPIC,
    "hub.callback": "https://subscriber.example/callback/of-a-subscription",
    "hub.secret": SECRET,
}
SUBSCRIBE = SharedContent(
    body=urlencode(_FORM).encode(), headers=[("Content-Type", "application/x-www-form-urlencoded")]
)
CONTENT = SharedContent(body=b"x" * 1024, headers=[("Content-Type", "text/plain")])
PUBLISH = f"?{urlencode({'hub.mode': 'publish', 'hub.topic': TOPIC})}"
_CONNECTIONS = 64
_REQUESTS = 2_000
Variants = Iterator[Sequence[Variant]]


class Server:
    """A server in a process of its own."""

    def __init__(self, url: str, process: int) -> None:
        self._url = url
        self._process = process

    def ask(self, content: SharedContent, query: str = "", secret: str | None = None, number: int = _REQUESTS) -> Cost:
        """Send the same request many times, over connections that are kept."""
        answered = 0

        def settled(_: Delivery, outcome: DeliveryOutcome) -> None:
            nonlocal answered
            answered += outcome.delivered

        async def run() -> None:
            limits = EngineLimits(connections=_CONNECTIONS, connections_per_origin=_CONNECTIONS)
            async with DeliveryEngine(limits=limits, addresses=LOOPBACK) as engine:
                request = Delivery(callback=self._url + query, content=content, secret=secret)
                await engine.send((request for _ in range(number)), settled)

        cpu, started = cpu_seconds(self._process), time.perf_counter()
        anyio.run(run)
        cost = Cost(number, cpu_seconds(self._process) - cpu, time.perf_counter() - started)
        assert answered == number, f"{answered} of {number} were answered"
        return cost


@contextmanager
def _running(server: str, application: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.benchmarks.server", server, application]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(process.stdout.readline().strip(), process.pid)
        finally:
            process.kill()


def _alone(kind: str) -> Cost:
    """The same requests without a server."""
    command = [sys.executable, "-m", "tests.benchmarks.alone", kind, str(_REQUESTS)]
    started = time.perf_counter()
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return Cost(_REQUESTS, float(printed), time.perf_counter() - started)


def _compared(
    kind: str, application: str, content: SharedContent, query: str = "", secret: str | None = None
) -> Variants:
    with ExitStack() as stack:
        yield [
            *[
                Variant(
                    f"{server}, {name if name == application else 'only an answer'}",
                    partial(stack.enter_context(_running(server, name)).ask, content, query, secret),
                )
                for server in ("hypercorn", "uvicorn", "uvicorn alone")
                for name in ("nothing", application)
            ],
            Variant(f"{application} without a server", partial(_alone, kind)),
        ]


BENCHMARKS = (
    Benchmark(
        "accept",
        "A subscription request at a hub.",
        partial(_compared, "subscribe", "hub", SUBSCRIBE),
    ),
    Benchmark("publish", "A publish with 1 KiB at a hub.", partial(_compared, "publish", "hub", CONTENT, PUBLISH)),
    Benchmark(
        "callback",
        "A signed delivery of 1 KiB at a subscriber.",
        partial(_compared, "callback", "subscriber", CONTENT, "", SECRET),
    ),
)
