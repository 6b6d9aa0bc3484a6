"""The connections of an engine: kept alive, and never more than agreed."""

from collections import OrderedDict

from websubhub._distribution.origins.origin import Origin
from websubhub._distribution.origins.places import Places
from websubhub._distribution.outcome import is_out_of_descriptors
from websubhub._distribution.wire.connection import Connection
from websubhub._distribution.wire.shares import Shares
from websubhub._distribution.wire.wiring import Route, Wiring

# Who was idle for this long, in the midst of all that is going on, is not needed at present.
_SPARE_SECONDS = 1.0


class Pool:
    """Connections by their origin, at the same cost whether there are ten or ten thousand.

    The connection used last is used next, so that those which are not needed grow old and are closed.

    Attributes:
        connections: All of them, by file descriptor.
        shares: Who has the slots for exchanges.
        places: The addresses that they lead to.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._limits = wiring.limits
        self.connections: dict[int, Connection] = {}
        self._idle: dict[Origin, list[Connection]] = {}
        self._by_age: OrderedDict[Connection, None] = OrderedDict()
        self.shares = Shares(wiring.limits)
        self.places = Places(wiring.limits, loopback=wiring.loopback)

    def under_way(self) -> list[Connection]:
        """The connections that have a delivery."""
        return [connection for connection in self.connections.values() if connection.delivery is not None]

    def borrow(self, origin: Origin) -> Connection | None:
        """An idle connection to the origin, which becomes busy."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        connection = idle.pop()
        del self._by_age[connection]
        if origin.suspect:
            self.shares.take(connection)
        else:  # the same, without a call for each delivery
            self.shares.busy += 1
        return connection

    def may_open(self, origin: Origin, now: float) -> bool:
        """Whether the origin may have one more connection.

        When all connections are in use, only an origin without any may take the one that was idle longest; the others
        leave it alone if it was used lately, or busy origins would forever close each other's connections.
        """
        if not origin.open:
            return True
        if origin.open >= self._limits.connections_per_origin:
            return False
        if not self._is_full:
            return True
        return bool(self._by_age) and next(iter(self._by_age)).idle_since < now - _SPARE_SECONDS

    def open(self, origin: Origin, route: Route, now: float) -> Connection:
        """A new connection, which is busy; the oldest idle one makes room for it if there is none.

        Raises:
            OSError: There is no way to the first address, or no file descriptor left.
        """
        place = self.places.at(route.addresses[0])
        if place.open >= place.limit:
            idle = next((each for each in self._by_age if each.place is place), None)
            if idle is not None:
                self.drop_idle(idle)
        if self._is_full and self._by_age:
            self._close_oldest()
        try:
            connection = Connection(self._wiring, origin, place, route, now)
        except OSError as error:
            if not (is_out_of_descriptors(error) and self._by_age):
                raise
            self._close_oldest()
            connection = Connection(self._wiring, origin, place, route, now)
        self.connections[connection.fd] = connection
        origin.open += 1
        place.open += 1
        self.shares.take(connection)
        return connection

    def reachable(self, addresses: tuple[str, ...], now: float) -> tuple[str, ...]:
        """Those of a host's addresses that may have one more connection; a full one by losing one that is idle."""
        places = self.places
        found = []
        for address in addresses:
            place = places.at(address)
            has_room = place.open < place.limit or any(idle.place is place for idle in self._by_age)
            if has_room and not places.is_held_back(place, now):
                found.append(address)
        return tuple(found)

    def park(self, connection: Connection, now: float) -> None:
        """Keep a busy connection for the next delivery to its origin."""
        connection.rest(now)
        if connection.standing:
            self.shares.give_back(connection)
        else:
            self.shares.busy -= 1
        self._by_age[connection] = None
        try:
            self._idle[connection.origin].append(connection)
        except KeyError:
            self._idle[connection.origin] = [connection]

    def drop(self, connection: Connection) -> None:
        """Close a busy connection."""
        self.shares.give_back(connection)
        self._close(connection)

    def drop_idle(self, connection: Connection) -> None:
        """Close an idle connection, since its server did or has said something that nobody asked for."""
        del self._by_age[connection]
        self._idle[connection.origin].remove(connection)
        self._close(connection)

    def drop_idle_of(self, origin: Origin) -> None:
        """Close the idle connections to an origin."""
        for connection in list(self._idle.get(origin, ())):
            self.drop_idle(connection)

    def drop_old(self, now: float) -> None:
        """Close the connections that were idle for too long."""
        before = now - self._limits.idle_seconds
        while self._by_age and next(iter(self._by_age)).idle_since <= before:
            self._close_oldest()

    def close(self) -> None:
        """Close everything."""
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()
        self._idle.clear()
        self._by_age.clear()

    @property
    def _is_full(self) -> bool:
        return len(self.connections) - len(self.shares.aside) >= self._limits.connections

    def _close_oldest(self) -> None:
        self.drop_idle(next(iter(self._by_age)))

    def _close(self, connection: Connection) -> None:
        del self.connections[connection.fd]
        origin = connection.origin
        connection.place.open -= 1
        origin.open -= 1
        if not origin.open:
            self._idle.pop(origin, None)
        self._wiring.wheel.forget(connection)
        connection.close()
