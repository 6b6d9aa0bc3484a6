"""The verifications that were given up, with the reason, so that somebody can be told why."""

from collections import deque
from collections.abc import Iterator
from itertools import count

import attrs

from websubhub import IntentVerification, VerificationAttempt
from websubhub.standalone.ports import Mode, PendingVerification

_KEPT = 500


@attrs.frozen(kw_only=True)
class GivenUpVerification:
    """A request that the hub asks for no more.

    Attributes:
        number: Its number. Later ones have greater ones.
        mode: Whether the request was to subscribe or to unsubscribe.
        topic: The topic URL.
        callback: The callback URL.
        attempts: How many verification requests were made.
        denied: Whether the hub denied it, instead of the callback not confirming it.
        status: The status of the callback's last response, or 0 if there was none.
        reason: Why it was given up, in one sentence.
        given_up_at: When.
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
    """The newest of them, in memory."""

    def __init__(self) -> None:
        self._kept = deque[GivenUpVerification](maxlen=_KEPT)
        self._numbers = count(1)

    def note(self, pending: PendingVerification, attempt: VerificationAttempt, now: float) -> None:
        """Keep one, with its last attempt."""
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
        """Return those with a number below one, or all, the newest first."""
        return (each for each in reversed(self._kept) if before is None or each.number < before)
