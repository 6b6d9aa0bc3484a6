"""The state that all parts of a running engine share, and the routes of new connections."""

import ssl
from time import monotonic
from typing import NamedTuple

import attrs

from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryOutcome
from websubhub._distribution.wheel import TimerWheel
from websubhub._distribution.wire.poller import Poller


@attrs.define(eq=False)
class Shared:
    """The state that all parts of an engine share.

    Attributes:
        poller: Watches sockets.
        limits: The limits of the engine.
        wheel: Watches deadlines.
        tls: The context for https, or ``None`` for the one that all engines share.
        loopback: Whether this machine may be called, without limits on its addresses.
        answers: Complete answers with nothing after them, by their bytes. Most servers send the same answer again and
            again, and it does not have to be parsed twice.
        now: The time, as of the last look at the clock. One step of work has one time, so that all its parts agree.
    """

    poller: Poller
    limits: EngineLimits
    tls: ssl.SSLContext | None = None
    loopback: bool = False
    answers: dict[bytes, DeliveryOutcome] = attrs.field(factory=dict)
    now: float = attrs.field(init=False)
    wheel: TimerWheel = attrs.field(init=False)

    @now.default
    def _start(self) -> float:
        return monotonic()

    @wheel.default
    def _make_wheel(self) -> TimerWheel:
        return TimerWheel(self.now)

    def look_at_clock(self) -> float:
        """Set ``now`` and return it."""
        self.now = now = monotonic()
        return now


class Route(NamedTuple):
    """The addresses of a host to try, and the time by which one of them must be connected."""

    addresses: tuple[str, ...]
    connect_by: float

    @property
    def after_first(self) -> "Route":
        """The route without the first address."""
        return Route(self.addresses[1:], self.connect_by)
