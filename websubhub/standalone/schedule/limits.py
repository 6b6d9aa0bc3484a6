"""The limits of the schedule."""

from attrs import field, frozen
from attrs.validators import ge


@frozen(kw_only=True)
class DeliveryLimits:
    """The limits that protect others from one subscriber, host or wave of retries.

    Args:
        per_host: The most deliveries in flight to one host.
        retries: The most retries in flight, which leaves the other slots to first attempts.
        waiting: The most deliveries owed. A publish that would exceed this is refused.
        failures: The failures in a row after which a host is only probed.
        probe_seconds: The time until the first probe. It doubles with every failed probe.
        probe_seconds_most: The longest time until a probe.
        message_seconds: How long messages and failed attempts are kept.
        message_bytes: How many bytes of messages are kept that neither a subscription nor a dead letter needs. Failed
            attempts may take another quarter of that.
        early_seconds: How soon after a failed attempt a new update may cause another one (W3C 7).
    """

    per_host: int = field(default=32, validator=ge(1))
    retries: int = field(default=50, validator=ge(1))
    waiting: int = field(default=5_000_000, validator=ge(1))
    failures: int = field(default=10, validator=ge(1))
    probe_seconds: float = field(default=30.0, validator=ge(0))
    probe_seconds_most: float = field(default=3600.0, validator=ge(0))
    message_seconds: float = field(default=0.0, validator=ge(0))
    message_bytes: int = field(default=0, validator=ge(0))
    early_seconds: float = field(default=5.0, validator=ge(0))
