"""The addresses that deliveries go to: how many connections each has, and whether it accepts what it gets."""

from collections import deque
from math import inf

from _websub.calls.accounts import PROVEN_SECONDS, Accounts, Budget
from _websub.grammar.addresses import address_block, is_loopback_host
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.origins.origin import Origin


class Place:
    """An address, or an IPv6 network, and the origins that wait for a connection to it.

    Attributes:
        name: Its name.
        limit: How many connections it may have.
        open: How many connections it has.
        taken_at: When it last accepted a delivery.
        waiting: The origins that wait until it may have another connection.
    """

    __slots__ = ("limit", "name", "open", "taken_at", "waiting")

    def __init__(self, name: str, limit: float) -> None:
        self.name = name
        self.limit = limit
        self.open = 0
        self.taken_at = -inf
        self.waiting: deque[Origin] = deque()


class Places:
    """The addresses of an engine, with limits on their connections and on failed deliveries.

    An address that accepted a delivery within the last hour may fail any number of times: many servers may share it,
    and the delays between attempts slow down those that fail. An address that accepted none may belong to someone whom
    the owner of a name has subscribed. For a hub on loopback, this machine has no limits, since its subscribers only
    differ in their ports.

    Args:
        limits: The limits.
        loopback: Whether this machine has none.
    """

    def __init__(self, limits: EngineLimits, *, loopback: bool = False) -> None:
        self._loopback = loopback
        self._limit = limits.connections_per_address
        self._remembered = 2 * limits.origins
        self._places: dict[str, Place] = {}
        rate = limits.failing_per_minute
        budget = Budget(at_once=limits.connections, burst=rate, per_minute=rate)
        self._now = -inf
        self._failing = Accounts(budget, lambda: self._now, limits.origins)

    def at(self, address: str) -> Place:
        """Return the place of an address."""
        place = self._places.get(address)  # an IPv4 address is the name of its place
        if place is not None:
            return place
        name = address_block(address)
        place = self._places.get(name)
        if place is None:
            if len(self._places) >= self._remembered:
                self._forget()
            at_home = self._loopback and is_loopback_host(address)
            place = self._places[name] = Place(name, inf if at_home else self._limit)
        return place

    def is_held_back(self, place: Place, now: float) -> bool:
        """Return whether a place has failed so many deliveries, and accepted none, that it gets none for a while."""
        self._now = now
        proven = place.limit == inf or place.taken_at > now - PROVEN_SECONDS
        return not proven and self._failing.wait(place.name) > 0

    def failed(self, place: Place, now: float) -> None:
        """Note that a place did not accept a delivery."""
        self._now = now
        if place.limit < inf:
            self._failing.begin(place.name)
            self._failing.end(place.name, size=0, wanted=False, failed=True)

    def _forget(self) -> None:
        idle = [name for name, place in self._places.items() if not (place.open or place.waiting)]
        for name in idle[: self._remembered // 2]:
            del self._places[name]
