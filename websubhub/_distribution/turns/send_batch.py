"""Requests that are ready, sent right after one another."""

from collections import deque

from websubhub._distribution.batch import Batch
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.outcome import DeliveryOutcome
from websubhub._distribution.wire.connection import Connection
from websubhub._distribution.wire.shared import Shared

#: How many are sent together.
BURST = 128


class SendBatch:
    """Puts deliveries on connections and sends them together.

    Reaching a server that is already awake costs less than waking it up.

    Attributes:
        connections: The connections on which a delivery was begun but not sent.
        failed: The exchanges that failed as they began.
    """

    def __init__(self, shared: Shared) -> None:
        self.failed: deque[tuple[Connection, Delivery, DeliveryOutcome]] = deque()
        self._shared = shared
        self._wheel = shared.wheel
        self._total_seconds = shared.limits.total_seconds
        self.connections: list[Connection] = []

    def put(self, connection: Connection, delivery: Delivery, batch: Batch, head: bytes) -> None:
        """Begin a delivery on a connection, to send it with the others or once the connection is made."""
        end_by = self._shared.now + (delivery.content.total_seconds or self._total_seconds)
        if connection.begin(delivery, batch, head, end_by):
            self.connections.append(connection)
        if connection.deadline < connection.watched_until:
            self._wheel.watch(connection)

    def send(self) -> None:
        """Send the collected requests."""
        for connection in self.connections:
            delivery = connection.delivery
            if delivery is not None:  # else its batch was abandoned meanwhile
                failed = connection.launch()
                if failed is not None:
                    self.failed.append((connection, delivery, failed))
        self.connections.clear()
