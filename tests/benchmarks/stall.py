"""How long the event loop of a hub is held under full load: ``python -m tests.benchmarks.stall``."""

import argparse
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import anyio
import anyio.lowlevel

from tests.benchmarks.hub import Hub, load
from tests.benchmarks.sink import sink
from tests.standalone.process import served
from websubhub import run_app
from websubhub.standalone.command import serve as command
from websubhub.standalone.command.cli import build_parser
from websubhub.standalone.command.flags import read_settings
from websubhub.standalone.runtime import run_hub

_COMMAND = (sys.executable, "-m", "tests.benchmarks.stall")
_ORIGINS = 200
_WIDTH = 0.0001  # seconds


class Steps:
    """Counts the steps of an event loop by how much CPU time they took its thread, in tenths of a millisecond."""

    def __init__(self) -> None:
        self._counts = [0] * 10_000

    async def watch(self) -> None:
        """Take part in each step, until cancelled."""
        last = time.thread_time()
        while True:
            await anyio.lowlevel.checkpoint()
            now = time.thread_time()
            self._counts[min(int((now - last) / _WIDTH), len(self._counts) - 1)] += 1
            last = now

    @property
    def longest(self) -> float:
        """The longest step, in seconds."""
        return max((width * _WIDTH for width, count in enumerate(self._counts) if count), default=0.0)

    def __str__(self) -> str:
        # Those in which nothing was done are not worth counting.
        steps = [(width * _WIDTH * 1_000, count) for width, count in enumerate(self._counts) if width and count]
        total, passed, thousandth = sum(count for _, count in steps), 0, 0.0
        for milliseconds, count in steps:
            passed += count
            if passed >= total * 0.999:
                thousandth = milliseconds
                break
        return f"{total:,} steps: {thousandth:.1f} ms or more in one of 1,000, {steps[-1][0]:.1f} ms at most"


def serve(arguments: Sequence[str]) -> None:
    """Be the hub, and say at the end how long its steps were."""
    settings = read_settings(build_parser().parse_args(arguments))
    steps = Steps()

    async def hub(stop: Callable[[], Awaitable[object]]) -> None:
        ready = anyio.Event()

        def announce(url: str) -> None:
            command.announce(url)
            ready.set()

        async def watch() -> None:
            await ready.wait()
            await steps.watch()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await run_hub(settings, stop=stop, ready=announce)
            tasks.cancel_scope.cancel()

    run_app(hub, backend=settings.loop)
    sys.stdout.write(f"{steps}\n")


def main() -> int:
    """Deliver on each event loop, and say what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.stall")
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--updates", type=int, default=30)
    options = parser.parse_args()
    for loop in ("uvloop", "asyncio", "trio"):
        with tempfile.TemporaryDirectory() as name, sink(_ORIGINS) as sunk:
            folder = Path(name)
            anyio.run(load, folder / "hub.db", sunk, options.subscriptions)
            with served(folder, "--log-level", "error", "--loop", loop, command=_COMMAND) as hub:
                Hub(hub, options.subscriptions).deliver(options.updates)
                hub.stop()
                assert hub.process.stdout is not None
                sys.stdout.write(f"{loop}: {hub.process.stdout.readline()}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[1:])
    else:
        sys.exit(main())
