"""What connections share, and where a new one may go."""

import ssl
from typing import NamedTuple

import attrs

from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryOutcome
from websubhub._distribution.wheel import TimerWheel
from websubhub._distribution.wire.poller import Poller


@attrs.frozen(eq=False)
class Wiring:
    """What all connections of an engine have in common.

    Attributes:
        poller: Where their sockets are watched.
        limits: How long they wait and how much they read.
        wheel: Where their deadlines are watched.
        tls: The context for https, or ``None`` for the one that all engines share.
        loopback: Whether this machine is called like any other, without bounds of its address.
        answers: Complete answers with nothing after them, by their bytes. Most servers say the same thing again and
            again, and what the parser has read once need not be parsed again.
    """

    poller: Poller
    limits: EngineLimits
    wheel: TimerWheel
    tls: ssl.SSLContext | None = None
    loopback: bool = False
    answers: dict[bytes, DeliveryOutcome] = attrs.field(factory=dict)


class Route(NamedTuple):
    """The addresses of a host that are to be tried, and the time by which one of them has to be connected."""

    addresses: tuple[str, ...]
    connect_by: float

    @property
    def rest(self) -> "Route":
        """What is left to try after the first address."""
        return Route(self.addresses[1:], self.connect_by)
