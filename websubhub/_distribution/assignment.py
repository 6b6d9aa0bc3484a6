"""Which delivery goes onto which connection, and when: batches take turns, origins have their limits."""

from collections import deque
from math import inf
from time import monotonic

from websubhub._distribution.batch import Batch
from websubhub._distribution.channel import describe
from websubhub._distribution.connection import Connection
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.names import NameResolver, Resolution
from websubhub._distribution.origin import Origin
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.pool import Pool
from websubhub._distribution.request import render_head
from websubhub._distribution.wiring import Route, Wiring

#: The exchange has not begun, so another address may be tried.
NOT_CONNECTED = frozenset({DeliveryFailure.CONNECT, DeliveryFailure.CONNECT_TIMEOUT})

_BURST = 64

_INVALID = DeliveryOutcome(
    failure=DeliveryFailure.INVALID_REQUEST, detail="The callback or a header field cannot be sent."
)


class Lookup:
    """A name that is being looked up, and the origins whose deliveries wait for it."""

    __slots__ = ("deadline", "host", "origins", "watched_until")

    def __init__(self, host: str, deadline: float) -> None:
        self.host = host
        self.origins: list[Origin] = []
        self.deadline = deadline
        self.watched_until = inf


class Assignment:
    """Takes deliveries from batches and begins them on connections.

    A delivery is taken when there is room for one more exchange. If its origin has all the connections it may have, or
    its name is still looked up, it waits there and the next one is taken.

    Attributes:
        now: The time, as of the present turn.
        ended: Exchanges that failed as they began.
    """

    def __init__(self, wiring: Wiring, pool: Pool, names: NameResolver) -> None:
        self.now = monotonic()
        self.ended: deque[tuple[Connection, Delivery, DeliveryOutcome]] = deque()
        self._limits = wiring.limits
        self._wheel = wiring.wheel
        self._pool = pool
        self._names = names
        self._outbox: list[Connection] = []
        self._rotation: deque[Batch] = deque()
        self._lookups: dict[str, Lookup] = {}
        # What came up in the middle of something else, and is done one by one so that no turn is long.
        self._starved: deque[Origin] = deque()
        self._patient: set[Origin] = set()
        self._resolved: deque[Resolution] = deque()
        self._failed: deque[tuple[Delivery, Batch, DeliveryOutcome]] = deque()

    def add(self, batch: Batch) -> None:
        """Take deliveries from this batch, too."""
        self._rotation.append(batch)

    def abandon(self, batch: Batch) -> None:
        """Forget the deliveries of a batch that have not begun."""
        if batch in self._rotation:
            self._rotation.remove(batch)
        if batch.ahead:
            for origin in self._pool.origins():
                origin.waiting = deque(entry for entry in origin.waiting if entry[1] is not batch)

    def fill(self, until: float) -> bool:
        """Begin as many deliveries as there is room for; whether the time was enough for all."""
        enough = True
        while enough and (self._catch_up() or self._pull()):
            if len(self._outbox) >= _BURST:
                self._launch()
            enough = monotonic() < until
        self._launch()
        return enough

    def _launch(self) -> None:
        # Sent one right after the other, since a server that is awake costs less to reach than one that is woken.
        for connection in self._outbox:
            delivery = connection.delivery
            if delivery is not None:  # it is, if its batch was abandoned meanwhile
                failed = connection.launch()
                if failed is not None:
                    self.ended.append((connection, delivery, failed))
        self._outbox.clear()

    def _pull(self) -> bool:
        """Take the next delivery from the batch whose turn it is, if there is room; whether something changed."""
        rotation = self._rotation
        if not rotation or self._pool.busy >= self._limits.connections:
            return False
        batch = rotation.popleft()
        delivery = batch.take()
        if delivery is None:
            return True
        found = self._pool.locate(delivery.callback)
        if found is None:
            batch.settle(delivery, _INVALID)
        else:
            origin, target = found
            if origin.waiting or not self._start(delivery, batch, origin, target):
                origin.waiting.append((delivery, batch, target))
                batch.ahead += 1
        batch.parked = batch.ahead >= self._limits.waiting
        if not batch.parked:
            rotation.append(batch)
        return True

    def _catch_up(self) -> bool:
        """Do one thing that could not be done where it came up; whether there was one."""
        if self._failed:
            delivery, batch, outcome = self._failed.popleft()
            batch.settle(delivery, outcome)
        elif self._resolved:
            self._resolve(self._resolved.popleft())
        elif self._starved and self._pool.has_room:
            origin = self._starved.popleft()
            origin.queued = False
            self.serve(origin)
        else:
            return False
        return True

    def serve(self, origin: Origin) -> None:
        """Start deliveries that wait for the origin, as many as it can take now."""
        while origin.waiting:
            if not self._pool.has_room:
                self.serve_later(origin)
                return
            delivery, batch, target = origin.waiting[0]
            if not self._start(delivery, batch, origin, target):
                return
            origin.waiting.popleft()
            self._count_down(batch)

    def serve_patient(self) -> None:
        """Look again whether those who did not get a connection may have one now."""
        patient, self._patient = self._patient, set()
        for origin in patient:
            self.serve_later(origin)

    def serve_later(self, origin: Origin) -> None:
        """Let the origin stand in line for room among all connections."""
        if origin.waiting and not origin.queued:
            origin.queued = True
            self._starved.append(origin)

    def try_again(self, connection: Connection, delivery: Delivery, batch: Batch, failure: DeliveryFailure) -> bool:
        """Try the next address of the host, or repeat what was certainly not processed; whether there is a way."""
        origin = connection.origin
        if failure in NOT_CONNECTED and connection.route.addresses:
            self._connect(delivery, batch, origin, connection.head, connection.route)
            return True
        if not connection.unprocessed or delivery in batch.repeated:
            return False
        found = self._pool.locate(delivery.callback)
        if found is None:
            return False
        batch.repeated.add(delivery)
        self._pool.drop_idle_of(origin)  # they are as old as this one
        origin.waiting.appendleft((delivery, batch, found[1]))
        batch.ahead += 1
        self.serve(origin)
        return True

    def fail_waiting(self, origin: Origin, outcome: DeliveryOutcome) -> None:
        """Settle what waits for an origin that cannot be reached."""
        for delivery, batch, _ in origin.waiting:
            self._count_down(batch)
            self._failed.append((delivery, batch, outcome))
        origin.waiting.clear()

    def _count_down(self, batch: Batch) -> None:
        batch.ahead -= 1
        if batch.parked and batch.ahead < self._limits.waiting:
            batch.parked = False
            self._rotation.append(batch)

    def _start(self, delivery: Delivery, batch: Batch, origin: Origin, target: str) -> bool:
        """Begin a delivery or settle it; whether that was possible, otherwise it has to wait."""
        connection = self._pool.borrow(origin)
        if connection is None:
            return self._start_fresh(delivery, batch, origin, target)
        head = render_head(delivery, target, origin.request_end)
        if head is None:
            self._pool.park(connection, self.now)
            batch.settle(delivery, _INVALID)
        else:
            self._begin(connection, delivery, batch, head)
        return True

    def _start_fresh(self, delivery: Delivery, batch: Batch, origin: Origin, target: str) -> bool:
        if not self._pool.may_open(origin, self.now):
            self._patient.add(origin)
            return False
        resolution = self._names.known(origin.host, self.now)
        if resolution is None:
            self._look_up(origin)
            return False
        if resolution.failure is not None:
            if not origin.open:
                batch.settle(delivery, DeliveryOutcome(failure=resolution.failure, detail=resolution.detail))
            return not origin.open  # connections that there are, are as good as they were
        head = render_head(delivery, target, origin.request_end)
        if head is None:
            batch.settle(delivery, _INVALID)
            return True
        seconds = delivery.content.connect_seconds or self._limits.connect_seconds
        self._connect(delivery, batch, origin, head, Route(resolution.addresses, self.now + seconds))
        return True

    def _connect(self, delivery: Delivery, batch: Batch, origin: Origin, head: bytes, route: Route) -> None:
        problem = OSError()
        while route.addresses:
            try:
                connection = self._pool.open(origin, route, self.now)
            except OSError as error:  # there is no way to this address; try the next one
                problem = error
                route = route.rest
            else:
                self._begin(connection, delivery, batch, head)
                return
        batch.settle(delivery, DeliveryOutcome(failure=DeliveryFailure.CONNECT, detail=describe(problem)))

    def _begin(self, connection: Connection, delivery: Delivery, batch: Batch, head: bytes) -> None:
        seconds = delivery.content.total_seconds or self._limits.total_seconds
        if connection.begin(delivery, batch, head, self.now + seconds):
            self._outbox.append(connection)
        if connection.deadline < connection.watched_until:
            self._wheel.watch(connection)

    # Names.

    def collect_names(self) -> None:
        """Take over the lookups that have ended."""
        self._resolved.extend(self._names.answers())

    def give_up(self, lookup: Lookup) -> None:
        """Do not wait for a name any longer."""
        self._resolve(self._names.give_up(lookup.host))

    def _look_up(self, origin: Origin) -> None:
        lookup = self._lookups.get(origin.host)
        if lookup is None:
            lookup = self._lookups[origin.host] = Lookup(origin.host, self.now + self._limits.lookup_seconds)
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
                self.serve(origin)
            else:
                self.fail_waiting(origin, DeliveryOutcome(failure=resolution.failure, detail=resolution.detail))
