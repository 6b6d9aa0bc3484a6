"""The verifications that the hub gave up on, with the reasons, for operators to look up."""

from collections import deque
from collections.abc import Iterator
from itertools import count

import attrs

from websubhub import IntentVerification, VerificationAttempt
from websubhub.standalone.ports import Mode, PendingVerification

_KEPT = 500


@attrs.frozen(kw_only=True)
class GivenUpVerification:
    """A request that the hub no longer tries to verify.

    Attributes:
        number: Its number. Later requests have greater numbers.
        mode: Whether the request was to subscribe or to unsubscribe.
        topic: The topic URL.
        callback: The callback URL.
        attempts: How many verification requests were made.
        denied: Whether the hub denied it. Otherwise the callback did not confirm it.
        status: The status of the callback's last response, or 0 if there was none.
        reason: Why the hub gave up, in one sentence.
        given_up_at: When the hub gave up, in seconds since 1970.
    """

    number: int
    mode: Mode
    topic: str
    callback: str = attrs.field(repr=False)
    attempts: int
    denied: bool
    status: int
    reason: str
    given_up_at: float


class GivenUpVerifications:
    """The newest verifications that the hub gave up on, in memory."""

    def __init__(self) -> None:
        self._kept = deque[GivenUpVerification](maxlen=_KEPT)
        self._numbers = count(1)

    def note(self, pending: PendingVerification, attempt: VerificationAttempt, now: float) -> None:
        """Keep a verification with its last attempt."""
        self._kept.append(
            GivenUpVerification(
                number=next(self._numbers),
                mode=pending.mode,
                topic=pending.topic,
                callback=pending.callback,
                attempts=pending.attempts + 1,
                denied=attempt.result is IntentVerification.DENIED,
                status=attempt.status,
                reason=attempt.reason,
                given_up_at=now,
            )
        )

    def newest(self, before: int | None = None) -> Iterator[GivenUpVerification]:
        """Return them, newest first: all, or those with a number below ``before``."""
        return (each for each in reversed(self._kept) if before is None or each.number < before)
