"""Deliveries that failed, and will be retried or were given up on, and a filter to find them."""

from attrs import field, frozen

FailingPlace = tuple[float, str, str]
"""The place of a failing delivery in their order: when it is due, its topic and its callback."""


@frozen(kw_only=True)
class FailingDelivery:
    """A delivery that failed and will be retried.

    Args:
        topic: The topic URL.
        callback: The callback URL.
        attempts: How many attempts were made.
        refusals: How many of these attempts the subscriber refused.
        due_at: When the next attempt is due.
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
        """Its place among the failing deliveries, next one first."""
        return self.due_at, self.topic, self.callback


@frozen(kw_only=True)
class DeadLetter:
    """A delivery that the hub gave up on. It can be replayed or dropped."""

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
    """A filter for failed deliveries, which must match everything given here.

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


#: Matches every failed delivery.
EVERY_DELIVERY = DeliveryFilter()
