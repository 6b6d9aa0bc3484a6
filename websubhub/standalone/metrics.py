"""The counts of a hub for Prometheus: plain numbers while delivering, metric families when scraped."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from websubhub import IntentVerification, WebSubError
from websubhub.standalone.ports import AnnouncementState, AnnouncementStatistics, Statistics

E = TypeVar("E", bound=StrEnum)

#: The bounds of the latencies that are counted together, in seconds.
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
    """The answer to a request. Unavailable means that it may be repeated later."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"

    @classmethod
    def of(cls, outcome: object) -> "RequestOutcome":
        """Return how a hook that returned this has answered."""
        if not isinstance(outcome, WebSubError):
            return cls.ACCEPTED
        return cls.UNAVAILABLE if outcome.status == 503 else cls.REFUSED  # noqa: PLR2004 - Service Unavailable


class DeliveryMetrics:
    """The counts of one hub. Labels are fixed, so their number does not grow with topics or hosts.

    Attributes:
        buckets: How many latencies there were up to each of ``BOUNDS``, and above the last one.
    """

    def __init__(self) -> None:
        self._delivered_later = 0
        self._failed = dict.fromkeys((Outcome.RETRIED, Outcome.DEAD, Outcome.GONE), 0)
        self.buckets: list[int] = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def delivered(self, seconds: float, attempt: int) -> None:
        """Count a delivery. Its latency, from publish to response, counts only if the first attempt succeeded."""
        if attempt > 1:
            self._delivered_later += 1
            return
        if seconds < 0.0:  # noqa: PLR1730 - the clock may have been set back; a call of max takes several times as long
            seconds = 0.0
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def count(self, outcome: Outcome) -> None:
        """Count another end of an attempt."""
        self._failed[outcome] += 1

    def outcomes(self) -> dict[Outcome, int]:
        """Return how many attempts ended in each way."""
        return {Outcome.DELIVERED: sum(self.buckets) + self._delivered_later, **self._failed}

    def families(self) -> Iterable[Metric]:
        """Return the counts for Prometheus."""
        attempts = CounterMetricFamily("websubhub_deliveries", "Attempts at deliveries by outcome.", labels=["outcome"])
        for outcome, count in self.outcomes().items():
            attempts.add_metric([outcome], count)
        yield attempts
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.buckets, strict=True):
            total += count
            buckets.append((bound, total))
        latency = HistogramMetricFamily(
            "websubhub_delivery_latency_seconds", "Seconds from publish to the answer, for first attempts."
        )
        latency.add_metric([], buckets=buckets, sum_value=self._seconds)
        yield latency


class Counter(Generic[E]):
    """Counts how often something ended in each of a few ways.

    Args:
        name: Its name in Prometheus, without ``websubhub_`` and ``_total``.
        text: Its help text.
        ends: The ways.

    Attributes:
        counts: How often each was counted.
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
    """Everything that a hub counts, one line each; the parts that count get the attribute.

    Args:
        wrong_tokens: Tells how many wrong tokens were shown, by what they are for.

    Attributes:
        deliveries: The deliveries.
        publishes: The requests to publish content, and to fetch it.
        requests: The requests to subscribe and to unsubscribe.
        verifications: The attempts to verify them.
        fetches: The fetches of topics.
        contents: How many contents publishers have published.
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
            "verifications", "Attempts to verify requests by outcome.", IntentVerification
        )
        self.fetches: Counter[FetchOutcome] = Counter(
            "topic_fetches", "Fetches of announced topics by outcome.", FetchOutcome
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
            pending_verifications: How many verifications await their end.
            now: The time, in seconds since 1970.
            further: Families that others have measured.
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
    backlog = GaugeMetricFamily(
        "websubhub_backlog_deliveries", "Deliveries that are waiting, by what they wait for.", labels=["state"]
    )
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
        "websubhub_announcements", "Announced topics that are not fetched yet.", labels=["state"]
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
        ("backlog", "Deliveries that are waiting.", statistics.waiting),
        ("in_flight", "Deliveries in progress.", statistics.in_flight),
        ("retrying", "Subscriptions that wait for a retry.", statistics.retrying),
        ("dead_letters", "Dead letters.", statistics.dead_letters),
        ("pending_verifications", "Requests that wait for their verification.", pending_verifications),
        ("oldest_seconds", "Age of the oldest update that still has to be delivered.", age),
    )
    for name, text, value in rows:
        yield GaugeMetricFamily(f"websubhub_{name}", text, value=value)


class _Families:
    """A collector of families that are at hand."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families
