"""Connections that are kept for the next delivery, and which of them is worth the least."""

from collections import OrderedDict
from collections.abc import Iterator

from _websub.server.descriptors import kept_within_limit
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.origins.origin import Origin
from websubhub._distribution.wire.connection import Connection

_TIMES_AS_OFTEN = 4


class IdleConnections:
    """The connections that are not in use.

    When there are too many, the one that has been idle longest gives way, but only to a server that is called several
    times as often. Hubs call all subscribers of a topic, and later all of them again. The connection that has been idle
    longest is the one that is needed next, so if it always gave way, a single server too many would be enough to find
    none of them connected. A connection with TLS is worth many without, so those without give way to it.

    Attributes:
        count: How many there are.
        most: How many there may be.
    """

    __slots__ = ("_by_age", "_by_origin", "_seconds", "count", "most")

    def __init__(self, limits: EngineLimits) -> None:
        self.most = kept_within_limit(limits.idle_connections, limits.connections)
        self.count = 0
        self._by_origin: dict[Origin, list[Connection]] = {}
        # Those without TLS and those with it, each beginning with the one that has been idle longest.
        self._by_age: tuple[OrderedDict[Connection, None], ...] = (OrderedDict(), OrderedDict())
        self._seconds = (limits.idle_seconds, limits.idle_tls_seconds)

    def add(self, connection: Connection) -> None:
        """Add a connection that has become idle."""
        origin = connection.origin
        self.count += 1
        self._by_age[origin.secure][connection] = None
        try:
            self._by_origin[origin].append(connection)
        except KeyError:
            self._by_origin[origin] = [connection]

    def take(self, origin: Origin) -> Connection | None:
        """Remove and return the connection to an origin that was used last."""
        of_origin = self._by_origin.get(origin)
        if not of_origin:
            return None
        connection = of_origin.pop()
        self.count -= 1
        del self._by_age[origin.secure][connection]
        return connection

    def remove(self, connection: Connection) -> None:
        """Remove a connection."""
        origin = connection.origin
        self.count -= 1
        del self._by_age[origin.secure][connection]
        self._by_origin[origin].remove(connection)

    def forget(self, origin: Origin) -> None:
        """Forget an origin that has no connections left."""
        self._by_origin.pop(origin, None)

    def surplus(self, unanswered: int) -> int:
        """Return how many connections are too many, given so many unanswered ones."""
        return max(0, self.count - max(0, self.most - unanswered))

    def of(self, origin: Origin) -> tuple[Connection, ...]:
        """Return the idle connections to an origin."""
        return tuple(self._by_origin.get(origin, ()))

    def oldest(self) -> Connection | None:
        """Return the connection that is worth the least: the one idle longest, and if possible without TLS."""
        for by_age in self._by_age:
            if by_age:
                return next(iter(by_age))
        return None

    def less_useful_than(self, connection: Connection, now: float) -> Connection | None:
        """Return an idle connection that is worth less than one that is about to become idle, if there is any.

        Args:
            connection: The one that is about to become idle. Its ``idle_since`` is still that of its previous use.
            now: The time.
        """
        oldest = self.oldest()
        if oldest is None or oldest.origin.secure > connection.origin.secure:
            return None
        if oldest.origin.secure < connection.origin.secure:
            return oldest
        is_called_often = _TIMES_AS_OFTEN * (now - connection.idle_since) < now - oldest.idle_since
        return oldest if is_called_often else None

    def expired(self, now: float) -> Iterator[Connection]:
        """Yield the connections that have been idle for too long. Remove each before asking for the next."""
        for by_age, seconds in zip(self._by_age, self._seconds, strict=True):
            while by_age and next(iter(by_age)).idle_since <= now - seconds:
                yield next(iter(by_age))

    def clear(self) -> None:
        """Forget all connections."""
        self.count = 0
        self._by_origin.clear()
        for by_age in self._by_age:
            by_age.clear()
