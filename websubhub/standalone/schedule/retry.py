"""The retry schedule: when to retry a failed delivery, and when to give up."""

from collections.abc import Iterable

from attrs import field, frozen
from attrs.validators import and_, deep_iterable, ge, le, max_len, min_len

from websubhub.standalone.schedule.verdicts import Verdict

RETRY_DELAYS = (5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 72_000)
"""Seconds between attempts: twelve attempts in about three days."""
REFUSED_ATTEMPTS = 3
"""Attempts at a delivery that the subscriber refuses."""

LONGEST_DELAY_SECONDS = 86_400.0
"""The longest wait between two attempts, even if the callback asks for more."""
MOST_DELAYS = 100
_NOT_BEGUN_STEP = 2


def _seconds(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(values)


@frozen(kw_only=True)
class Attempt:
    """The last attempt at a delivery, which failed, and the history before it.

    Args:
        verdict: The verdict on it.
        number: The number of the attempt, from 1.
        refusals: How many of the earlier attempts the subscriber refused.
        turned_away: Whether the previous update became a dead letter because the callback turned it away.
        retry_after: The seconds that the callback asked for, or None.
    """

    verdict: Verdict
    number: int
    refusals: int = 0
    turned_away: bool = False
    retry_after: float | None = None


@frozen
class Again:
    """When to retry a delivery.

    Args:
        after: Seconds from now.
        firm: Whether the callback asked for this wait, so that a new update must not shorten it.
        refused: Whether the attempt counts as a refusal.
        counted: Whether it counts as an attempt at all.
    """

    after: float
    firm: bool
    refused: bool
    counted: bool = True


@frozen(kw_only=True)
class RetrySchedule:
    """The delays between the attempts of one delivery.

    Args:
        delays: Seconds after the first, second, ... failed attempt.
        jitter: The share of a delay that may be added at random, so that retries after one failure spread out.
        refused_attempts: How many refusals make a delivery a dead letter, so that the next update can be sent.
    """

    delays: tuple[float, ...] = field(
        default=RETRY_DELAYS,
        converter=_seconds,
        validator=and_(min_len(1), max_len(MOST_DELAYS), deep_iterable(and_(ge(0), le(LONGEST_DELAY_SECONDS)))),
    )
    jitter: float = field(default=0.25, validator=and_(ge(0), le(1)))
    refused_attempts: int = field(default=REFUSED_ATTEMPTS, validator=ge(1))

    def delay(self, attempt: int, chance: float, *, retry_after: float | None = None) -> float | None:
        """Return how long to wait after a failed attempt, or None to give up.

        Args:
            attempt: The number of the failed attempt, from 1.
            chance: A random number from 0 to 1.
            retry_after: The seconds that the callback asked for. They can lengthen the wait, up to 24 hours.
        """
        if attempt > len(self.delays):
            return None
        delay = self.delays[attempt - 1] * (1 + self.jitter * chance)
        return delay if retry_after is None else max(delay, min(retry_after, LONGEST_DELAY_SECONDS))

    def again(self, attempt: Attempt, chance: float) -> Again | None:
        """Return when to retry after a failed attempt, or None to give up.

        Refusals are counted separately from other failures, and each kind goes through the delays on its own: a
        subscriber that was down for a long time and then refuses the update is asked as often as any other. A delivery
        that could not begin does not count as an attempt, so a subscriber does not suffer from others at its address.

        Args:
            attempt: The attempt.
            chance: A random number from 0 to 1.
        """
        if attempt.verdict is Verdict.NOT_BEGUN:
            return Again(self._delay_of_nothing(chance), firm=False, refused=False, counted=False)
        refused = _is_refusal(attempt)
        if attempt.verdict is Verdict.UNSENDABLE or (refused and attempt.refusals + 1 >= self.refused_attempts):
            return None
        step = attempt.refusals + 1 if refused else max(1, attempt.number - attempt.refusals)
        scheduled = self.delay(step, chance)
        after = self.delay(step, chance, retry_after=attempt.retry_after)
        if scheduled is None or after is None:
            return None
        return Again(after, firm=after > scheduled, refused=refused)

    def _delay_of_nothing(self, chance: float) -> float:
        """Return the delay after an attempt that does not count: always the second delay, or the only one."""
        return self.delays[:_NOT_BEGUN_STEP][-1] * (1 + self.jitter * chance)


def _is_refusal(attempt: Attempt) -> bool:
    """Return whether giving up on this update may help the next one.

    If two updates in a row are turned away, the callback accepts none at the moment, so the second one waits.
    """
    turned_away = attempt.verdict is Verdict.TURNED_AWAY and not attempt.turned_away
    return turned_away or attempt.verdict is Verdict.REFUSED
