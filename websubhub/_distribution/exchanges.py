"""What is under way in an engine: deliveries of batches on connections, names in lookup, and their deadlines."""

import socket
from collections import deque
from math import inf
from time import monotonic

from websubhub._distribution.batch import Batch
from websubhub._distribution.channel import describe
from websubhub._distribution.connection import Connection, Route, Wiring
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.names import NameResolver, Resolution
from websubhub._distribution.origin import Origin
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.poller import EVENTS_AT_ONCE
from websubhub._distribution.pool import Pool
from websubhub._distribution.request import render_head

# The event loop has other things to do: no turn is longer, save for the last thing done in it.
_TURN_SECONDS = 0.002

_NOT_CONNECTED = frozenset({DeliveryFailure.CONNECT, DeliveryFailure.CONNECT_TIMEOUT})
_INVALID = DeliveryOutcome(
    failure=DeliveryFailure.INVALID_REQUEST, detail="The callback or a header field cannot be sent."
)


class _Lookup:
    """A name that is being looked up, and the origins whose deliveries wait for it."""

    __slots__ = ("deadline", "host", "origins", "watched_until")

    def __init__(self, host: str, deadline: float) -> None:
        self.host = host
        self.origins: list[Origin] = []
        self.deadline = deadline
        self.watched_until = inf


class Exchanges:
    """Brings deliveries onto connections and outcomes back to batches. It never waits and starts no task.

    Whoever drives it calls ``turn`` when the poller is readable, and ``tick`` from time to time.

    A delivery is taken from a batch when there is room for one more exchange. If its origin has all the connections it
    may have, or its name is still looked up, it waits there and the next one is taken; batches take turns.
    """

    def __init__(self, wiring: Wiring, names: NameResolver, bell: socket.socket) -> None:
        self._wiring = wiring
        self._limits = wiring.limits
        self._names = names
        self._bell = bell
        self._now = monotonic()
        self._wheel = wiring.wheel
        self._pool = Pool(wiring)
        self._rotation: deque[Batch] = deque()
        self._lookups: dict[str, _Lookup] = {}
        # What came up in the middle of something else, and is done one by one so that no turn is long.
        self._starved: deque[Origin] = deque()
        self._resolved: deque[Resolution] = deque()
        self._ended: deque[tuple[Connection, DeliveryOutcome]] = deque()
        self._failed: deque[tuple[Delivery, Batch, DeliveryOutcome]] = deque()
        self._repeated: set[Delivery] = set()
        self._turning = False

    def add(self, batch: Batch) -> None:
        """Take deliveries from this batch, too."""
        self._rotation.append(batch)

    def abandon(self, batch: Batch) -> None:
        """Drop what is under way for a batch whose sender has gone, without outcomes."""
        batch.abandoned = True
        if batch in self._rotation:
            self._rotation.remove(batch)
        for connection in self._pool.under_way():
            if connection.batch is batch:
                self._pool.drop(connection)
                self._let_serve(connection.origin)
        if batch.ahead:
            for origin in self._pool.origins():
                origin.waiting = deque(entry for entry in origin.waiting if entry[1] is not batch)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def turn(self) -> bool:
        """Handle what is ready and start what there is room for; whether it had to stop before all was done."""
        if self._turning:  # called by a receiver of outcomes
            return True
        self._turning = True
        try:
            return self._turn()
        finally:
            self._turning = False

    def _turn(self) -> bool:
        poll, handle = self._wiring.poller.poll, self._handle
        self._now = now = monotonic()
        until = now + _TURN_SECONDS
        while self._clean_up():
            if monotonic() > until:
                return True
        events = poll(0, EVENTS_AT_ONCE)
        while events:
            for fd, mask in events:
                handle(fd, mask)
                self._now = now = monotonic()
                if now > until:
                    return True
            events = poll(0, EVENTS_AT_ONCE)
        while self._clean_up() or self._pull():
            if monotonic() > until:
                return True
        return False

    def tick(self) -> None:
        """Fail what is past its deadline, and close what was idle for too long."""
        self._now = now = monotonic()
        for item in self._wheel.expired(now):
            if isinstance(item, Connection):
                self._finish(item, item.expire())
            elif isinstance(item, _Lookup):
                self._resolve(self._names.give_up(item.host))
        self._pool.drop_old(now)

    def _handle(self, fd: int, events: int) -> None:
        connection = self._pool.by_descriptor(fd)
        if connection is None:
            if fd == self._bell.fileno():
                self._answer_bell()
            return
        if connection.delivery is None:
            self._pool.drop_idle(connection)
            return
        outcome = connection.advance(events, self._now)
        if outcome is not None:
            self._finish(connection, outcome)
        elif connection.deadline < connection.watched_until:
            self._wheel.watch(connection)

    def _answer_bell(self) -> None:
        self._bell.recv(4096)
        self._resolved.extend(self._names.answers())

    def _clean_up(self) -> bool:
        """Do one thing that could not be done where it came up; whether there was one."""
        if self._ended:
            self._finish(*self._ended.popleft())
        elif self._failed:
            self._settle(*self._failed.popleft())
        elif self._resolved:
            self._resolve(self._resolved.popleft())
        elif self._starved and self._pool.has_room:
            origin = self._starved.popleft()
            origin.queued = False
            self._serve(origin)
        else:
            return False
        return True

    # From batches to connections.

    def _pull(self) -> bool:
        """Take the next delivery from the batch whose turn it is, if there is room; whether something changed."""
        rotation = self._rotation
        if not rotation or not self._pool.has_room:
            return False
        batch = rotation.popleft()
        delivery = batch.take()
        if delivery is None:
            if batch.finished:
                batch.wake.set()
            return True
        found = self._pool.locate(delivery.callback)
        if found is None:
            self._settle(delivery, batch, _INVALID)
        else:
            origin, target = found
            if origin.waiting or not self._start(delivery, batch, origin, target):
                origin.waiting.append((delivery, batch, target))
                batch.ahead += 1
        batch.parked = batch.ahead >= self._limits.waiting
        if not batch.parked:
            rotation.append(batch)
        return True

    def _start(self, delivery: Delivery, batch: Batch, origin: Origin, target: str) -> bool:
        """Begin a delivery or settle it; whether that was possible, otherwise it has to wait."""
        connection = self._pool.borrow(origin)
        if connection is not None:
            head = render_head(delivery, target, origin.request_end)
            if head is None:
                self._pool.park(connection, self._now)
                self._settle(delivery, batch, _INVALID)
            else:
                self._begin(connection, delivery, batch, head)
            return True
        if not self._pool.may_open(origin):
            return False
        resolution = self._names.known(origin.host, self._now)
        if resolution is None:
            self._look_up(origin)
            return False
        if resolution.failure is None:
            self._start_fresh(delivery, batch, origin, target, resolution.addresses)
            return True
        if origin.open:
            return False  # its connections are as good as they were
        self._settle(delivery, batch, DeliveryOutcome(failure=resolution.failure, detail=resolution.detail))
        return True

    def _start_fresh(
        self, delivery: Delivery, batch: Batch, origin: Origin, target: str, addresses: tuple[str, ...]
    ) -> None:
        head = render_head(delivery, target, origin.request_end)
        if head is None:
            self._settle(delivery, batch, _INVALID)
            return
        seconds = delivery.content.connect_seconds or self._limits.connect_seconds
        self._connect(delivery, batch, origin, head, Route(addresses, self._now + seconds))

    def _connect(self, delivery: Delivery, batch: Batch, origin: Origin, head: bytes, route: Route) -> None:
        problem: OSError | None = None
        while route.addresses:
            try:
                connection = self._pool.open(origin, route, self._now)
            except OSError as error:  # there is no way to this address; try the next one
                problem = error
                route = route.rest
            else:
                self._begin(connection, delivery, batch, head)
                return
        detail = describe(problem or OSError())
        self._settle(delivery, batch, DeliveryOutcome(failure=DeliveryFailure.CONNECT, detail=detail))

    def _begin(self, connection: Connection, delivery: Delivery, batch: Batch, head: bytes) -> None:
        seconds = delivery.content.total_seconds or self._limits.total_seconds
        failed = connection.begin(delivery, batch, head, self._now + seconds)
        if failed is not None:
            self._ended.append((connection, failed))
        if connection.deadline < connection.watched_until:
            self._wheel.watch(connection)

    def _serve(self, origin: Origin) -> None:
        """Start deliveries that wait for the origin, as many as it can take now."""
        while origin.waiting:
            if not self._pool.has_room:
                self._let_serve(origin)
                return
            delivery, batch, target = origin.waiting[0]
            if not self._start(delivery, batch, origin, target):
                return
            origin.waiting.popleft()
            self._count_down(batch)

    def _count_down(self, batch: Batch) -> None:
        batch.ahead -= 1
        if batch.parked and batch.ahead < self._limits.waiting:
            batch.parked = False
            self._rotation.append(batch)

    def _let_serve(self, origin: Origin) -> None:
        if origin.waiting and not origin.queued:
            origin.queued = True
            self._starved.append(origin)

    # Names.

    def _look_up(self, origin: Origin) -> None:
        lookup = self._lookups.get(origin.host)
        if lookup is None:
            lookup = self._lookups[origin.host] = _Lookup(origin.host, self._now + self._limits.lookup_seconds)
            self._wheel.watch(lookup)
            refused = self._names.ask(origin.host)
            if refused is not None:
                self._resolved.append(refused)
        if origin not in lookup.origins:
            lookup.origins.append(origin)

    def _resolve(self, resolution: Resolution) -> None:
        lookup = self._lookups.pop(resolution.host, None)
        if lookup is None:
            return  # it comes late; the next delivery will profit
        self._wheel.forget(lookup)
        for origin in lookup.origins:
            if resolution.failure is None or origin.open:
                self._serve(origin)
            else:
                self._fail_waiting(origin, DeliveryOutcome(failure=resolution.failure, detail=resolution.detail))

    # From connections to batches.

    def _finish(self, connection: Connection, outcome: DeliveryOutcome) -> None:
        delivery, batch, origin = connection.delivery, connection.batch, connection.origin
        assert delivery is not None and batch is not None  # noqa: S101, PT018 - an exchange has ended
        if connection.reusable:
            self._pool.park(connection, self._now)
        else:
            self._pool.drop(connection)
            if outcome.failure is not None and self._try_again(connection, delivery, batch, outcome.failure):
                return
            if outcome.failure in _NOT_CONNECTED and not origin.open:
                self._fail_waiting(origin, outcome)  # the server is down, for those who wait as well
        self._settle(delivery, batch, outcome)
        if origin.waiting:
            self._serve(origin)
        self._pull()

    def _try_again(self, connection: Connection, delivery: Delivery, batch: Batch, failure: DeliveryFailure) -> bool:
        """Try the next address of the host, or repeat what was certainly not processed; whether there is a way."""
        origin = connection.origin
        if failure in _NOT_CONNECTED and connection.route.addresses:
            self._connect(delivery, batch, origin, connection.head, connection.route)
            return True
        if not connection.unprocessed or delivery in self._repeated:
            return False
        found = self._pool.locate(delivery.callback)
        if found is None:
            return False
        self._repeated.add(delivery)
        self._pool.drop_idle_of(origin)  # they are as old as this one
        origin.waiting.appendleft((delivery, batch, found[1]))
        batch.ahead += 1
        self._serve(origin)
        return True

    def _fail_waiting(self, origin: Origin, outcome: DeliveryOutcome) -> None:
        for delivery, batch, _ in origin.waiting:
            self._count_down(batch)
            self._failed.append((delivery, batch, outcome))
        origin.waiting.clear()

    def _settle(self, delivery: Delivery, batch: Batch, outcome: DeliveryOutcome) -> None:
        if self._repeated:
            self._repeated.discard(delivery)
        batch.settle(delivery, outcome)
        if batch.finished:
            batch.wake.set()
