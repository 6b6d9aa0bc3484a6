"""The results of intent verification."""

from enum import StrEnum

import attrs


class IntentVerification(StrEnum):
    """The result of one intent verification (W3C 5.3.1).

    ``VERIFIED``: the subscriber echoed the challenge. ``DENIED``: a hook denied the request, and the subscriber was
    told. ``REFUSED``: the subscriber answered with another body, a redirect or a 4xx, which is final. ``UNANSWERED``:
    there was no response, or one that says "not now" (5xx, 408, 425 or 429), so another attempt may succeed.
    ``POSTPONED``: the hub itself cannot decide, ask or store now, so the request is to be tried again.
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
        retry_after: The seconds to wait that a response with "not now" asked for, at most a day. For ``POSTPONED``, the
            seconds after which to try again.
        reason: Why the request was not verified, in words that name neither the callback nor a secret. For
            ``POSTPONED``, they are for the subscriber.
        status: The status of the callback's response, or 0 if there was none.
        counts: Whether it counts as an attempt although it was postponed, so that the attempts come to an end.
        handled: For ``VERIFIED``, whether the service's hook accepted the verified intent. If it failed, the subscriber
            was told (``hub.mode=hub-error``).
    """

    result: IntentVerification
    retry_after: float | None = None
    reason: str = ""
    status: int = 0
    counts: bool = False
    handled: bool = True
