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
    """Looks up the names of origins, each name once, and hands out the answers one by one.

    Attributes:
        resolved: The answers that have not been handed out.

    Args:
        names: Looks up the names.
        wheel: Watches the deadlines of lookups.
        seconds: How long a lookup may take.
    """

    def __init__(self, names: NameResolver, wheel: TimerWheel, seconds: float) -> None:
        self._names = names
        self._wheel = wheel
        self._seconds = seconds
        self._lookups: dict[str, Lookup] = {}
        self.resolved: deque[Resolution] = deque()

    def known(self, origin: Origin, now: float) -> Resolution | None:
        """Return what is known about the name of an origin. If nothing is known, the origin waits for an answer."""
        resolution = self._names.known(origin.host, now)
        if resolution is None:
            self._wait(origin, now)
        return resolution

    def collect(self) -> None:
        """Collect the lookups that have ended."""
        self.resolved.extend(self._names.answers())

    def give_up(self, lookup: Lookup) -> None:
        """Stop waiting for a name."""
        self.resolved.append(self._names.give_up(lookup.host))

    def next(self) -> tuple[Resolution, list[Origin]] | None:
        """Return the next answer to hand out, and the origins that waited for it."""
        while self.resolved:
            resolution = self.resolved.popleft()
            lookup = self._lookups.pop(resolution.host, None)
            if lookup is not None:  # else the answer is late, and helps the next delivery
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
