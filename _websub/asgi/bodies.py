"""The bodies of requests: how many may be arriving at once, and how much memory they take."""

import logging

import anyio

from _websub.asgi.refusals import Refusals
from _websub.asgi.shares import Shares
from _websub.http import RETRY_LATER, Response, plain
from _websub.limits import EdgeLimits

log = logging.getLogger("websub")


def busy() -> Response:
    """The answer to a request that there is no room for."""
    return plain(503, "Too busy, try again later.", [*RETRY_LATER, ("Connection", "close")])


class Arrival:
    """One body, from its first byte until its request is answered.

    Attributes:
        client: Whom it is counted to.
        patience: What ends the wait for more of it.
        held: How many bytes of it are held.
        gave_way: Whether it is to be refused in favour of others.
    """

    __slots__ = ("_bodies", "client", "gave_way", "held", "patience")

    def __init__(self, bodies: "Bodies", client: str) -> None:
        self._bodies = bodies
        self.client = client
        self.patience = anyio.CancelScope()
        self.held = 0
        self.gave_way = False

    def grow(self, number: int) -> None:
        """Count bytes that have arrived; when there are too many in all, the largest body gives way."""
        self._bodies.grow(self, number)

    def complete(self) -> None:
        """Say that no more of it will arrive."""
        self._bodies.arrived(self)

    def release(self) -> None:
        """Say that it is not needed any more."""
        self._bodies.release(self)


class Bodies:
    """The bodies that an application holds.

    A client needs no more than a connection to have a body arrive for as long as the deadline allows. So bodies take
    no slot of the requests that are worked on, and when there are too many, the oldest of the busiest client goes:
    whoever sends a request in one piece is through before its turn comes.

    Args:
        limits: How many there may be, and of how many bytes.
        refusals: Where it is counted that one is refused.
    """

    def __init__(self, limits: EdgeLimits, refusals: Refusals) -> None:
        self._most = limits.bodies
        # The largest body that is allowed always fits, alone.
        self._memory = max(limits.memory_bytes, limits.body_bytes)
        self._refusals = refusals
        self._arriving = Shares[Arrival]()
        self._held = 0

    @classmethod
    def alone(cls) -> Arrival:
        """A body that has nothing to do with others."""
        return cls(EdgeLimits(), Refusals(log)).begin("")

    @property
    def arriving(self) -> int:
        """How many are arriving."""
        return len(self._arriving)

    def begin(self, client: str) -> Arrival:
        """Take in a body that is about to arrive."""
        if len(self._arriving) >= self._most:
            oldest = self._arriving.oldest_of_the_largest()
            if oldest is not None:
                self._refusals.note("%d bodies are arriving: refusing the oldest with 503.", self._most)
                self._give_way(oldest)
        arrival = Arrival(self, client)
        self._arriving.add(client, arrival)
        return arrival

    def grow(self, arrival: Arrival, number: int) -> None:
        """Count bytes of a body that have arrived."""
        arrival.held += number
        self._held += number
        while self._held > self._memory and not arrival.gave_way:
            largest = max(self._arriving, key=lambda each: each.held)
            self._refusals.note("Bodies take %d bytes: refusing the largest with 503.", self._memory)
            self._give_way(largest)

    def arrived(self, arrival: Arrival) -> None:
        """Count a body as one that arrives no more."""
        self._arriving.discard(arrival.client, arrival)

    def release(self, arrival: Arrival) -> None:
        """Count a body and its bytes no more."""
        self.arrived(arrival)
        self._held -= arrival.held
        arrival.held = 0

    def _give_way(self, arrival: Arrival) -> None:
        self.release(arrival)
        arrival.gave_way = True
        arrival.patience.cancel()
