"""Notifying the other processes that a stream has something new, so that they do not have to poll often."""

import logging
from collections.abc import Mapping

from websubhub.standalone.adapters.nats.wire.connection import Connection
from websubhub.standalone.adapters.nats.wire.following import Following
from websubhub.standalone.adapters.nats.wire.names import Names
from websubhub.standalone.ports import StoreError

log: logging.Logger = logging.getLogger("websubhub")


class News:
    """Sends and receives notifications of new messages. A lost notification only delays them by a second.

    Args:
        connection: The connection.
        names: The names of the hub.
    """

    def __init__(self, connection: Connection, names: Names) -> None:
        self._connection = connection
        self._subject = names.subject("news")
        self._followed: Mapping[str, Following] = {}

    async def listen(self, followed: Mapping[str, Following]) -> None:
        """Read the followed streams, by letter, whenever there is something new."""
        self._followed = followed
        await self._connection.listen(self._subject, self._hear)

    async def tell(self, letter: str, sequence: int) -> None:
        """Notify the other processes that a stream has a message with this number."""
        try:
            await self._connection.publish(self._subject, f"{letter} {sequence}".encode())
        except StoreError:
            log.debug("The other processes were not notified. They will find out by polling.")

    async def _hear(self, data: bytes, _reply: str) -> None:
        letter, _, sequence = data.decode("ascii", "replace").partition(" ")
        following = self._followed.get(letter)
        if following is not None and sequence.isdigit():
            following.ring(int(sequence))
