"""Settling deliveries: what each outcome means for the delivery, the counts and the events."""

import logging
import secrets
import time
from collections.abc import Callable

from websubhub import DeliveryOutcome, authority_of, retry_after_seconds
from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.metrics import DeliveryMetrics, Outcome
from websubhub.standalone.ports import AttemptDetails, Delivery, DeliverySettledError
from websubhub.standalone.schedule.retry import Attempt, RetrySchedule
from websubhub.standalone.schedule.verdicts import Verdict, judge

log: logging.Logger = logging.getLogger("websubhub")

_CHANCE = secrets.SystemRandom().random


class Settler:
    """Settles each delivery by its outcome: it arrived, will be retried, is dead, or ended its subscription.

    Args:
        schedule: Decides when to retry failed ones.
        metrics: Counts them.
        events: Where to record notable outcomes.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(
        self,
        schedule: RetrySchedule,
        metrics: DeliveryMetrics,
        events: Events,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._schedule = schedule
        self._metrics = metrics
        self._events = events
        self._clock = clock
        self._detailed = False

    def look(self) -> bool:
        """Check once for many deliveries whether every attempt is logged, and return the answer."""
        self._detailed = self._events.detailed
        return self._detailed

    def settle(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        """Settle a delivery. This never raises."""
        try:
            if self._detailed:
                self._record(delivery, outcome)
            if outcome.delivered:
                delivery.done()
                self._metrics.delivered(self._clock() - delivery.update.published_at, delivery.attempt)
            else:
                self._fail(delivery, outcome)
        except Exception:
            # Otherwise the delivery would occupy its subscription and a slot of its host forever.
            log.exception("The outcome of a delivery cannot be settled. The delivery will be retried.")
            self.give_back(delivery)

    def give_back(self, delivery: Delivery) -> bool:
        """Return a delivery for another attempt without blaming anybody. Return False if it is already settled."""
        attempt = Attempt(verdict=Verdict.NOT_NOW, number=delivery.attempt, refusals=delivery.refusals)
        try:
            self._try_again(delivery, attempt, "internal error", AttemptDetails(), host_failed=False)
        except DeliverySettledError:
            return False
        return True

    def _record(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        self._events.record(
            Kind.ATTEMPT,
            id=delivery.update.id,
            topic=delivery.update.topic,
            host=_host_of(delivery),
            attempt=delivery.attempt,
            status=outcome.status,
            milliseconds=round(outcome.seconds * 1_000),
            result=_reason(outcome),
        )

    def _fail(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        verdict = judge(outcome)
        if verdict is Verdict.GONE:
            delivery.gone(details=_details(outcome))
            self._metrics.count(Outcome.GONE)
            update = delivery.update
            self._events.record(Kind.GONE, id=update.id, topic=update.topic, host=_host_of(delivery))
            return
        attempt = Attempt(
            verdict=verdict,
            number=delivery.attempt,
            refusals=delivery.refusals,
            turned_away=delivery.turned_away,
            retry_after=retry_after_seconds(outcome.retry_after, self._clock()),
        )
        self._try_again(delivery, attempt, _reason(outcome), _details(outcome), host_failed=verdict.blames_host)

    def _try_again(
        self, delivery: Delivery, attempt: Attempt, reason: str, details: AttemptDetails, *, host_failed: bool
    ) -> None:
        again = self._schedule.again(attempt, _CHANCE())
        if again is None:
            self._give_up(delivery, attempt, reason, details, host_failed=host_failed)
            return
        delivery.retry(
            again.after,
            reason,
            firm=again.firm,
            host_failed=host_failed,
            refused=again.refused,
            counted=again.counted,
            details=details,
        )
        self._metrics.count(Outcome.RETRIED)

    def _give_up(
        self, delivery: Delivery, attempt: Attempt, reason: str, details: AttemptDetails, *, host_failed: bool
    ) -> None:
        turned_away = attempt.verdict is Verdict.TURNED_AWAY
        delivery.dead(reason, host_failed=host_failed, turned_away=turned_away, details=details)
        self._metrics.count(Outcome.DEAD)
        self._events.record(
            Kind.DEAD_LETTER,
            id=delivery.update.id,
            topic=delivery.update.topic,
            host=_host_of(delivery),
            attempts=delivery.attempt,
            status=details.status,
            reason=reason,
        )


def _reason(outcome: DeliveryOutcome) -> str:
    return str(outcome.failure) if outcome.failure is not None else f"answered {outcome.status}"


def _details(outcome: DeliveryOutcome) -> AttemptDetails:
    return AttemptDetails(status=outcome.status, seconds=outcome.seconds, answer=outcome.body)


def _host_of(delivery: Delivery) -> str:
    try:
        return authority_of(delivery.callback)
    except ValueError:
        return "?"  # it cannot be called either
