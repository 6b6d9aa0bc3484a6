"""The metrics of a hub for Prometheus: plain numbers while the hub delivers, metric families when it is scraped."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from websubhub import IntentVerification, WebSubError
from websubhub.standalone.ports import AnnouncementState, AnnouncementStatistics, Statistics

E = TypeVar("E", bound=StrEnum)

#: The upper bounds of the latency buckets, in seconds.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86_400.0)


class Outcome(StrEnum):
    """How an attempt at a delivery ended."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    DEAD = "dead"
    GONE = "gone"


class FetchOutcome(StrEnum):
    """How a fetch of an announced topic ended."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    RETRIED = "retried"
    DEAD = "dead"


class RequestOutcome(StrEnum):
    """The answer to a request. Unavailable means that the client can try again later."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"

    @classmethod
    def of(cls, outcome: object) -> "RequestOutcome":
        """Return the kind of answer for what a hook has returned."""
        if not isinstance(outcome, WebSubError):
            return cls.ACCEPTED
        return cls.UNAVAILABLE if outcome.status == 503 else cls.REFUSED  # noqa: PLR2004 - Service Unavailable


class DeliveryMetrics:
    """The counts of a hub's deliveries. Labels are fixed, so their number does not grow with topics or hosts.

    Attributes:
        buckets: How many latencies fell into each bucket of ``BOUNDS``, and above the last one.
    """

    def __init__(self) -> None:
        self._delivered_later = 0
        self._failed = dict.fromkeys((Outcome.RETRIED, Outcome.DEAD, Outcome.GONE), 0)
        self.buckets: list[int] = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def delivered(self, seconds: float, attempt: int) -> None:
        """Count a successful delivery, and its latency from publish to response if it was the first attempt."""
        if attempt > 1:
            self._delivered_later += 1
            return
        if seconds < 0.0:  # noqa: PLR1730 - the clock may have been set back; a call of max takes several times as long
            seconds = 0.0
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def count(self, outcome: Outcome) -> None:
        """Count an attempt that ended in another way."""
        self._failed[outcome] += 1

    def outcomes(self) -> dict[Outcome, int]:
        """Return how many attempts ended in each way."""
        return {Outcome.DELIVERED: sum(self.buckets) + self._delivered_later, **self._failed}

    def families(self) -> Iterable[Metric]:
        """Return the counts for Prometheus."""
        attempts = CounterMetricFamily(
            "websubhub_deliveries", "Attempts at deliveries, by outcome.", labels=["outcome"]
        )
        for outcome, count in self.outcomes().items():
            attempts.add_metric([outcome], count)
        yield attempts
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.buckets, strict=True):
            total += count
            buckets.append((bound, total))
        latency = HistogramMetricFamily(
            "websubhub_delivery_latency_seconds", "Seconds from publish to response, for first attempts."
        )
        latency.add_metric([], buckets=buckets, sum_value=self._seconds)
        yield latency


class Counter(Generic[E]):
    """Counts how often something ended in each of several ways.

    Args:
        name: Its name in Prometheus, without ``websubhub_`` and ``_total``.
        text: Its help text.
        ends: The possible ways.

    Attributes:
        counts: The count of each.
    """

    def __init__(self, name: str, text: str, ends: type[E]) -> None:
        self._name = name
        self._text = text
        self.counts: dict[E, int] = dict.fromkeys(ends, 0)

    def count(self, end: E) -> None:
        """Count one more."""
        self.counts[end] += 1

    def families(self) -> Iterable[Metric]:
        """Return the counts for Prometheus."""
        family = CounterMetricFamily(f"websubhub_{self._name}", self._text, labels=["outcome"])
        for end, count in self.counts.items():
            family.add_metric([end], count)
        yield family


class HubMetrics:
    """Everything that a hub counts. Each part gets the attribute in which it counts.

    Args:
        wrong_tokens: Returns how many wrong tokens were sent, by their purpose.

    Attributes:
        deliveries: The deliveries.
        publishes: The requests to publish or announce content.
        requests: The requests to subscribe and unsubscribe.
        verifications: The attempts to verify those requests.
        fetches: The fetches of topics.
        contents: How many times publishers have published content.
    """

    def __init__(self, wrong_tokens: Callable[[], Mapping[str, int]] = dict) -> None:
        self.deliveries: DeliveryMetrics = DeliveryMetrics()
        self.publishes: Counter[RequestOutcome] = Counter(
            "publishes", "Requests to publish, by answer.", RequestOutcome
        )
        self.requests: Counter[RequestOutcome] = Counter(
            "subscription_requests", "Requests to subscribe or unsubscribe, by answer.", RequestOutcome
        )
        self.verifications: Counter[IntentVerification] = Counter(
            "verifications", "Attempts to verify requests, by outcome.", IntentVerification
        )
        self.fetches: Counter[FetchOutcome] = Counter(
            "topic_fetches", "Fetches of announced topics, by outcome.", FetchOutcome
        )
        self.contents = 0
        self._wrong_tokens = wrong_tokens

    def render(
        self,
        statistics: Statistics,
        announcements: AnnouncementStatistics,
        pending_verifications: int,
        now: float,
        further: Iterable[Metric] = (),
    ) -> bytes:
        """Return the metrics in Prometheus' text format.

        Args:
            statistics: The counts of the broker.
            announcements: The counts of announcements.
            pending_verifications: How many verifications are pending.
            now: The time, in seconds since 1970.
            further: More metric families, measured by others.
        """
        registry = CollectorRegistry(auto_describe=False)
        families = [
            *(family for counted in self._counted() for family in counted.families()),
            *_gauges(statistics, pending_verifications, now),
            *_announcement_gauges(announcements, now),
            _wrong_tokens(self._wrong_tokens()),
            _backlog_by_state(statistics),
            *further,
        ]
        registry.register(_Families(families))
        return generate_latest(registry)

    def _counted(self) -> list[DeliveryMetrics | Counter[Any]]:
        return [value for value in vars(self).values() if isinstance(value, DeliveryMetrics | Counter)]


def _wrong_tokens(counts: Mapping[str, int]) -> Metric:
    wrong = CounterMetricFamily("websubhub_wrong_tokens", "Wrong bearer tokens.", labels=["kind"])
    for kind, count in counts.items():
        wrong.add_metric([kind], count)
    return wrong


def _backlog_by_state(statistics: Statistics) -> Metric:
    backlog = GaugeMetricFamily("websubhub_backlog_deliveries", "Waiting deliveries, by state.", labels=["state"])
    in_flight = min(statistics.in_flight, statistics.waiting)
    retrying = min(statistics.retrying, statistics.waiting - in_flight)
    for state, count in {
        "in_flight": in_flight,
        "retrying": retrying,
        "queued": statistics.waiting - in_flight - retrying,
    }.items():
        backlog.add_metric([state], count)
    return backlog


def _announcement_gauges(statistics: AnnouncementStatistics, now: float) -> Iterable[Metric]:
    announcements = GaugeMetricFamily(
        "websubhub_announcements", "Announced topics that have not been fetched yet.", labels=["state"]
    )
    counts = {
        AnnouncementState.PENDING: statistics.pending,
        AnnouncementState.FAILING: statistics.failing,
        AnnouncementState.DEAD: statistics.dead,
    }
    for state, count in counts.items():
        announcements.add_metric([state], count)
    yield announcements
    oldest = statistics.oldest_announced_at
    age = 0.0 if oldest is None else max(0.0, now - oldest)
    text = "Age of the oldest pending or failing announcement."
    yield GaugeMetricFamily("websubhub_oldest_announcement_seconds", text, value=age)


def _gauges(statistics: Statistics, pending_verifications: int, now: float) -> Iterable[Metric]:
    oldest = statistics.oldest_published_at
    age = 0.0 if oldest is None else max(now - oldest, 0.0)
    rows = (
        ("topics", "Topics.", statistics.topics),
        ("subscriptions", "Subscriptions whose lease has not ended.", statistics.subscriptions),
        ("backlog", "Waiting deliveries.", statistics.waiting),
        ("in_flight", "Deliveries in progress.", statistics.in_flight),
        ("retrying", "Subscriptions waiting for a retry.", statistics.retrying),
        ("dead_letters", "Dead letters.", statistics.dead_letters),
        ("pending_verifications", "Requests waiting for verification.", pending_verifications),
        ("oldest_seconds", "Age of the oldest update that still has to be delivered.", age),
    )
    for name, text, value in rows:
        yield GaugeMetricFamily(f"websubhub_{name}", text, value=value)


class _Families:
    """A collector that returns ready-made metric families."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families
