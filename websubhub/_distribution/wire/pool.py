"""The connections of an engine, kept alive up to a limit."""

from math import inf

from websubhub._distribution.origins.origin import Origin
from websubhub._distribution.origins.places import Place, Places
from websubhub._distribution.outcome import is_out_of_descriptors
from websubhub._distribution.wire.connection import Connection
from websubhub._distribution.wire.idle import IdleConnections
from websubhub._distribution.wire.shared import Route, Shared
from websubhub._distribution.wire.shares import Shares

#: Connections that are closed in one step, so that it stays short.
_CLOSED_AT_ONCE = 64


class Pool:
    """Connections by their origin, at the same cost whether there are ten or ten thousand.

    The connection used last is used next, so that those that are not needed grow old and are closed.

    Attributes:
        connections: All connections, by file descriptor.
        shares: The slots for exchanges.
        places: The addresses that they lead to.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._limits = shared.limits
        self.connections: dict[int, Connection] = {}
        self.shares = Shares(shared.limits)
        self.places = Places(shared.limits, loopback=shared.loopback)
        self._idle = IdleConnections(shared.limits)
        self._plenty = self._idle.most - self.shares.aside_most
        self._at: dict[Place, set[Connection]] = {}  # only places with a limit

    def under_way(self) -> list[Connection]:
        """Return the connections that have a delivery."""
        return [connection for connection in self.connections.values() if connection.delivery is not None]

    def borrow(self, origin: Origin) -> Connection | None:
        """Return an idle connection to the origin, which becomes busy."""
        connection = self._idle.take(origin)
        if connection is None:
            return None
        if origin.suspect:
            self.shares.take(connection)
        else:  # the same, without a call for each delivery
            self.shares.busy += 1
        return connection

    def may_open(self, origin: Origin) -> bool:
        """Return whether the origin may have one more connection."""
        return origin.open < self._limits.connections_per_origin

    def open(self, origin: Origin, route: Route) -> Connection:
        """Return a new connection, which is busy. If there is no room, an idle one is closed for it.

        Raises:
            OSError: The first address cannot be reached, or no file descriptor is left.
        """
        place = self.places.at(route.addresses[0])
        if place.open >= place.limit:
            self._make_room_at(place)
        try:
            connection = Connection(self._shared, origin, place, route)
        except OSError as error:
            oldest = self._idle.oldest() if is_out_of_descriptors(error) else None
            if oldest is None:
                raise
            self.drop_idle(oldest)
            connection = Connection(self._shared, origin, place, route)
        self.connections[connection.fd] = connection
        origin.open += 1
        place.open += 1
        if place.limit < inf:
            self._at.setdefault(place, set()).add(connection)
        self.shares.take(connection)
        return connection

    def reachable(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Return the addresses of a host that may have one more connection. A full one may if it can lose an idle one.

        Args:
            addresses: All addresses of the host.
        """
        places, now = self.places, self._shared.now
        found = []
        for address in addresses:
            place = places.at(address)
            if (place.open < place.limit or self._idle_at(place)) and not places.is_held_back(place, now):
                found.append(address)
        return tuple(found)

    def keep(self, connection: Connection) -> None:
        """Keep a busy connection for the next delivery to its origin, or close it if there are better ones to keep."""
        if connection.standing:
            self.shares.give_back(connection)
        else:
            self.shares.busy -= 1
        idle = self._idle
        # With room for all that may stand aside, it does not matter how many do.
        if idle.count >= self._plenty and idle.count >= idle.most - self.shares.room_aside(self._shared.now):
            worse = idle.less_useful_than(connection, self._shared.now)
            if worse is None:
                self._close(connection)
                return
            self.drop_idle(worse)
        connection.become_idle()
        idle.add(connection)

    def drop(self, connection: Connection) -> None:
        """Close a busy connection."""
        self.shares.give_back(connection)
        self._close(connection)

    def drop_idle(self, connection: Connection) -> None:
        """Close an idle connection, for example because its server has sent something unexpected."""
        self._idle.remove(connection)
        self._close(connection)

    def drop_idle_of(self, origin: Origin) -> None:
        """Close the idle connections to an origin."""
        for connection in self._idle.of(origin):
            self.drop_idle(connection)

    def drop_old(self) -> None:
        """Close the connections that have been idle for too long, and those whose room unanswered ones have taken."""
        for connection in self._idle.expired(self._shared.now):
            self.drop_idle(connection)
        for _ in range(min(self._idle.surplus(self.shares.room_aside(self._shared.now)), _CLOSED_AT_ONCE)):
            oldest = self._idle.oldest()
            if oldest is not None:
                self.drop_idle(oldest)

    def close(self) -> None:
        """Close everything."""
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()
        self._at.clear()
        self._idle.clear()

    def _make_room_at(self, place: Place) -> None:
        """Close the connection to an address that has been idle longest, if there is one."""
        idle = self._idle_at(place)
        if idle:
            self.drop_idle(min(idle, key=lambda each: each.idle_since))

    def _idle_at(self, place: Place) -> list[Connection]:
        return [each for each in self._at.get(place, ()) if each.delivery is None]

    def _close(self, connection: Connection) -> None:
        del self.connections[connection.fd]
        origin, place = connection.origin, connection.place
        place.open -= 1
        if place.limit < inf:
            self._at[place].discard(connection)
            if not place.open:
                del self._at[place]
        origin.open -= 1
        if not origin.open:
            self._idle.forget(origin)
        origin.closed_at = self._shared.now
        self._shared.wheel.forget(connection)
        connection.close()
