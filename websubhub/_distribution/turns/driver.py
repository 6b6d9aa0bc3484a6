"""The driver of an engine, which handles ready sockets, finished exchanges and expired deadlines."""

import socket
from time import monotonic

import attrs

from websubhub._distribution.batch import Batch
from websubhub._distribution.origins.lookups import Lookup, Lookups
from websubhub._distribution.origins.names import NameResolver
from websubhub._distribution.outcome import DeliveryOutcome
from websubhub._distribution.statistics import EngineStatistics
from websubhub._distribution.turns.assigner import NOT_CONNECTED, Assigner
from websubhub._distribution.turns.lines import Lines
from websubhub._distribution.turns.send_batch import SendBatch
from websubhub._distribution.wheel import TICK_SECONDS
from websubhub._distribution.wire.connection import Connection
from websubhub._distribution.wire.poller import EVENTS_AT_ONCE
from websubhub._distribution.wire.pool import Pool
from websubhub._distribution.wire.shared import Shared

# The event loop has other work to do, so no turn takes longer than both together, except for its last step.
_TURN_SECONDS = 0.002
_FILL_SECONDS = 0.00075


class Driver:
    """Moves deliveries onto connections, and outcomes back to their batches. It never waits, and starts no task.

    Its caller calls ``turn`` when the poller is readable, and ``tick`` or ``tick_when_due`` from time to time.

    Args:
        shared: The state that all parts of the engine share.
        names: Looks up addresses.
        wakeup: A socket that becomes readable when there is work that no connection announces.
    """

    def __init__(self, shared: Shared, names: NameResolver, wakeup: socket.socket) -> None:
        self._shared = shared
        self._poll = shared.poller.poll
        self._wheel = shared.wheel
        self._wakeup = wakeup
        self._pool = Pool(shared)
        self._lookups = Lookups(names, shared.wheel, shared.limits.lookup_seconds)
        self._lines = Lines(self._pool.shares)
        self._sending = SendBatch(shared)
        self._assigner = Assigner(shared, self._pool, self._lookups, self._lines, self._sending)
        self._turning = False
        self._tick_at = 0.0

    def add(self, batch: Batch) -> None:
        """Take deliveries from another batch, too."""
        self._shared.look_at_clock()
        self._pool.drop_old()  # the last time may be a while ago
        self._assigner.add(batch)

    def take_from(self, batch: Batch) -> None:
        """Take deliveries from a batch again that had none."""
        self._assigner.add(batch)

    def abandon(self, batch: Batch) -> None:
        """Drop the deliveries of a batch whose caller has left, without outcomes."""
        batch.abandoned = True
        self._assigner.abandon(batch)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def statistics(self, waiting: int) -> EngineStatistics:
        """Return the current counts.

        Args:
            waiting: How many deliveries wait.
        """
        pool = self._pool
        busy = pool.shares.busy + len(pool.shares.aside)
        return EngineStatistics(
            connections=len(pool.connections),
            busy=busy,
            idle=len(pool.connections) - busy,
            aside=len(pool.shares.aside),
            suspects=pool.shares.suspects + pool.shares.suspects_aside,
            origins=len(self._assigner.origins),
            waiting=waiting,
        )

    def turn(self) -> bool:
        """Handle ready sockets, and start the deliveries that there is room for. Return whether work is left."""
        if self._turning:  # called from the function that receives outcomes
            return True
        self._turning = True
        try:
            return self._turn()
        finally:
            self._turning = False

    def begin(self) -> bool:
        """Start the deliveries that there is room for, without the rest of a turn. Return whether work is left."""
        if self._turning:
            return True
        self._turning = True
        try:
            enough = self._assigner.fill(self._shared.look_at_clock() + _FILL_SECONDS)
            self._finish_failed()
            return not enough
        finally:
            self._turning = False

    def _turn(self) -> bool:
        shared, assigner, failed = self._shared, self._assigner, self._sending.failed
        connections = self._pool.connections
        now = shared.look_at_clock()
        until = now + _TURN_SECONDS
        while True:
            # Events of idle connections are handled before the connections are used again.
            events = self._poll(0, EVENTS_AT_ONCE)
            for fd, mask in events:
                connection = connections.get(fd)
                if connection is None or connection.delivery is None:
                    self._handle_unasked(fd, connection)
                else:
                    outcome = connection.advance(mask)
                    if outcome is not None:
                        self._finish(connection, outcome)
                    elif connection.deadline < connection.watched_until:
                        self._wheel.watch(connection)
                shared.now = now = monotonic()  # as look_at_clock does, without a call for each event
                if now > until:
                    break
            enough = assigner.fill(max(until, now + _FILL_SECONDS))
            if failed:
                self._finish_failed()
            elif enough and not events:
                return False
            if not enough or now > until:
                return True

    def tick(self) -> None:
        """Fail exchanges past their deadlines, and close connections that have been idle for too long."""
        now = self._shared.look_at_clock()
        self._tick_at = now + TICK_SECONDS
        for item in self._wheel.expired(now):
            if isinstance(item, Connection):
                if item.delivery is not None:
                    self._finish(item, item.expire())
            elif isinstance(item, Lookup):
                self._lookups.give_up(item)
        self._make_room()
        self._pool.drop_old()
        self._lines.retry_awaiting()
        self._assigner.origins.tidy(now)

    def tick_when_due(self) -> bool:
        """Do the same as ``tick``, unless that was a moment ago. Return whether there may be work now."""
        due = self._shared.now >= self._tick_at
        if due:
            self.tick()
        return due

    def _make_room(self) -> None:
        """Set aside exchanges that have not answered for a moment, so that faster ones get their slots."""
        shares, now = self._pool.shares, self._shared.now
        needed = self._assigner.is_short_of_slots
        for connection in shares.make_room(self._pool.under_way, now, needed=needed):
            self._finish(connection, connection.expire())

    def _finish_failed(self) -> None:
        failed = self._sending.failed
        while failed:
            connection, delivery, outcome = failed.popleft()
            if connection.delivery is delivery:  # its failure may have been noticed meanwhile
                self._finish(connection, outcome)

    def _handle_unasked(self, fd: int, connection: Connection | None) -> None:
        if connection is not None:
            self._pool.drop_idle(connection)
        elif fd == self._wakeup.fileno():
            self._wakeup.recv(4096)
            self._lookups.collect()

    def _finish(self, connection: Connection, outcome: DeliveryOutcome) -> None:
        delivery, batch, origin = connection.delivery, connection.batch, connection.origin
        assert delivery is not None and batch is not None  # noqa: S101, PT018 - its exchange has just ended
        assigner, place, now = self._assigner, connection.place, self._shared.now
        told = outcome
        if not outcome.delivered or delivery.content.timed:
            told = attrs.evolve(outcome, seconds=now - self._pool.shares.began(connection))
        if origin.suspect or outcome.failure is not None:
            origin.suspect = outcome.failure is not None
        if outcome.delivered:
            place.taken_at = now
        else:
            self._pool.places.failed(place, now)
        if connection.reusable and (outcome.delivered or not self._pool.places.is_held_back(place, now)):
            self._pool.keep(connection)
        else:
            self._pool.drop(connection)
            if outcome.failure is not None and assigner.try_again(connection, delivery, batch, outcome.failure):
                return
            if outcome.failure in NOT_CONNECTED and not origin.open:
                assigner.fail_waiting(origin, outcome)  # the server is down, so the waiting deliveries fail too
        batch.settle(delivery, told)
        if origin.waiting:
            assigner.serve(origin)
        if place.waiting:
            self._lines.await_room_next(place)
