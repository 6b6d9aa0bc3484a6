"""How the verification of an intent ends."""

from enum import StrEnum

import attrs


class IntentVerification(StrEnum):
    """How one verification of intent ended (W3C 5.3.1).

    ``VERIFIED``: the subscriber echoed the challenge. ``DENIED``: a hook said no, and the subscriber was told.
    ``REFUSED``: the subscriber answered something else, another body, a redirect or a 4xx, which is final.
    ``UNANSWERED``: no answer came, or one that says "not now" (5xx, 408, 425 or 429); another attempt may do.
    ``POSTPONED``: the hub itself cannot decide, ask or store at present; nobody has said anything, so that the same
    request is to be tried again.
    """

    VERIFIED = "verified"
    DENIED = "denied"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    POSTPONED = "postponed"


@attrs.frozen(kw_only=True)
class VerificationAttempt:
    """One attempt to verify a request.

    Attributes:
        result: How it ended.
        retry_after: The seconds, at most a day, for which an answer that says "not now" asked to be left alone; for
            ``POSTPONED``, those after which to try again.
        reason: Why it was postponed, for the subscriber.
        counts: Whether a postponed one counts as an attempt all the same, so that it ends some time.
    """

    result: IntentVerification
    retry_after: float | None = None
    reason: str = ""
    counts: bool = False
