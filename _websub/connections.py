"""All connections of a server: how many there may be, which gives way, and which has run out of time."""

import logging
import time

import anyio

from _websub.connection import Connection
from _websub.refusals import Refusals
from _websub.shares import Shares

log = logging.getLogger("websub.server")

_LONGEST_LOOK_SECONDS = 1.0
_LOOKS_FOR_EACH_DEADLINE = 4


class Connections:
    """The connections that are open.

    Args:
        most: How many there may be.
        shortest: The shortest time after which one is ended, in seconds.
    """

    def __init__(self, most: int, shortest: float) -> None:
        self._most = most
        self._pause = min(_LONGEST_LOOK_SECONDS, shortest / _LOOKS_FOR_EACH_DEADLINE)
        self._open = Shares[Connection]()
        self._nobody = anyio.Event()
        self._refusals = Refusals(log)

    def add(self, connection: Connection) -> None:
        """Count one that was opened."""
        self._open.add(connection.client, connection)

    def discard(self, connection: Connection) -> None:
        """Count one no more that was closed."""
        self._open.discard(connection.client, connection)
        if not self._open:
            self._nobody.set()

    async def has_room(self) -> bool:
        """Whether one more may be opened; a connection without a request gives way to it."""
        if len(self._open) < self._most:
            return True
        idle = self._idlest()
        if idle is None:
            self._refusals.note("%d connections are open, all of them busy: refusing more.", self._most)
            return False
        self._refusals.note("%d connections are open: closing idle ones for new ones.", self._most)
        await self.shed(idle)
        return True

    async def shed_idle(self) -> bool:
        """Close the connection that has been idle for the longest, and return whether there was one."""
        idle = self._idlest()
        if idle is not None:
            await self.shed(idle)
        return idle is not None

    async def shed(self, connection: Connection) -> None:
        """Close a connection for the sake of others."""
        self.discard(connection)
        await connection.abort()

    def _idlest(self) -> Connection | None:
        """The one that has been idle for the longest, of the client with the most connections that has an idle one."""
        for held in self._open.by_holder():
            idle = [each for each in held if each.idle]
            if idle:
                return min(idle, key=lambda each: each.since)
        return None

    async def watch(self) -> None:
        """End connections whose time is up, for ever."""
        # One look at all of them costs less than a timer for each read and write.
        while True:
            await anyio.sleep(self._pause)
            now = time.monotonic()
            for each in [each for each in self._open if each.read_by < now or each.write_by < now]:
                await each.expire()

    async def none_left(self) -> None:
        """Wait until all are closed."""
        while self._open:
            self._nobody = anyio.Event()
            await self._nobody.wait()

    def finish_idle(self) -> None:
        """End those without a request."""
        for each in list(self._open):
            if each.idle:
                each.finish()

    def cancel_requests(self) -> None:
        """Cancel all requests under way."""
        for each in list(self._open):
            each.cancel_requests()

    async def abort_all(self) -> None:
        """Close all at once."""
        for each in list(self._open):
            await each.abort()
