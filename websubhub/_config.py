"""How a hub is set up."""

from collections.abc import Iterable

import attrs

from _websub.limits import EdgeLimits
from _websub.urls import check_url, path_of
from _websub.vocabulary import DEFAULT_LEASE_SECONDS, MAX_LEASE_SECONDS, MIN_LEASE_SECONDS


def _url(_: object, field: "attrs.Attribute[str]", value: str) -> None:
    check_url(value, f"HubConfig.{field.name}")


def _seconds(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(values)


def _networks(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _delays(_: object, __: object, value: tuple[float, ...]) -> None:
    if not value or any(delay < 0 for delay in value):
        raise ValueError("HubConfig.verification_delays must have one delay or more, none negative.")


@attrs.frozen(kw_only=True)
class HubConfig:
    """The settings of one hub.

    Attributes:
        url: The hub's public URL: where it answers, and what ``rel="hub"`` links say.
        path: The path to answer at, where a proxy changes it on the way; else that of ``url``.
        lease_seconds: The lease of a subscription that asks for none, in seconds.
        min_lease_seconds: The shortest lease granted.
        max_lease_seconds: The longest lease granted.
        verification_delays: Seconds to wait before each attempt to verify with a callback that does not answer, or that
            answers "not now" (5xx, 408, 425 or 429); its ``Retry-After`` makes the wait longer, by ten minutes at most.
        allow_networks: Networks, as CIDR text, that may be called although they are not public.
        limits: The bounds of a request.
    """

    url: str = attrs.field(default="http://127.0.0.1:8080/hub", validator=_url)
    path: str | None = None
    lease_seconds: int = DEFAULT_LEASE_SECONDS
    min_lease_seconds: int = MIN_LEASE_SECONDS
    max_lease_seconds: int = MAX_LEASE_SECONDS
    verification_delays: tuple[float, ...] = attrs.field(
        default=(0.0, 30.0, 120.0), converter=_seconds, validator=_delays
    )
    allow_networks: tuple[str, ...] = attrs.field(default=(), converter=_networks)
    limits: EdgeLimits = attrs.field(factory=EdgeLimits)

    def __attrs_post_init__(self) -> None:
        """Refuse leases that contradict each other."""
        if not 0 < self.min_lease_seconds <= self.lease_seconds <= self.max_lease_seconds:
            raise ValueError("HubConfig needs 0 < min_lease_seconds <= lease_seconds <= max_lease_seconds.")

    @property
    def local_path(self) -> str:
        """The path that requests arrive at."""
        return self.path if self.path is not None else path_of(self.url)

    def grant(self, requested: int | None) -> int:
        """The lease to grant for a requested one, in seconds (W3C 5.1)."""
        if requested is None:
            return self.lease_seconds
        return max(self.min_lease_seconds, min(requested, self.max_lease_seconds))
