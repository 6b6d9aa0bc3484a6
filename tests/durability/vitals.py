"""What a process holds, as the system tells it: memory, descriptors and threads; and as it tells itself: tasks."""

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from threading import Event, Thread

import attrs
import httpx

from tests.standalone.process import Served
from tests.waiting import PATIENCE

_EVERY_SECONDS = 5.0
#: What runs a hub that tells how many tasks it has: ``TELLING`` in front of the arguments of ``websubhub``.
TELLING = (sys.executable, "-m", "tests.durability.telling")
TASKS_FILE = "TASKS_FILE"


@attrs.frozen
class Vitals:
    """What a process held at one moment.

    Attributes:
        at: When, in seconds of the wall clock.
        memory: Resident memory, in bytes.
        descriptors: Open file descriptors.
        threads: Threads.
        running: Tasks of its event loop, by what they run.
    """

    at: float
    memory: int
    descriptors: int
    threads: int
    running: Counter[str] = attrs.field(repr=False)

    @property
    def tasks(self) -> int:
        """How many tasks these are."""
        return self.running.total()


def vitals_of(hub: Served, tasks_file: Path) -> Vitals:
    """What a hub that was started with ``TELLING`` holds now."""
    process = Path("/proc") / str(hub.process.pid)
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Vitals(
        at=time.time(),
        memory=int(status["VmRSS"].split()[0]) * 1024,
        descriptors=len(os.listdir(process / "fd")),  # noqa: PTH208 - many times as fast
        threads=int(status["Threads"]),
        running=_tasks(hub, tasks_file),
    )


def _tasks(hub: Served, tasks_file: Path) -> Counter[str]:
    tasks_file.unlink(missing_ok=True)
    hub.process.send_signal(signal.SIGUSR1)
    for _ in range(500):
        if tasks_file.exists():
            return Counter(json.loads(tasks_file.read_text()))
        time.sleep(0.01)
    return Counter()


class Watcher(Thread):
    """Looks at a hub from time to time.

    Attributes:
        seen: What it saw, in order.
        answers: How long ``/health`` took each time, in seconds; ``PATIENCE`` where no answer came.
    """

    def __init__(self, hub: Served, tasks_file: Path) -> None:
        super().__init__(daemon=True)
        self.seen: list[Vitals] = []
        self.answers: list[float] = []
        self._hub = hub
        self._tasks_file = tasks_file
        self._stopped = Event()

    def run(self) -> None:
        """Look until stopped."""
        while not self._stopped.wait(_EVERY_SECONDS):
            self.answers.append(self._answer_time())
            self.seen.append(vitals_of(self._hub, self._tasks_file))

    def _answer_time(self) -> float:
        began = time.monotonic()
        try:
            answer = httpx.get(f"{self._hub.base}/health", timeout=PATIENCE)
        except httpx.HTTPError:
            return PATIENCE
        return time.monotonic() - began if answer.status_code == 200 else PATIENCE

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self.join()


def growth(values: list[float]) -> float:
    """By which share the values have grown over their last two thirds, by the medians at both ends of these."""
    late = values[len(values) // 3 :]
    end = max(1, len(late) // 10)
    return median(late[-end:]) / median(late[:end]) - 1
