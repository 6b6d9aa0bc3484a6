"""Names that are being looked up, and the origins whose deliveries wait for them."""

from collections import deque
from math import inf

from websubhub._distribution.origins.names import NameResolver, Resolution
from websubhub._distribution.origins.origin import Origin
from websubhub._distribution.wheel import TimerWheel


class Lookup:
    """A name that is being looked up, and the origins whose deliveries wait for it."""

    __slots__ = ("deadline", "host", "origins", "watched_until")

    def __init__(self, host: str, deadline: float) -> None:
        self.host = host
        self.origins: list[Origin] = []
        self.deadline = deadline
        self.watched_until = inf


class Lookups:
    """Asks for the names of origins, each name once, and hands the answers out one by one.

    Attributes:
        resolved: What was answered and not handed out.

    Args:
        names: What looks them up.
        wheel: Where their deadlines are watched.
        seconds: How long a lookup may take.
    """

    def __init__(self, names: NameResolver, wheel: TimerWheel, seconds: float) -> None:
        self._names = names
        self._wheel = wheel
        self._seconds = seconds
        self._lookups: dict[str, Lookup] = {}
        self.resolved: deque[Resolution] = deque()

    def known(self, origin: Origin, now: float) -> Resolution | None:
        """Return what is known about the name of an origin; if nothing is, the origin waits for an answer."""
        resolution = self._names.known(origin.host, now)
        if resolution is None:
            self._wait(origin, now)
        return resolution

    def collect(self) -> None:
        """Take over the lookups that have ended."""
        self.resolved.extend(self._names.answers())

    def give_up(self, lookup: Lookup) -> None:
        """Do not wait for a name any longer."""
        self.resolved.append(self._names.give_up(lookup.host))

    def next(self) -> tuple[Resolution, list[Origin]] | None:
        """Return an answer that was not handed out, and the origins that waited for it."""
        while self.resolved:
            resolution = self.resolved.popleft()
            lookup = self._lookups.pop(resolution.host, None)
            if lookup is not None:  # else it comes late, and the next delivery will profit
                self._wheel.forget(lookup)
                return resolution, lookup.origins
        return None

    def _wait(self, origin: Origin, now: float) -> None:
        lookup = self._lookups.get(origin.host)
        if lookup is None:
            lookup = self._lookups[origin.host] = Lookup(origin.host, now + self._seconds)
            self._wheel.watch(lookup)
            refused = self._names.ask(origin.host)
            if refused is not None:
                self.resolved.append(refused)
        if origin not in lookup.origins:
            lookup.origins.append(origin)
