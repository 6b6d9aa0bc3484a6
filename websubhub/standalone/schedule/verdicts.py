"""Verdicts on attempts: what an outcome means for the update, the callback and its host."""

from enum import Enum, auto

from websubhub import DeliveryFailure, DeliveryOutcome


class Verdict(Enum):
    """The verdict on an attempt at a delivery."""

    TAKEN = auto()
    """The subscriber has it."""
    GONE = auto()
    """The subscription ends (W3C 7)."""
    NOT_NOW = auto()
    """Nothing would get through at present: its turn comes later, and the updates behind it wait."""
    REFUSED = auto()
    """The subscriber does not want this content, and may well want the next."""
    TURNED_AWAY = auto()
    """Nothing that is sent to this callback gets to the subscriber, or just not this: the next update will show."""
    NOT_BEGUN = auto()
    """The hub itself could not begin, which says nothing about anybody else."""
    UNSENDABLE = auto()
    """It cannot be sent as it is, now or ever."""

    @property
    def blames_host(self) -> bool:
        """Whether the host is in trouble, as opposed to one that answers for this callback or this content alone."""
        return self is Verdict.NOT_NOW


# By the first digit. An answer with a status that HTTP does not know counts like 5xx (RFC 9110, 15).
_BY_CLASS = {
    2: Verdict.TAKEN,
    3: Verdict.TURNED_AWAY,  # redirects are not followed (W3C 7)
    4: Verdict.REFUSED,
}

_BY_STATUS = {
    # About whoever sends, or about the callback, whatever the content is. Proxies say such things, too, while the
    # subscriber behind them starts or is wrongly set up.
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
    # These ask for a repetition.
    408: Verdict.NOT_NOW,
    425: Verdict.NOT_NOW,
    429: Verdict.NOT_NOW,
    410: Verdict.GONE,
}


def judge(outcome: DeliveryOutcome) -> Verdict:
    """Return what the end of an attempt means, by the status alone where there was an answer."""
    if outcome.failure is DeliveryFailure.INVALID_REQUEST:
        return Verdict.UNSENDABLE
    if outcome.failure in {DeliveryFailure.NO_DESCRIPTOR, DeliveryFailure.HELD_BACK}:
        return Verdict.NOT_BEGUN
    if outcome.failure is not None:
        return Verdict.NOT_NOW
    status = outcome.status
    return _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, Verdict.NOT_NOW)
