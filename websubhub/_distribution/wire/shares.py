"""The slots of exchanges, divided so that hosts that answer do not wait for hosts that hang."""

from collections.abc import Callable, Iterable
from math import inf

from _websub.server.descriptors import connections_within_limit
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.wire.connection import Connection

#: Flags of an exchange: its origin was a suspect when it began, and it stands aside.
SUSPECT, ASIDE = 1, 2

# An exchange that has not been answered for a moment stands aside. After a fair time, it may be given up.
_MOMENT_SECONDS = 0.25
_FAIR_SECONDS = 2.0
_ROOM_SECONDS = 30.0
_SUSPECTS_SHARE = 4
_SUSPECTS_SHARE_ASIDE = 2
# The program needs descriptors for other things too, above all for incoming connections.
_DESCRIPTOR_PARTS = 4


class Shares:
    """The slots of all exchanges, and the exchanges that stand aside.

    A server that hangs looks like a slow one, and when it is called for the first time, like any other. So every
    exchange takes a slot, and frees it after a moment. From then on, it stands aside, where it costs a socket but keeps
    no other exchange waiting. The room aside is limited. When it is full and a slot is needed, the exchange that has
    stood there longest is given up, after a fair time.

    An origin whose last exchange failed is a suspect. Suspects share a quarter of the slots and half of the room
    aside, and are not given up early: an exchange that was given up for others gets its full time when it is repeated.

    Attributes:
        most: How many slots there are.
        busy: How many slots are taken.
        suspects: How many slots suspects have taken.
        suspects_aside: How many of the exchanges that stand aside are with suspects.
        aside: The exchanges that stand aside, beginning with the one that has stood there longest.
        aside_most: How many may do so.
    """

    __slots__ = (
        "_room_aside", "_room_until", "_suspects_most", "_total_seconds", "aside", "aside_most", "busy", "most",
        "suspects", "suspects_aside",
    )  # fmt: skip

    def __init__(self, limits: EngineLimits) -> None:
        self.most = limits.connections
        self._total_seconds = limits.total_seconds
        self._suspects_most = max(1, limits.connections // _SUSPECTS_SHARE)
        self.aside_most = connections_within_limit(limits.unanswered, parts=_DESCRIPTOR_PARTS)
        self.busy = self.suspects = self.suspects_aside = 0
        self.aside: dict[Connection, None] = {}
        self._room_aside, self._room_until = 0, -inf

    @property
    def has_room(self) -> bool:
        """Whether one more exchange may be in progress."""
        return self.busy < self.most

    @property
    def has_room_for_suspects(self) -> bool:
        """Whether one more suspect may have a slot."""
        return self.suspects < self._suspects_most

    def take(self, connection: Connection) -> None:
        """Take a slot for an exchange on a connection."""
        self.busy += 1
        if connection.origin.suspect:
            connection.standing = SUSPECT
            self.suspects += 1

    def give_back(self, connection: Connection) -> None:
        """Free the slot of an exchange, or its room aside."""
        if not connection.standing:
            self.busy -= 1
            return
        standing, connection.standing = connection.standing, 0
        suspect = standing & SUSPECT
        if standing & ASIDE:
            del self.aside[connection]
            self.suspects_aside -= suspect
        else:
            self.busy -= 1
            self.suspects -= suspect

    def room_aside(self, now: float) -> int:
        """Return how many descriptors are reserved for exchanges aside: for a while, as many as there have been.

        Their number goes up and down, and a connection that is closed to make room is missing when it is needed.
        """
        if len(self.aside) >= self._room_aside or now > self._room_until:
            self._room_aside, self._room_until = len(self.aside), now + _ROOM_SECONDS
        return self._room_aside

    def make_room(
        self, connections: Callable[[], Iterable[Connection]], now: float, *, needed: bool
    ) -> list[Connection]:
        """Set aside the exchanges that have not been answered for a moment. Return those that must be given up.

        Args:
            connections: Returns the connections that have a delivery.
            now: The time.
            needed: Whether a delivery waits for a slot.
        """
        if 2 * self.busy <= self.most and self.has_room_for_suspects:
            return []
        before = now - _MOMENT_SECONDS
        overdue = [each for each in connections() if not each.standing & ASIDE and self.began(each) <= before]
        left = sum(not self._step_aside(each) and not each.standing & SUSPECT for each in overdue)
        if not left or not needed or self.busy < self.most:
            return []
        fair = now - _FAIR_SECONDS
        patient = (each for each in self.aside if not each.standing & SUSPECT and self.began(each) <= fair)
        return [each for each, _ in zip(patient, range(left), strict=False)]

    def began(self, connection: Connection) -> float:
        """Return when the exchange on a connection began, or infinity if there is none."""
        delivery = connection.delivery
        if delivery is None:
            return inf
        return connection.end_by - (delivery.content.total_seconds or self._total_seconds)

    def _step_aside(self, connection: Connection) -> bool:
        """Set an exchange aside. Return whether there was room for it."""
        suspect = connection.standing & SUSPECT
        if len(self.aside) >= self.aside_most:
            return False
        if suspect and self.suspects_aside >= self.aside_most // _SUSPECTS_SHARE_ASIDE:
            return False
        self.busy -= 1
        self.suspects -= suspect
        self.suspects_aside += suspect
        connection.standing |= ASIDE
        self.aside[connection] = None
        return True
