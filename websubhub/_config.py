"""The settings of a hub."""

from collections.abc import Iterable

import attrs
from attrs.validators import ge

from _websub.arguments import checked_fields
from _websub.calls.budgets import Budget
from _websub.grammar.addresses import check_public_url
from _websub.grammar.urls import path_of
from _websub.grammar.vocabulary import DEFAULT_LEASE_SECONDS, MAX_LEASE_SECONDS, MIN_LEASE_SECONDS
from _websub.limits import EdgeLimits

DEFAULT_PATH = "/hub"
_MEBIBYTE = 1_048_576

#: How many verifications a host may get without asking for them.
VERIFICATION_BUDGET = Budget(at_once=10, burst=10, per_minute=10, failures=20, pause_seconds=3600.0)
#: How many fetches a host may get: four times the largest content at first, then the same amount per minute.
FETCH_BUDGET = Budget(
    at_once=4, burst=60, per_minute=60, burst_bytes=4 * 10 * _MEBIBYTE, bytes_per_minute=4 * 10 * _MEBIBYTE
)


def _url(_: object, field: "attrs.Attribute[str | None]", value: str | None) -> None:
    if value is not None:
        check_public_url(value, f"HubConfig.{field.name}")


def _seconds(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(values)


def _networks(values: Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _delays(_: object, __: object, value: tuple[float, ...]) -> None:
    if not value or any(delay < 0 for delay in value):
        raise ValueError("HubConfig.verification_delays needs at least one delay, and none may be negative.")


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class HubConfig:
    """The settings of one hub.

    Attributes:
        url: The hub's public URL, where it answers and where ``rel="hub"`` links point to. A hub that listens on
            loopback uses its own address by default; any other needs a URL.
        path: The path that requests arrive at, if a proxy rewrites it. The default is the path of ``url``, or ``/hub``.
        lease_seconds: The lease of a subscription that requests none, in seconds.
        min_lease_seconds: The shortest lease granted, in seconds.
        max_lease_seconds: The longest lease granted, in seconds.
        verification_delays: Seconds to wait before each attempt to verify with a callback that does not answer, or that
            answers "not now" (5xx, 408, 425 or 429). Its ``Retry-After`` can make a wait longer, up to ten minutes.
        verification_budget: How many verifications a host or an address may get without confirming them. Confirmed
            ones are limited only in how many run at a time, and renewing subscribers have a budget of their own.
            Verifications beyond the budget are made later, within ten minutes.
        verifications_at_once: The maximum number of verifications at a time. A quarter is for renewing subscribers.
        fetch_budget: How many topic fetches a host or an address may get. Used by ``TopicClient.for_hub``.
        fetches_at_once: The maximum number of topic fetches at a time.
        allow_networks: Networks that may be called even if they are not public, in CIDR notation.
        limits: The limits on requests.

    Example:
        ```python
        from websubhub import HubConfig

        DAY = 86_400
        config = HubConfig(url="https://hub.example.com/hub", lease_seconds=2 * DAY, max_lease_seconds=7 * DAY)
        ```
    """

    url: str | None = attrs.field(default=None, validator=_url)
    path: str | None = None
    lease_seconds: int = DEFAULT_LEASE_SECONDS
    min_lease_seconds: int = MIN_LEASE_SECONDS
    max_lease_seconds: int = MAX_LEASE_SECONDS
    verification_delays: tuple[float, ...] = attrs.field(
        default=(0.0, 30.0, 120.0), converter=_seconds, validator=_delays
    )
    verification_budget: Budget = VERIFICATION_BUDGET
    verifications_at_once: int = attrs.field(default=64, validator=ge(2))
    fetch_budget: Budget = FETCH_BUDGET
    fetches_at_once: int = attrs.field(default=32, validator=ge(2))
    allow_networks: tuple[str, ...] = attrs.field(default=(), converter=_networks)
    limits: EdgeLimits = attrs.field(factory=EdgeLimits)

    def __attrs_post_init__(self) -> None:
        """Refuse leases that contradict each other."""
        if not 0 < self.min_lease_seconds <= self.lease_seconds <= self.max_lease_seconds:
            raise ValueError("HubConfig needs 0 < min_lease_seconds <= lease_seconds <= max_lease_seconds.")

    @property
    def local_path(self) -> str:
        """The path that requests arrive at."""
        if self.path is not None:
            return self.path
        return DEFAULT_PATH if self.url is None else path_of(self.url)

    @property
    def public_url(self) -> str:
        """The public URL.

        Raises:
            ValueError: The settings have no URL.
        """
        if self.url is None:
            raise ValueError("The hub does not know its public URL; set HubConfig(url=...).")
        return self.url

    def served_at(self, base: str) -> "HubConfig":
        """Return these settings with a URL below ``base``, unless they have one."""
        return self if self.url is not None else attrs.evolve(self, url=base.rstrip("/") + self.local_path)

    def grant(self, requested: int | None) -> int:
        """Return the lease to grant for a requested one, in seconds (W3C 5.1)."""
        if requested is None:
            return self.lease_seconds
        return max(self.min_lease_seconds, min(requested, self.max_lease_seconds))
