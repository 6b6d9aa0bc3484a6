"""What is under way in an engine: sockets that are ready, exchanges that end, and deadlines that pass."""

import socket
from time import monotonic

from websubhub._distribution.batch import Batch
from websubhub._distribution.origins.lookups import Lookup, Lookups
from websubhub._distribution.origins.names import NameResolver
from websubhub._distribution.outcome import DeliveryOutcome
from websubhub._distribution.turns.assignment import NOT_CONNECTED, Assignment
from websubhub._distribution.wire.connection import Connection
from websubhub._distribution.wire.poller import EVENTS_AT_ONCE
from websubhub._distribution.wire.pool import Pool
from websubhub._distribution.wire.wiring import Wiring

# The event loop has other things to do: no turn is longer than both, save for the last thing done in it.
_TURN_SECONDS = 0.00125
_FILL_SECONDS = 0.00075


class Exchanges:
    """Brings deliveries onto connections and outcomes back to batches. It never waits and starts no task.

    Whoever drives it calls ``turn`` when the poller is readable, and ``tick`` from time to time.
    """

    def __init__(self, wiring: Wiring, names: NameResolver, bell: socket.socket) -> None:
        self._poll = wiring.poller.poll
        self._wheel = wiring.wheel
        self._bell = bell
        self._pool = Pool(wiring)
        self._lookups = Lookups(names, wiring.wheel, wiring.limits.lookup_seconds)
        self._assignment = Assignment(wiring, self._pool, self._lookups)
        self._turning = False

    def add(self, batch: Batch) -> None:
        """Take deliveries from this batch, too."""
        self._pool.drop_old(monotonic())  # nobody may have looked for a while
        self._assignment.rotation.add(batch)

    def abandon(self, batch: Batch) -> None:
        """Drop what is under way for a batch whose sender has gone, without outcomes."""
        batch.abandoned = True
        self._assignment.abandon(batch)
        for connection in self._pool.under_way():
            if connection.batch is batch:
                self._pool.drop(connection)
                self._assignment.lines.stand(connection.origin)

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

    def begin(self) -> bool:
        """Start what there is room for, and leave what is ready to the next turn; whether it had to stop before."""
        if self._turning:
            return True
        self._turning = True
        try:
            assignment = self._assignment
            assignment.now = now = monotonic()
            enough = assignment.fill(now + _FILL_SECONDS)
            self._finish_failed()
            return not enough
        finally:
            self._turning = False

    def _turn(self) -> bool:
        assignment, connections = self._assignment, self._pool.connections
        assignment.now = now = monotonic()
        until = now + _TURN_SECONDS
        while True:
            # What idle servers did is looked at before their connections are used again.
            events = self._poll(0, EVENTS_AT_ONCE)
            for fd, mask in events:
                connection = connections.get(fd)
                if connection is None or connection.delivery is None:
                    self._handle_unasked(fd, connection)
                else:
                    outcome = connection.advance(mask, now)
                    if outcome is not None:
                        self._finish(connection, outcome)
                    elif connection.deadline < connection.watched_until:
                        self._wheel.watch(connection)
                assignment.now = now = monotonic()
                if now > until:
                    break
            enough = assignment.fill(max(until, now + _FILL_SECONDS))
            if assignment.outbox.failed:
                self._finish_failed()
            elif enough and not events:
                return False
            if not enough or now > until:
                return True

    def tick(self) -> None:
        """Fail what is past its deadline, and close what was idle for too long."""
        self._assignment.now = now = monotonic()
        for item in self._wheel.expired(now):
            if isinstance(item, Connection):
                if item.delivery is not None:
                    self._finish(item, item.expire())
            elif isinstance(item, Lookup):
                self._lookups.give_up(item)
        self._make_room(now)
        self._pool.drop_old(now)
        self._assignment.lines.look_again()

    def _make_room(self, now: float) -> None:
        """Let those wait who keep us waiting, and not those who may answer at once."""
        shares, needed = self._pool.shares, self._assignment.short_of_slots
        for connection in shares.make_room(self._pool.connections.values(), now, needed=needed):
            self._finish(connection, connection.expire())

    def _finish_failed(self) -> None:
        failed = self._assignment.outbox.failed
        while failed:
            connection, delivery, outcome = failed.popleft()
            if connection.delivery is delivery:  # its failure may have been noticed meanwhile
                self._finish(connection, outcome)

    def _handle_unasked(self, fd: int, connection: Connection | None) -> None:
        if connection is not None:
            self._pool.drop_idle(connection)
        elif fd == self._bell.fileno():
            self._bell.recv(4096)
            self._lookups.collect()

    def _finish(self, connection: Connection, outcome: DeliveryOutcome) -> None:
        delivery, batch, origin = connection.delivery, connection.batch, connection.origin
        assert delivery is not None and batch is not None  # noqa: S101, PT018 - its exchange has just ended
        assignment, place = self._assignment, connection.place
        if origin.suspect or outcome.failure is not None:
            origin.suspect = outcome.failure is not None
        if outcome.delivered:
            place.taken_at = assignment.now
        else:
            self._pool.places.failed(place, assignment.now)
        if connection.reusable and (outcome.delivered or not self._pool.places.is_held_back(place, assignment.now)):
            self._pool.park(connection, assignment.now)
        else:
            self._pool.drop(connection)
            if outcome.failure is not None and assignment.try_again(connection, delivery, batch, outcome.failure):
                return
            if outcome.failure in NOT_CONNECTED and not origin.open:
                assignment.fail_waiting(origin, outcome)  # the server is down, for those who wait as well
        batch.settle(delivery, outcome)
        if origin.waiting:
            assignment.serve(origin)
        if place.waiting:
            assignment.lines.stand_next(place)
