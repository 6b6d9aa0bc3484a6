"""When a failed delivery is tried again."""

from collections.abc import Iterable

from attrs import field, frozen
from attrs.validators import and_, deep_iterable, ge, le, max_len, min_len

RETRY_DELAYS = (5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 72_000)
"""Seconds between attempts: twelve attempts in about three days."""

_RETRY_AFTER_LEAST = 1.0
_RETRY_AFTER_MOST = 86_400.0


def _seconds(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(values)


@frozen(kw_only=True)
class RetrySchedule:
    """The delays between the attempts of one delivery.

    Args:
        delays: Seconds after the first, second, ... failed attempt.
        jitter: The share of a delay that chance may add, so that retries of one failure spread out.
        refused_seconds: The least delay after an answer that says the request is wrong (4xx).
    """

    delays: tuple[float, ...] = field(
        default=RETRY_DELAYS,
        converter=_seconds,
        validator=and_(min_len(1), max_len(100), deep_iterable(and_(ge(0), le(30 * 86_400)))),
    )
    jitter: float = field(default=0.25, validator=and_(ge(0), le(1)))
    refused_seconds: float = field(default=600.0, validator=ge(0))

    def delay(
        self, attempt: int, chance: float, *, retry_after: float | None = None, refused: bool = False
    ) -> float | None:
        """How long to wait after a failed attempt, or None to give up.

        Args:
            attempt: Which attempt failed, from 1.
            chance: A random number from 0 to 1.
            retry_after: The seconds that the callback asked for; they win, within 1 second and 24 hours.
            refused: Whether the answer was a 4xx, which a quick retry will not change.
        """
        if attempt > len(self.delays):
            return None
        if retry_after is not None:
            return min(max(retry_after, _RETRY_AFTER_LEAST), _RETRY_AFTER_MOST)
        delay = max(self.delays[attempt - 1], self.refused_seconds) if refused else self.delays[attempt - 1]
        return delay * (1 + self.jitter * chance)
