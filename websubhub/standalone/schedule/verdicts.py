"""Verdicts on attempts: what an outcome means for the update, the callback and its host."""

from enum import Enum, auto

from websubhub import DeliveryFailure, DeliveryOutcome


class Verdict(Enum):
    """The verdict on an attempt at a delivery."""

    TAKEN = auto()
    """The subscriber accepted it."""
    GONE = auto()
    """The subscription ends (W3C 7)."""
    NOT_NOW = auto()
    """Nothing would get through now. The delivery is retried later, and the next updates wait."""
    REFUSED = auto()
    """The subscriber does not want this content, but may want the next one."""
    TURNED_AWAY = auto()
    """Either the callback rejects everything, or only this update. The next one will tell."""
    NOT_BEGUN = auto()
    """The hub itself could not begin, which says nothing about the callback."""
    UNSENDABLE = auto()
    """The delivery can never be sent as it is."""

    @property
    def blames_host(self) -> bool:
        """Whether the host is in trouble, not just this callback or this content."""
        return self is Verdict.NOT_NOW


# By the first digit. A status that HTTP does not define counts like 5xx (RFC 9110, 15).
_BY_CLASS = {
    2: Verdict.TAKEN,
    3: Verdict.TURNED_AWAY,  # redirects are not followed (W3C 7)
    4: Verdict.REFUSED,
}

_BY_STATUS = {
    # These are about the sender or the callback, not the content. Proxies also send them while the subscriber behind
    # them is starting or is misconfigured.
    401: Verdict.TURNED_AWAY,
    402: Verdict.TURNED_AWAY,
    403: Verdict.TURNED_AWAY,
    404: Verdict.TURNED_AWAY,
    405: Verdict.TURNED_AWAY,
    407: Verdict.TURNED_AWAY,
    414: Verdict.TURNED_AWAY,
    421: Verdict.TURNED_AWAY,
    423: Verdict.TURNED_AWAY,
    426: Verdict.TURNED_AWAY,
    428: Verdict.TURNED_AWAY,
    451: Verdict.TURNED_AWAY,
    # These ask for another attempt.
    408: Verdict.NOT_NOW,
    425: Verdict.NOT_NOW,
    429: Verdict.NOT_NOW,
    410: Verdict.GONE,
}


def judge(outcome: DeliveryOutcome) -> Verdict:
    """Return the verdict on an outcome. If there was a response, only its status counts."""
    if outcome.failure is DeliveryFailure.INVALID_REQUEST:
        return Verdict.UNSENDABLE
    if outcome.failure in {DeliveryFailure.NO_DESCRIPTOR, DeliveryFailure.HELD_BACK}:
        return Verdict.NOT_BEGUN
    if outcome.failure is not None:
        return Verdict.NOT_NOW
    status = outcome.status
    return _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, Verdict.NOT_NOW)
