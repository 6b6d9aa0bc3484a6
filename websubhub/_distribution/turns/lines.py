"""Origins that wait for a slot, for a share of the slots, or for a connection."""

from collections import deque

from websubhub._distribution.origins.origin import Origin
from websubhub._distribution.origins.places import Place
from websubhub._distribution.wire.shares import Shares


class Lines:
    """Keeps the origins whose deliveries cannot begin yet, and decides whose turn it is.

    Attributes:
        awaiting_room: The origins that wait for any slot.
        suspects: The origins that wait for one of the slots of suspects.

    Args:
        shares: The slots that they wait for.
    """

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self.awaiting_room: deque[Origin] = deque()
        self.suspects: dict[Origin, None] = {}
        self._awaiting_connection: set[Origin] = set()

    def await_room(self, origin: Origin) -> None:
        """Make an origin wait for any slot."""
        if origin.waiting and not origin.awaits_room:
            origin.awaits_room = True
            self.awaiting_room.append(origin)

    def await_room_next(self, place: Place) -> None:
        """Make the next origin that still waits for room at an address wait for any slot."""
        while place.waiting:
            origin = place.waiting.popleft()
            if origin.waiting:
                self.await_room(origin)
                return

    def has_share(self, origin: Origin) -> bool:
        """Return whether there is room for one more exchange with a suspect. If not, the origin waits for it."""
        if self._shares.has_room_for_suspects:
            return True
        self.suspects[origin] = None
        return False

    def await_connection(self, origin: Origin) -> None:
        """Make an origin wait for a connection that no event will announce."""
        self._awaiting_connection.add(origin)

    def retry_awaiting(self) -> None:
        """Try again for the origins that did not get a connection."""
        awaiting, self._awaiting_connection = self._awaiting_connection, set()
        for origin in awaiting:
            self.await_room(origin)

    def next(self) -> Origin | None:
        """Return the origin whose turn it is, if there is a slot for it."""
        if self.suspects and self._shares.has_room_for_suspects:
            origin = next(iter(self.suspects))
            del self.suspects[origin]
            return origin
        if self.awaiting_room and self._shares.has_room:
            origin = self.awaiting_room.popleft()
            origin.awaits_room = False
            return origin
        return None
