"""The limits on subscriptions."""

from attrs import field, frozen
from attrs.validators import ge


@frozen(kw_only=True)
class SubscriptionLimits:
    """The limits on subscriptions, counting active ones and new ones that await verification.

    Args:
        per_host: The most subscriptions with callbacks on one host, on any port.
        in_all: The most subscriptions of the hub.
    """

    per_host: int = field(default=100_000, validator=ge(1))
    in_all: int = field(default=5_000_000, validator=ge(1))
