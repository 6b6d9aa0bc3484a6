"""Deliveries that failed: those that will be tried again, those that were given up, and how to choose some of them."""

from attrs import field, frozen

FailingPlace = tuple[float, str, str]
"""The place of a failing delivery among others: when it is due, its topic and its callback."""


@frozen(kw_only=True)
class FailingDelivery:
    """A delivery that failed and will be tried again.

    Args:
        topic: The topic URL.
        callback: The callback URL.
        attempts: How often it was tried.
        refusals: How many of these attempts the subscriber refused.
        due_at: When it is tried again.
        reason: What went wrong in the last attempt.
    """

    topic: str
    callback: str = field(repr=False)
    attempts: int
    refusals: int = 0
    due_at: float
    reason: str

    @property
    def place(self) -> FailingPlace:
        """Its place among the failing deliveries, the next one first."""
        return self.due_at, self.topic, self.callback


@frozen(kw_only=True)
class DeadLetter:
    """A delivery that was given up. It can be replayed or dropped."""

    id: int
    topic: str
    callback: str = field(repr=False)
    message_id: str
    content_type: str
    content_length: int
    attempts: int
    reason: str
    died_at: float
    replaying: bool = False


@frozen(kw_only=True)
class DeliveryFilter:
    """The failed deliveries that have everything given here.

    Args:
        topic: The topic URL.
        host: The host of the callback, named as by ``canonical_authority``.
        callback: The callback URL.
        reason: The whole reason of the last failure.
    """

    topic: str | None = None
    host: str | None = None
    callback: str | None = field(default=None, repr=False)
    reason: str | None = None


#: Means every failed delivery.
EVERY_DELIVERY = DeliveryFilter()
