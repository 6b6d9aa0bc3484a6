"""How the verification of an intent ends."""

from enum import StrEnum

import attrs


class IntentVerification(StrEnum):
    """How one verification of intent ended (W3C 5.3.1)."""

    VERIFIED = "verified"
    """The subscriber echoed the challenge."""
    DENIED = "denied"
    """A hook denied the request, and the subscriber was told."""
    REFUSED = "refused"
    """The subscriber answered something else than the challenge: another body, a redirect, a 4xx. That is final."""
    UNANSWERED = "unanswered"
    """No answer came, or one that says "not now": 5xx, 408, 425 or 429. It is worth another attempt."""


@attrs.frozen(kw_only=True)
class VerificationAttempt:
    """One attempt to verify a request.

    Attributes:
        result: How it ended.
        retry_after: The seconds, at most a day, for which an answer that says "not now" asked to be left alone.
    """

    result: IntentVerification
    retry_after: float | None = None
