"""Limits on request bodies: how many may be arriving at once, and how much memory they take."""

import logging

import anyio

from _websub.asgi.holdings import Holdings
from _websub.asgi.refusals import Refusals
from _websub.http import RETRY_LATER, Response, plain
from _websub.limits import EdgeLimits

log = logging.getLogger("websub")


def busy() -> Response:
    """Return the response to a request that there is no room for."""
    return plain(503, "Too busy, try again later.", [*RETRY_LATER, ("Connection", "close")])


class Arrival:
    """One body, from its first byte until its request is answered.

    Attributes:
        client: The client that it counts for.
        patience: The cancel scope that ends the wait for more of it, or None if nothing waits.
        arriving: Whether more of it may arrive.
        held: How many bytes of it are held.
        gave_way: Whether it was refused to make room for others.
    """

    __slots__ = ("_bodies", "arriving", "client", "gave_way", "held", "patience")

    def __init__(self, bodies: "Bodies", client: str, *, arriving: bool) -> None:
        self._bodies = bodies
        self.client = client
        self.patience: anyio.CancelScope | None = None
        self.arriving = arriving
        self.held = 0
        self.gave_way = False

    def grow(self, number: int) -> None:
        """Count bytes that have arrived. If there are too many in total, the largest body gives way."""
        self._bodies.grow(self, number)

    def complete(self) -> None:
        """Mark the body as complete: no more of it will arrive."""
        if self.arriving:
            self._bodies.arrived(self)

    def release(self) -> None:
        """Release the body, which is no longer needed."""
        self._bodies.release(self)


class Bodies:
    """The request bodies that an application holds.

    A client needs only a connection to keep a body arriving until the deadline. So arriving bodies take none of the
    slots for requests in progress. When there are too many, the oldest body of the client with the most gives way. A
    request that is sent in one piece is complete before that happens.

    Args:
        limits: How many bodies and how many bytes there may be.
        refusals: The count of refused requests.
    """

    def __init__(self, limits: EdgeLimits, refusals: Refusals) -> None:
        self._most = limits.bodies
        # A single body of the largest allowed size always fits.
        self._memory = max(limits.memory_bytes, limits.body_bytes)
        self._refusals = refusals
        self._arriving = Holdings[Arrival]()
        self._held = 0

    @classmethod
    def alone(cls) -> Arrival:
        """Return a body that is not counted with others."""
        return cls(EdgeLimits(), Refusals(log)).begin("")

    @property
    def arriving(self) -> int:
        """How many bodies are arriving."""
        return len(self._arriving)

    def begin(self, client: str, *, whole: bool = False) -> Arrival:
        """Begin to count a body.

        Args:
            client: The client that it counts for.
            whole: Whether all of it has arrived, so that only its bytes count.
        """
        if whole:
            return Arrival(self, client, arriving=False)
        if len(self._arriving) >= self._most:
            oldest = self._arriving.oldest_of_the_largest()
            if oldest is not None:
                self._refusals.note("%d bodies are arriving: refusing the oldest with 503.", self._most)
                self._give_way(oldest)
        arrival = Arrival(self, client, arriving=True)
        self._arriving.add(client, arrival)
        return arrival

    def grow(self, arrival: Arrival, number: int) -> None:
        """Count bytes of a body that have arrived."""
        arrival.held += number
        self._held += number
        while self._held > self._memory and not arrival.gave_way:
            largest = max((arrival, *self._arriving), key=lambda each: each.held)
            self._refusals.note("Bodies take %d bytes: refusing the largest with 503.", self._memory)
            self._give_way(largest)

    def arrived(self, arrival: Arrival) -> None:
        """Stop counting a body as arriving."""
        arrival.arriving = False
        self._arriving.discard(arrival.client, arrival)

    def release(self, arrival: Arrival) -> None:
        """Stop counting a body and its bytes."""
        if arrival.arriving:
            self.arrived(arrival)
        self._held -= arrival.held
        arrival.held = 0

    def _give_way(self, arrival: Arrival) -> None:
        self.release(arrival)
        arrival.gave_way = True
        if arrival.patience is not None:
            arrival.patience.cancel()
