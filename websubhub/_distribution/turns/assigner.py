"""The assignment of deliveries to connections: batches take turns, and origins have limits."""

from collections import deque
from time import monotonic

from websubhub._distribution.batch import Batch
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.origins.directory import Origins
from websubhub._distribution.origins.lookups import Lookups
from websubhub._distribution.origins.origin import Origin
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome, is_out_of_descriptors
from websubhub._distribution.turns.lines import Lines
from websubhub._distribution.turns.rotation import Rotation
from websubhub._distribution.turns.send_batch import BURST, SendBatch
from websubhub._distribution.wire.channel import describe
from websubhub._distribution.wire.connection import Connection
from websubhub._distribution.wire.pool import Pool
from websubhub._distribution.wire.request import render_head
from websubhub._distribution.wire.shared import Route, Shared

#: After these failures, another address may be tried, since the exchange has not begun.
NOT_CONNECTED = frozenset({DeliveryFailure.CONNECT, DeliveryFailure.CONNECT_TIMEOUT})

_INVALID = DeliveryOutcome(
    failure=DeliveryFailure.INVALID_REQUEST, detail="The callback or a header field cannot be sent."
)
_NO_DESCRIPTOR = DeliveryOutcome(
    failure=DeliveryFailure.NO_DESCRIPTOR, detail="This program has reached its limit of open files."
)
_HELD_BACK = DeliveryOutcome(
    failure=DeliveryFailure.HELD_BACK, detail="The address has reached its limit of connections or failures."
)
#: How many origins may wait for one address, for each connection that it may have.
_LINE = 4


class Assigner:
    """Takes deliveries from batches and begins them on connections.

    A delivery is taken when there is room for one more exchange. If its origin has all the connections it may have, or
    its name is still being looked up, the delivery waits there, and the next one is taken.

    Attributes:
        origins: The origins that it knows.

    Args:
        shared: The state that all parts of the engine share.
        pool: The connections.
        lookups: The names that are being looked up.
        lines: The origins whose deliveries cannot begin yet.
        sending: Takes the deliveries that can be sent.
    """

    def __init__(self, shared: Shared, pool: Pool, lookups: Lookups, lines: Lines, sending: SendBatch) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._pool = pool
        self._lookups = lookups
        self._sending = sending
        self._rotation = Rotation(shared.limits.waiting)
        self.origins = Origins(shared.limits.origins)
        self._lines = lines
        # Failures that came up during other work. They are settled one by one, so that no turn is long.
        self._failed: deque[tuple[Delivery, Batch, DeliveryOutcome]] = deque()

    def add(self, batch: Batch) -> None:
        """Take deliveries from another batch, too."""
        self._rotation.add(batch)

    def abandon(self, batch: Batch) -> None:
        """Drop the deliveries of a batch, begun or not."""
        self._rotation.remove(batch)
        if batch.waiting:
            for origin in self.origins.all():
                origin.waiting = deque(entry for entry in origin.waiting if entry[1] is not batch)
        for connection in self._pool.under_way():
            if connection.batch is batch:
                self._pool.drop(connection)
                self._lines.await_room(connection.origin)

    @property
    def is_short_of_slots(self) -> bool:
        """Whether a delivery may be waiting for a slot."""
        return bool(self._rotation or self._lines.awaiting_room)

    def fill(self, until: float) -> bool:
        """Begin as many deliveries as there is room for. Return whether there was enough time for all."""
        sending, lines, resolved = self._sending, self._lines, self._lookups.resolved
        enough = True
        while enough and (
            ((self._failed or lines.awaiting_room or lines.suspects or resolved) and self._catch_up()) or self._take()
        ):
            if len(sending.connections) >= BURST:
                sending.send()
            enough = monotonic() < until
        sending.send()
        return enough

    def _take(self) -> bool:
        """Begin the next delivery of the batch whose turn it is. Return whether there was one, and room for it."""
        shares = self._pool.shares
        taken = self._rotation.next() if shares.busy < shares.most else None
        if taken is None:
            return False
        batch, delivery = taken
        found = self.origins.locate(delivery.callback)
        if found is None:
            batch.settle(delivery, _INVALID)
            return True
        origin, target = found
        if origin.waiting or not self._start(delivery, batch, origin, target):
            origin.waiting.append((delivery, batch, target))
            self._rotation.note_waiting(batch)
        return True

    def _catch_up(self) -> bool:
        """Do one piece of postponed work. Return whether there was any."""
        if self._failed:
            delivery, batch, outcome = self._failed.popleft()
            batch.settle(delivery, outcome)
            return True
        origin = self._lines.next()
        if origin is not None:
            self.serve(origin)
            return True
        answer = self._lookups.next()
        if answer is None:
            return False
        resolution, origins = answer
        for origin in origins:
            if resolution.failure is None or origin.open:
                self.serve(origin)
            else:
                self.fail_waiting(origin, DeliveryOutcome(failure=resolution.failure, detail=resolution.detail))
        return True

    def serve(self, origin: Origin) -> None:
        """Start deliveries that wait for an origin, as many as possible now."""
        while origin.waiting:
            if not self._pool.shares.has_room:
                self._lines.await_room(origin)
                return
            delivery, batch, target = origin.waiting[0]
            if not self._start(delivery, batch, origin, target):
                return
            origin.waiting.popleft()
            self._rotation.note_started(batch)

    def try_again(self, connection: Connection, delivery: Delivery, batch: Batch, failure: DeliveryFailure) -> bool:
        """Try the next address of the host, or repeat a delivery that was certainly not processed.

        Return whether either was possible.
        """
        origin = connection.origin
        if failure in NOT_CONNECTED and connection.route.addresses:
            self._connect(delivery, batch, origin, connection.head, connection.route, failure)
            return True
        if not connection.unprocessed or delivery in batch.repeated:
            return False
        found = self.origins.locate(delivery.callback)
        if found is None:
            return False
        batch.repeated.add(delivery)
        self._pool.drop_idle_of(origin)  # they are just as old
        origin.waiting.appendleft((delivery, batch, found[1]))
        self._rotation.note_waiting(batch)
        self.serve(origin)
        return True

    def fail_waiting(self, origin: Origin, outcome: DeliveryOutcome) -> None:
        """Settle the deliveries that wait for an origin that cannot be reached."""
        for delivery, batch, _ in origin.waiting:
            self._rotation.note_started(batch)
            self._failed.append((delivery, batch, outcome))
        origin.waiting.clear()

    def _start(self, delivery: Delivery, batch: Batch, origin: Origin, target: str) -> bool:
        """Begin a delivery or settle it. Return False if it has to wait."""
        if origin.suspect and not self._lines.has_share(origin):
            return False
        connection = self._pool.borrow(origin)
        if connection is None:
            return self._start_fresh(delivery, batch, origin, target)
        head = render_head(delivery, target, origin.request_end)
        may_connect = delivery.content.may_connect
        if head is None or (may_connect is not None and not may_connect(connection.place.name)):
            self._pool.keep(connection)
            batch.settle(delivery, _INVALID if head is None else _HELD_BACK)
        else:
            self._sending.put(connection, delivery, batch, head)
        return True

    def _start_fresh(self, delivery: Delivery, batch: Batch, origin: Origin, target: str) -> bool:
        if not self._pool.may_open(origin):
            self._lines.await_connection(origin)
            return False
        resolution = self._lookups.known(origin, self._shared.now)
        if resolution is None:
            return False
        if resolution.failure is not None:
            if not origin.open:
                batch.settle(delivery, DeliveryOutcome(failure=resolution.failure, detail=resolution.detail))
            return not origin.open  # existing connections are still good
        addresses = self._pool.reachable(resolution.addresses)
        if not addresses:
            return self._wait_or_give_up(delivery, batch, origin, resolution.addresses)
        head = render_head(delivery, target, origin.request_end)
        if head is None:
            batch.settle(delivery, _INVALID)
            return True
        self._connect(delivery, batch, origin, head, Route(addresses, self._shared.now + self._limits.connect_seconds))
        return True

    def _wait_or_give_up(self, delivery: Delivery, batch: Batch, origin: Origin, addresses: tuple[str, ...]) -> bool:
        """Make an origin wait for room at its addresses, or end the delivery. Return whether it is settled."""
        places = [self._pool.places.at(address) for address in addresses]
        waited_for = [place for place in places if not self._pool.places.is_held_back(place, self._shared.now)]
        if not waited_for or len(waited_for[0].waiting) >= _LINE * self._limits.connections_per_address:
            batch.settle(delivery, _HELD_BACK)
            return True
        if origin not in waited_for[0].waiting:
            waited_for[0].waiting.append(origin)
        self._lines.await_connection(origin)  # in case that address has no exchange left whose end would be noticed
        return False

    def _connect(
        self,
        delivery: Delivery,
        batch: Batch,
        origin: Origin,
        head: bytes,
        route: Route,
        failure: DeliveryFailure = DeliveryFailure.HELD_BACK,
    ) -> None:
        outcome = DeliveryOutcome(failure=failure, detail="No address of the host may be connected to at present.")
        while route.addresses:
            address = route.addresses[0]  # it may have become full while the previous one was tried
            if not (self._pool.reachable((address,)) and _may_connect(delivery, address)):
                route = route.after_first
                continue
            try:
                connection = self._pool.open(origin, route)
            except OSError as error:
                if is_out_of_descriptors(error):  # of this program, which says nothing about the host
                    batch.settle(delivery, _NO_DESCRIPTOR)
                    return
                # This address cannot be reached, so try the next one.
                outcome = DeliveryOutcome(failure=DeliveryFailure.CONNECT, detail=describe(error))
                route = route.after_first
            else:
                self._sending.put(connection, delivery, batch, head)
                return
        batch.settle(delivery, outcome)


def _may_connect(delivery: Delivery, address: str) -> bool:
    may_connect = delivery.content.may_connect
    return may_connect is None or may_connect(address)
