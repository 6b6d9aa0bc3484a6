"""The last 24 hours of a hub, and how late its event loop is."""

import math
from typing import Any

import pytest

from websubhub.standalone.measuring.lag import LoopLag
from websubhub.standalone.measuring.requests import RequestCounter
from websubhub.standalone.measuring.series import COUNTED, MEASURED, Sampler, Series, quantile
from websubhub.standalone.metrics import BOUNDS, HubMetrics, Outcome
from websubhub.standalone.ports import Statistics
from websubhub.testing import FakeClock


def _point(at: float) -> dict[str, float]:
    return dict.fromkeys(("at", *COUNTED, *MEASURED), at)


def test_a_series_forgets_the_oldest_points_and_takes_no_more_room() -> None:
    series = Series(points=5)
    for at in range(12):
        series.add(_point(at))
        assert len(series) == min(at + 1, 5)
    assert series.column("waiting", 0) == [7, 8, 9, 10, 11]
    assert series.column("at", 9.5) == [10, 11]
    assert series.column("at", 100) == []


async def test_a_sample_counts_what_happened_since_the_last_one() -> None:
    metrics, series, clock = HubMetrics(), Series(), FakeClock()

    async def statistics() -> Statistics:
        return Statistics(
            topics=0, subscriptions=0, waiting=7, in_flight=0, retrying=0, dead_letters=0, oldest_published_at=None
        )

    sampler = Sampler(series, metrics, RequestCounter(lambda _: "other"), statistics, clock)
    metrics.contents += 2
    for _ in range(99):
        metrics.deliveries.delivered(0.004, 1)
    metrics.deliveries.delivered(9.0, 1)
    metrics.deliveries.count(Outcome.RETRIED)
    metrics.deliveries.count(Outcome.DEAD)
    await sampler.sample()
    await sampler.sample()
    columns = {name: series.column(name, 0) for name in (*COUNTED, *MEASURED)}
    assert [columns[name] for name in ("published", "delivered", "failed", "retried", "dead", "waiting")] == [
        [2, 0], [100, 0], [2, 0], [1, 0], [1, 0], [7, 7],
    ]  # fmt: skip
    assert 0 < columns["latency_p50"][0] <= 0.005
    assert columns["latency_p99"][0] <= 0.005
    assert math.isnan(columns["latency_p50"][1])


@pytest.mark.parametrize(("share", "low", "high"), [(0.1, 0, 0.005), (0.5, 0, 0.005), (0.99, 5, 10), (1.0, 5, 10)])
def test_a_quantile_is_in_the_bucket_that_holds_it(share: float, low: float, high: float) -> None:
    buckets = [0] * (len(BOUNDS) + 1)
    buckets[0], buckets[BOUNDS.index(10.0)] = 60, 40
    assert low <= quantile(buckets, share) <= high


def test_a_latency_beyond_the_last_bound_is_told_as_that() -> None:
    assert quantile([0] * len(BOUNDS) + [1], 0.5) == BOUNDS[-1]


def test_the_largest_lag_is_remembered_for_a_while() -> None:
    lag = LoopLag()
    lag.note(100.0, 100.5)
    lag.note(101.0, 101.0)
    assert lag.seconds == 0.5
    lag.note(111.0, 111.1)
    assert lag.seconds == 0.5
    lag.note(122.0, 122.0)
    lag.note(133.0, 133.0)
    assert lag.seconds == 0.0


async def test_requests_are_counted_by_route_and_status_within_a_limit() -> None:
    counter = RequestCounter(lambda path: path)

    async def app(_: object, __: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 204})  # type: ignore[operator]

    async def nothing(*_: object) -> Any:
        pass

    counted = counter.counting(app)
    for number in range(600):
        await counted({"type": "http", "path": f"/mount/{number}", "root_path": "/mount"}, nothing, nothing)
    samples = {tuple(each.labels.values()): each.value for family in counter.families() for each in family.samples}
    assert samples["/7", "204"] == 1
    assert samples["other", "0"] == 100
    assert counter.by_class() == [500, 0, 0, 0]
    assert counter.in_progress == 0
