"""The last 24 hours of a hub in steps of 10 seconds, in memory."""

from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate

import anyio
from attrs import frozen

from websubhub.standalone.measuring.requests import RequestCounter
from websubhub.standalone.metrics import BOUNDS, FetchOutcome, HubMetrics, Outcome
from websubhub.standalone.ports import Statistics

STEP_SECONDS = 10
_POINTS = 24 * 60 * 60 // STEP_SECONDS
_REQUESTS = ("requests_2xx", "requests_3xx", "requests_4xx", "requests_5xx")
#: The names of the counts of each step.
COUNTED = ("published", "delivered", "failed", "retried", "dead", *_REQUESTS)
#: The names of values measured at the end of a step, or for its first attempts.
MEASURED = ("waiting", "latency_p50", "latency_p99")
_UNKNOWN = float("nan")


class Series:
    """A ring of points, each with a time and a number for each name.

    Args:
        points: How many to keep.
    """

    def __init__(self, points: int = _POINTS) -> None:
        self._points = points
        self._columns = {name: array("d") for name in ("at", *COUNTED, *MEASURED)}
        self._oldest = 0

    def __len__(self) -> int:
        return len(self._columns["at"])

    def add(self, point: dict[str, float]) -> None:
        """Add a point, which replaces the oldest one when the ring is full."""
        full = len(self) >= self._points
        for name, column in self._columns.items():
            if full:
                column[self._oldest] = point[name]
            else:
                column.append(point[name])
        if full:
            self._oldest = (self._oldest + 1) % self._points

    def column(self, name: str, since: float) -> list[float]:
        """Return the numbers for a name since a time, oldest first."""
        times = self._in_order("at")
        return self._in_order(name)[bisect_left(times, since) :]

    def _in_order(self, name: str) -> list[float]:
        column = self._columns[name]
        return [*column[self._oldest :], *column[: self._oldest]]


@frozen
class _Totals:
    """The counts since the start."""

    counted: tuple[int, ...]
    buckets: tuple[int, ...]


class Sampler:
    """Adds a point to a series every 10 seconds.

    Args:
        series: The series.
        metrics: The counts of the hub.
        requests: The counts of its requests.
        statistics: Returns the counts of the broker.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(
        self,
        series: Series,
        metrics: HubMetrics,
        requests: RequestCounter,
        statistics: Callable[[], Awaitable[Statistics]],
        clock: Callable[[], float],
    ) -> None:
        self._series = series
        self._metrics = metrics
        self._requests = requests
        self._statistics = statistics
        self._clock = clock
        self._totals = self._read()

    async def run(self) -> None:
        """Add points until cancelled."""
        due = anyio.current_time()
        while True:
            due += STEP_SECONDS
            await anyio.sleep_until(due)
            await self.sample()

    async def sample(self) -> None:
        """Add a point for the time since the previous one."""
        waiting = (await self._statistics()).waiting
        before, self._totals = self._totals, self._read()
        counted = [now - then for now, then in zip(self._totals.counted, before.counted, strict=True)]
        buckets = [now - then for now, then in zip(self._totals.buckets, before.buckets, strict=True)]
        self._series.add(
            {
                "at": self._clock(),
                **dict(zip(COUNTED, counted, strict=True)),
                "waiting": waiting,
                "latency_p50": quantile(buckets, 0.5),
                "latency_p99": quantile(buckets, 0.99),
            }
        )

    def _read(self) -> _Totals:
        deliveries, fetches = self._metrics.deliveries.outcomes(), self._metrics.fetches.counts
        retried, dead = deliveries[Outcome.RETRIED], deliveries[Outcome.DEAD]
        published = self._metrics.contents + fetches[FetchOutcome.UPDATED]
        delivered = deliveries[Outcome.DELIVERED]
        counted = (published, delivered, retried + dead, retried, dead, *self._requests.by_class())
        return _Totals(counted, tuple(self._metrics.deliveries.buckets))


def quantile(buckets: Sequence[int], share: float) -> float:
    """Return the seconds within which a share of the latencies lies, or NaN if there are none.

    Args:
        buckets: How many latencies fell into each bucket of ``BOUNDS``, and above the last one.
        share: The share, from 0 to 1.
    """
    total = sum(buckets)
    if not total:
        return _UNKNOWN
    below = list(accumulate(buckets))
    place = bisect_left(below, share * total)
    if place >= len(BOUNDS):
        return BOUNDS[-1]
    low = BOUNDS[place - 1] if place else 0.0
    within = (share * total - (below[place] - buckets[place])) / buckets[place] if buckets[place] else 0.0
    return low + (BOUNDS[place] - low) * within
