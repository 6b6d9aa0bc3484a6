"""What TLS costs a delivery: over a connection that is kept, and over a new one that resumes a session."""

import re
import resource
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import urlsplit

import anyio

from tests.benchmarks.engine import LOOPBACK, deliver
from tests.benchmarks.measuring import Benchmark, Cost, Stopwatch, Variant
from tests.benchmarks.sink import Sink, sink
from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryOutcome

_NEW = 512


def _s_time(sunk: Sink, flag: str) -> Cost:
    """What OpenSSL's own client pays for a new connection and a request on it, without signatures and bookkeeping."""
    program = shutil.which("openssl")
    assert program is not None
    watch = Stopwatch(resource.RUSAGE_CHILDREN)
    command = [program, "s_time", "-connect", urlsplit(sunk.tls_url).netloc, flag, "-time", "1", "-www", "/"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return watch.stop(int(re.findall(r"(\d+) connections in [\d.]+s;", printed)[-1]))


def _new(sunk: Sink) -> Cost:
    """Signed deliveries that all need a new connection, as to hosts that close theirs."""
    delivered: list[bool] = []

    def settled(_: Delivery, outcome: DeliveryOutcome) -> None:
        delivered.append(outcome.delivered)

    async def run() -> Cost:
        content = SharedContent(body=b"x" * 1024)
        limits = EngineLimits(idle_connections=0)
        async with DeliveryEngine(limits=limits, addresses=LOOPBACK, tls=sunk.tls) as engine:
            await engine.send((Delivery(f"{sunk.tls_url}/{each}", content, f"s{each}") for each in range(16)), settled)
            watch = Stopwatch()
            batch = (Delivery(f"{sunk.tls_url}/{each}", content, f"s{each}") for each in range(_NEW))
            await engine.send(batch, settled)
            return watch.stop(_NEW)

    cost = anyio.run(run)
    assert all(delivered)
    return cost


def _variants() -> Iterator[Sequence[Variant]]:
    with sink() as sunk:
        yield [
            Variant("openssl s_time -reuse", partial(_s_time, sunk, "-reuse")),
            Variant("openssl s_time -new", partial(_s_time, sunk, "-new")),
            Variant("engine, a new connection that resumes", partial(_new, sunk)),
            Variant("engine, a connection that is kept", partial(deliver, sunk, [sunk.tls_url], 64, 10_000)),
        ]


BENCHMARKS = (Benchmark("tls", "A signed delivery of 1 KiB over TLS, beside OpenSSL's own client.", _variants),)
