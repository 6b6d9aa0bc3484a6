"""Origins that stand in line: for a slot, for a share of the slots, or for a connection."""

from collections import deque

from websubhub._distribution.origins.origin import Origin
from websubhub._distribution.origins.places import Place
from websubhub._distribution.wire.shares import Shares


class Lines:
    """Keeps origins whose deliveries cannot begin, and says whose turn it is.

    Attributes:
        starved: Those that wait for any slot.
        suspects: Those that wait for one of the slots of suspects.

    Args:
        shares: What they wait for.
    """

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self.starved: deque[Origin] = deque()
        self.suspects: dict[Origin, None] = {}
        self._patient: set[Origin] = set()

    def stand(self, origin: Origin) -> None:
        """Let an origin wait for any slot."""
        if origin.waiting and not origin.queued:
            origin.queued = True
            self.starved.append(origin)

    def stand_next(self, place: Place) -> None:
        """Let the next origin that waits for room at an address, and still does, wait for any slot."""
        while place.waiting:
            origin = place.waiting.popleft()
            if origin.waiting:
                self.stand(origin)
                return

    def has_share(self, origin: Origin) -> bool:
        """Whether its share leaves room for one more exchange with a suspect; if not, it waits for that."""
        if self._shares.has_room_for_suspects:
            return True
        self.suspects[origin] = None
        return False

    def be_patient(self, origin: Origin) -> None:
        """Let an origin wait for a connection of which nobody can say when it is there."""
        self._patient.add(origin)

    def look_again(self) -> None:
        """Look again whether those who did not get a connection may have one now."""
        patient, self._patient = self._patient, set()
        for origin in patient:
            self.stand(origin)

    def next(self) -> Origin | None:
        """Whose turn it is, if there is a slot for it."""
        if self.suspects and self._shares.has_room_for_suspects:
            origin = next(iter(self.suspects))
            del self.suspects[origin]
            return origin
        if self.starved and self._shares.has_room:
            origin = self.starved.popleft()
            origin.queued = False
            return origin
        return None
