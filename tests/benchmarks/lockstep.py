"""What small fan-outs cost, one after the other: ``python -m tests.benchmarks.lockstep [--rounds N]``.

200 subscribers without a secret on one host, 20 updates of 1 KiB, and the next one is published when all have the last:
the work that other hubs were measured by, see docs/explanation/how-it-compares.md.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import attrs

from tests.benchmarks.isolation import connected, follow, latencies, publish
from tests.benchmarks.processes import cpu_seconds, resident_bytes
from tests.standalone.process import served
from tests.standalone.sink import sink

_SUBSCRIBERS = 200
_UPDATES = 20
_BYTES = 1_024
_TOPIC = "https://topic.example/lockstep"


@attrs.frozen
class Lockstep:
    """What was measured.

    Attributes:
        cpu: CPU seconds of the hub for 1,000 deliveries, publishing included.
        seconds: How long the last of the subscribers waited for an update, at the median.
        bytes: Resident memory of the hub at the end.
    """

    cpu: float
    seconds: float
    bytes: int


def measure(folder: Path) -> Lockstep:
    """Publish update after update, each when all subscribers have the one before."""
    log = folder / "arrivals"
    with sink(str(log)) as subscribers, served(folder, "--log-level", "error") as hub:
        topic = follow(hub, subscribers, _TOPIC, ["ok"] * _SUBSCRIBERS, hosts=1)
        connection, times, slowest = connected(hub.url), {}, []
        before = cpu_seconds(hub.process.pid)
        for number in range(_UPDATES):
            times[number] = publish(hub.url, topic.url, number, connection, size=_BYTES)
            slowest.append(max(latencies(log, topic, times)[-_SUBSCRIBERS:]))
        used = cpu_seconds(hub.process.pid) - before
        connection.close()
        deliveries = _SUBSCRIBERS * _UPDATES
        return Lockstep(used * 1_000 / deliveries, statistics.median(slowest), resident_bytes(hub.process.pid))


def main() -> int:
    """Run it as often as was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.lockstep")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: 3)")
    for _ in range(parser.parse_args().rounds):
        with tempfile.TemporaryDirectory() as folder:
            one = measure(Path(folder))
        sys.stdout.write(
            f"{one.cpu:.3f} CPU s for 1,000 deliveries, {one.seconds:.3f} s until all {_SUBSCRIBERS} have an update, "
            f"{one.bytes / 2**20:.0f} MiB\n"
        )
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
