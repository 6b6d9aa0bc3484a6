"""How a client repeats what failed."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import attrs
import stamina
from attrs.validators import ge

from _websub.exchange import ExchangeError, Failure
from _websub.retry_after import retry_after_seconds
from websubhub._errors import SubscriptionDeletedError, WebSubError

T = TypeVar("T")
# The next attempt would fail in the same way, before anything was sent.
_HOPELESS = frozenset({Failure.URL, Failure.REQUEST})


def _statuses(values: Iterable[int]) -> frozenset[int]:
    return frozenset(values)


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Repeats a failed delivery or publish: when there was no answer, and when the answer's status is listed.

    A hub that said no in the words of the protocol, with 200 and ``hub.mode=denied``, is not asked again.

    Attributes:
        attempts: How often to try in all.
        interval: Seconds before the second attempt.
        factor: How much longer each further wait is than the one before.
        maximum: The longest wait, in seconds.
        statuses: The statuses worth another attempt.
        jitter: The most that is added to each wait by chance, in seconds.
    """

    attempts: int = attrs.field(default=3, validator=ge(1))
    interval: float = attrs.field(default=3.0, validator=ge(0))
    factor: float = attrs.field(default=2.0, validator=ge(1))
    maximum: float = attrs.field(default=20.0, validator=ge(0))
    statuses: frozenset[int] = attrs.field(default=frozenset({429, 500, 502, 503, 504}), converter=_statuses)
    jitter: float = attrs.field(default=1.0, validator=ge(0))

    def wait_before_retry(self, error: Exception) -> bool | float:
        """Whether to try again after an error; a number where the subscriber said after how many seconds."""
        if not isinstance(error, WebSubError) or isinstance(error, SubscriptionDeletedError):
            return False
        if isinstance(error.__cause__, ExchangeError) and error.__cause__.failure in _HOPELESS:
            return False
        if error.status and error.status not in self.statuses:
            return False
        seconds = retry_after_seconds(error.headers.get("retry-after"), time.time())
        return True if seconds is None else min(seconds, self.maximum)

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it works or the attempts are used up; the last error is raised."""
        attempts = stamina.retry_context(
            on=self.wait_before_retry,
            attempts=self.attempts,
            timeout=None,
            wait_initial=self.interval,
            wait_max=self.maximum,
            wait_jitter=self.jitter,
            wait_exp_base=self.factor,
        )
        async for attempt in attempts:
            with attempt:
                return await call()
        raise AssertionError("a retry context ends with a result or an error")  # pragma: no cover
