"""When a failed delivery is tried again, and when it is given up."""

from collections.abc import Iterable

from attrs import field, frozen
from attrs.validators import and_, deep_iterable, ge, le, max_len, min_len

from websubhub.standalone.schedule.verdicts import Verdict

RETRY_DELAYS = (5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 72_000)
"""Seconds between attempts: twelve attempts in about three days."""
REFUSED_ATTEMPTS = 3
"""Attempts at a delivery that the subscriber refuses."""

LONGEST_DELAY_SECONDS = 86_400.0
"""The longest wait between two attempts, whoever asks for it."""
MOST_DELAYS = 100
_NOT_BEGUN_STEP = 2


def _seconds(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(values)


@frozen(kw_only=True)
class Attempt:
    """The last attempt at a delivery, which failed, and what is known of those before it.

    Args:
        verdict: What came of it.
        number: Which attempt it was, from 1.
        refusals: How many of those before it the subscriber refused.
        turned_away: Whether the update before this one was given up because the callback turned it away.
        retry_after: The seconds that the callback asked for, if it did.
    """

    verdict: Verdict
    number: int
    refusals: int = 0
    turned_away: bool = False
    retry_after: float | None = None


@frozen
class Again:
    """When a delivery is tried again.

    Args:
        after: Seconds from now.
        firm: Whether the callback asked for so long a wait, which news about its topic must not shorten.
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
        jitter: The share of a delay that chance may add, so that retries of one failure spread out.
        refused_attempts: How often a delivery is refused before it is given up, so that the next update goes.
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
            attempt: Which attempt failed, from 1.
            chance: A random number from 0 to 1.
            retry_after: The seconds that the callback asked for; they lengthen the wait, to 24 hours at most.
        """
        if attempt > len(self.delays):
            return None
        delay = self.delays[attempt - 1] * (1 + self.jitter * chance)
        return delay if retry_after is None else max(delay, min(retry_after, LONGEST_DELAY_SECONDS))

    def again(self, attempt: Attempt, chance: float) -> Again | None:
        """When to try again after a failed attempt, or None to give up.

        Refusals are counted apart from the other failures, and each of the two kinds has its own way through the
        delays: a subscriber that was down for long and then refuses the update is asked as often as any other. What
        could not be begun is no attempt: a subscriber that others hold back at its address loses nothing by that.

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
        """Always the same, since it does not count; the second of the delays, or the only one."""
        return self.delays[:_NOT_BEGUN_STEP][-1] * (1 + self.jitter * chance)


def _is_refusal(attempt: Attempt) -> bool:
    """Return whether giving this update up may help the next one.

    Two updates in a row that are turned away mean a callback that takes none at present, so the second one waits.
    """
    turned_away = attempt.verdict is Verdict.TURNED_AWAY and not attempt.turned_away
    return turned_away or attempt.verdict is Verdict.REFUSED
