"""The hosts of callbacks: how many deliveries each gets at once, and how failing ones are slowed down."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from heapq import heappop, heappush, nsmallest

from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.ports import HostPlace, HostState
from websubhub.standalone.schedule.limits import DeliveryLimits
from websubhub.standalone.schedule.queues import SubscriptionQueue

_REMEMBERED = 100_000  # failing hosts; above that, idle ones are removed
_KEPT = 4_096  # healthy hosts; above that, idle ones are removed. The next update usually goes to the same hosts.


def host_key(host: str) -> int:
    """Return the number of a host, named as by ``authority_of``, for the columns of subscriptions."""
    return int.from_bytes(blake2b(host.encode(), digest_size=8).digest(), "big", signed=True)


class Host:
    """The state of a host that is busy, failing or paused.

    Attributes:
        key: Its number.
        name: Its name, for operators, or an empty string until it is known.
        in_flight: How many slots are taken.
        failures: How many deliveries to it have failed in a row.
        failed_at: When the last of them failed.
        probes: How often in a row it was held back, without accepting a delivery in between.
        resumes_at: The time until which it is held back, or None.
        paused: Whether an operator paused it.
        parked: The subscriptions that are waiting for it, or None.
        well_at: The start of the last delivery that it answered.
    """

    __slots__ = (
        "failed_at", "failures", "in_flight", "key", "name", "parked", "paused", "probes", "resumes_at", "well_at",
    )  # fmt: skip

    def __init__(self, key: int) -> None:
        self.key: int = key
        self.name: str = ""
        self.in_flight: int = 0
        self.failures: int = 0
        self.failed_at: float = 0.0
        self.probes: int = 0
        self.resumes_at: float | None = None
        self.paused: bool = False
        self.parked: SubscriptionQueue | None = None
        self.well_at: float = 0.0


class Hosts:
    """The hosts of callbacks. Idle healthy hosts are removed above a limit.

    Each delivery takes a slot, and its outcome frees the slot. A subscription without a slot is parked, and ``call`` is
    called with its pair of numbers when its turn comes.

    Args:
        limits: The limits.
        call: Called with the topic and subscription whose turn it is. Returns whether it takes the slot.

    Attributes:
        record: Records an event of a host. By default, it does nothing.
    """

    def __init__(self, limits: DeliveryLimits, call: Callable[[int, int], bool]) -> None:
        self._limits = limits
        self._per_host = limits.per_host
        self._call = call
        self._hosts: dict[int, Host] = {}
        self._probes: list[tuple[float, int]] = []
        self.record: Callable[..., None] = _record_nowhere

    def acquire(self, key: int) -> Host | None:
        """Take a slot and return the host, or None if no slot is free, others are parked, or it is held back."""
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = Host(key)
        else:
            slots = _slots(host, self._limits) if host.failures else self._per_host
            if host.in_flight >= slots or host.parked is not None or host.paused or host.resumes_at is not None:
                return None
        host.in_flight += 1
        return host

    def busy(self, key: int) -> Host:
        """Return a host that has a taken slot."""
        return self._hosts[key]

    def park(self, key: int, topic: int, subscription: int, *, fresh: bool) -> None:
        """Make a subscription wait for the host. A fresh update brings forward the next probe of a failing host."""
        host = self._hosts.get(key)
        if host is None:
            host = self._hosts[key] = Host(key)
        if host.parked is None:
            host.parked = SubscriptionQueue()
        host.parked.push(topic, subscription)
        early = host.failed_at + self._limits.probe_seconds
        if fresh and host.resumes_at is not None and early < host.resumes_at:
            self._hold(key, host, early)

    def succeeded(self, key: int, began: float) -> None:
        """Free a slot after a delivery, begun at that time, that the host answered."""
        host = self._hosts[key]
        host.well_at = max(host.well_at, began)
        if host.probes:
            self.record(Kind.HOST_RECOVERED, host=host.name)
        host.failures = host.probes = 0
        host.resumes_at = None
        self.released(key)

    def failed(self, key: int, now: float, *, began: float, repeated: bool) -> None:
        """Free a slot after a delivery that failed because of the host.

        The failure does not count if the host has answered another delivery meanwhile, or if the callback had failed
        before: a few callbacks that never answer must not hold back the others. Once the host is held back, all
        failures count.
        """
        host = self._hosts[key]
        if host.failures < self._limits.failures and (repeated or began <= host.well_at):
            self.released(key)
            return
        host.failures += 1
        host.failed_at = now
        if host.failures >= self._limits.failures and host.resumes_at is None:
            wait = min(self._limits.probe_seconds * 2.0 ** min(host.probes, 32), self._limits.probe_seconds_most)
            host.probes += 1
            self._hold(key, host, now + wait)
            if host.probes == 1:
                self.record(Kind.HOST_HELD_BACK, host=host.name, seconds=round(wait), failures=host.failures)
        self.released(key)

    def released(self, key: int) -> None:
        """Free a slot after a delivery that says nothing about the host."""
        host = self._hosts[key]
        host.in_flight -= 1
        if host.parked is not None:
            self.call_parked(host)
        kept = _REMEMBERED if host.failures else _KEPT
        if len(self._hosts) > kept and not (host.in_flight or host.paused or host.parked is not None):
            del self._hosts[key]

    def crowded(self) -> bool:
        """Return whether hosts are removed once idle, so that their last slot must be freed with ``released``."""
        return len(self._hosts) > _KEPT

    def pause(self, name: str) -> None:
        """Hold back all deliveries to this host until it is resumed."""
        key = host_key(name)
        host = self._hosts.setdefault(key, Host(key))
        host.name = name
        host.paused = True

    def resume(self, name: str) -> None:
        """End a pause, and clear the failures."""
        key = host_key(name)
        host = self._hosts.setdefault(key, Host(key))
        host.paused = False
        host.resumes_at = None
        host.failures = host.probes = 0
        host.in_flight += 1
        self.released(key)

    def probe(self, now: float) -> None:
        """Call one subscription of each failing host whose probe is due."""
        while self._probes and self._probes[0][0] <= now:
            resumes_at, key = heappop(self._probes)
            host = self._hosts.get(key)
            if host is None or host.resumes_at != resumes_at or host.paused:
                continue
            host.resumes_at = None
            self.call_parked(host)

    def next_probe(self) -> float | None:
        """Return when the next probe of a failing host is due, or None."""
        return self._probes[0][0] if self._probes else None

    def states(self, limit: int, *, only: str | None = None, after: HostPlace | None = None) -> list[HostState]:
        """Return the hosts that are paused, failing or busy, in this order.

        Args:
            limit: The most to return.
            only: The name of the only host.
            after: The place of the last host of the previous page.
        """
        found: Iterable[Host] = self._hosts.values()
        if only is not None:
            host = self._hosts.get(host_key(only))
            found = () if host is None else (host,)
        states = (_state(host) for host in found if _is_of_interest(host))
        return nsmallest(limit, (state for state in states if after is None or state.place > after), key=_place)

    def _hold(self, key: int, host: Host, until: float) -> None:
        host.resumes_at = until
        heappush(self._probes, (until, key))

    def call_parked(self, host: Host) -> None:
        """Give the free slots of a host to the subscriptions that wait for it."""
        if host.paused or host.resumes_at is not None:
            return
        slots, parked = _slots(host, self._limits), host.parked
        while host.in_flight < slots and parked:
            if self._call(*parked.pop()):
                host.in_flight += 1
        if not parked:
            host.parked = None


def _record_nowhere(_kind: Kind, **_fields: object) -> None:
    """Record no event."""


def _slots(host: Host, limits: DeliveryLimits) -> int:
    # A host that keeps failing gets one delivery at a time, which is the probe.
    return limits.per_host if host.failures < limits.failures else 1


def _is_of_interest(host: Host) -> bool:
    return bool(host.in_flight or host.failures or host.paused or host.parked)


def _state(host: Host) -> HostState:
    return HostState(
        host=host.name,
        in_flight=host.in_flight,
        parked=len(host.parked or ()),
        failures=host.failures,
        resumes_at=host.resumes_at,
        paused=host.paused,
    )


def _place(state: HostState) -> HostPlace:
    return state.place
