"""How many subscriptions there may be."""

from attrs import field, frozen
from attrs.validators import ge


@frozen(kw_only=True)
class SubscriptionLimits:
    """The bounds of subscriptions, counting those that are active and new ones that await their verification.

    Args:
        per_host: With callbacks at one host, whatever the port.
        in_all: Of this hub.
    """

    per_host: int = field(default=100_000, validator=ge(1))
    in_all: int = field(default=5_000_000, validator=ge(1))
