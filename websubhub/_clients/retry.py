"""The retry policy of clients."""

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import attrs
import stamina
from attrs.validators import ge

from _websub.arguments import checked_fields
from _websub.calls.exchange import ExchangeError, Failure
from _websub.grammar.retry_after import retry_after_seconds
from websubhub._errors import SubscriptionDeletedError, WebSubError

T = TypeVar("T")
_CHANCE = secrets.SystemRandom().random
# The next attempt would fail in the same way, before anything was sent.
_HOPELESS = frozenset({Failure.URL, Failure.REQUEST})


def _statuses(values: Iterable[int]) -> frozenset[int]:
    return frozenset(values)


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class RetryPolicy:
    """Repeats a failed delivery or publish if there was no response, or one with a listed status.

    A hub that refused with 200 and ``hub.mode=denied`` is not asked again.

    A ``Retry-After`` header can make a wait longer, but never shorter.

    Attributes:
        attempts: The number of attempts in total.
        interval: Seconds before the second attempt.
        factor: How many times longer each further wait is than the one before.
        maximum: The longest wait of the policy itself, in seconds.
        statuses: The statuses that are worth another attempt.
        jitter: The longest random time that is added to each wait, in seconds.
        retry_after_maximum: The longest wait that ``Retry-After`` may ask for, in seconds. Longer ones are cut to this,
            since otherwise one subscriber could hold up its caller for a day.

    Example:
        ```python
        from websubhub import PublisherClient, RetryPolicy

        retry = RetryPolicy(attempts=5, interval=1.0, maximum=30.0)
        publisher = PublisherClient("https://hub.example.com/hub", retry=retry)
        ```
    """

    attempts: int = attrs.field(default=3, validator=ge(1))
    interval: float = attrs.field(default=3.0, validator=ge(0))
    factor: float = attrs.field(default=2.0, validator=ge(1))
    maximum: float = attrs.field(default=20.0, validator=ge(0))
    statuses: frozenset[int] = attrs.field(default=frozenset({429, 500, 502, 503, 504}), converter=_statuses)
    jitter: float = attrs.field(default=1.0, validator=ge(0))
    retry_after_maximum: float = attrs.field(default=300.0, validator=ge(0))

    def wait_before_retry(self, error: Exception) -> bool | float:
        """Return whether to try again after an error, or the seconds that the other side asked to wait first."""
        if not isinstance(error, WebSubError) or isinstance(error, SubscriptionDeletedError):
            return False
        if isinstance(error.__cause__, ExchangeError) and error.__cause__.failure in _HOPELESS:
            return False
        if error.status and error.status not in self.statuses:
            return False
        seconds = retry_after_seconds(error.headers.get("retry-after"), time.time())
        return True if seconds is None else min(seconds, self.retry_after_maximum)

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call a function until it succeeds, or raise its last error when the attempts are used up."""
        async for attempt in stamina.retry_context(on=self._waits(), attempts=self.attempts, timeout=None):
            with attempt:
                return await call()
        raise AssertionError("a retry context ends with a result or an error")  # pragma: no cover

    def _waits(self) -> Callable[[Exception], bool | float]:
        """Return a function that is called with each error of one run, and decides how to go on."""
        scheduled = self.interval

        def wait(error: Exception) -> bool | float:
            nonlocal scheduled
            asked = self.wait_before_retry(error)
            if asked is False:
                return False
            own = min(scheduled + self.jitter * _CHANCE(), self.maximum)
            scheduled = min(scheduled * self.factor, self.maximum)
            return own if asked is True else max(own, asked)

        return wait
