"""All connections of a server: how many are allowed, which one gives way, and which ones have run out of time."""

import logging
import time
from collections.abc import Callable
from typing import Protocol

import anyio
import anyio.lowlevel

from _websub.asgi.holdings import Holdings
from _websub.asgi.refusals import Refusals

log = logging.getLogger("websub.server")

_LONGEST_LOOK_SECONDS = 1.0
_LOOKS_FOR_EACH_DEADLINE = 4
_ENDED_AT_ONCE = 16


class Connection(Protocol):
    """One connection, whichever server handles HTTP on it.

    Attributes:
        client: The client that it counts for.
        idle: Whether no request is in progress.
        since: When it became idle or busy.
        read_by: The time by which the client must have sent something.
    """

    client: str
    idle: bool
    since: float
    read_by: float

    @property
    def write_by(self) -> float:
        """The time by which the client must have received something."""

    @property
    def waits(self) -> bool:
        """Whether it waits for the client to send a request, or the rest of one."""

    async def expire(self) -> None:
        """End it, since the client has missed a deadline."""

    def finish(self) -> None:
        """Stop reading, and close once the requests in progress are done."""

    def cancel_requests(self) -> None:
        """Cancel the requests in progress. They are still answered where that is possible."""

    async def abort(self) -> None:
        """Close it at once, whatever is in progress."""


class Connections:
    """The open connections.

    Args:
        most: The maximum number of connections.
        shortest: The shortest time after which a connection is ended, in seconds.

    Attributes:
        most: The maximum number of connections.
    """

    def __init__(self, most: int, shortest: float) -> None:
        self.most = most
        self._pause = min(_LONGEST_LOOK_SECONDS, shortest / _LOOKS_FOR_EACH_DEADLINE)
        self._open = Holdings[Connection]()
        self._nobody = anyio.Event()
        self._refusals = Refusals(log)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Count an opened connection."""
        self._open.add(connection.client, connection)

    def discard(self, connection: Connection) -> None:
        """Stop counting a closed connection."""
        self._open.discard(connection.client, connection)
        if not self._open:
            self._nobody.set()

    async def has_room(self) -> bool:
        """Return whether another connection may be opened. If necessary, one that waits for its client gives way."""
        if len(self._open) < self.most:
            return True
        if await self.shed_one():
            self._refusals.note("%d connections are open: closing idle ones for new ones.", self.most)
            return True
        self._refusals.note("%d connections are open, all of them busy: refusing more.", self.most)
        return False

    async def shed_one(self) -> bool:
        """Close a connection that waits for its client, and return whether there was one.

        Connections without a request go first, then those whose request has not arrived yet. Among them, the choice is
        the one that has waited longest, of the client with the most connections.
        """
        chosen = self._longest(lambda each: each.idle) or self._longest(lambda each: each.waits)
        if chosen is None:
            return False
        self.discard(chosen)
        await chosen.abort()
        return True

    def _longest(self, kind: Callable[[Connection], bool]) -> Connection | None:
        for held in self._open.by_holder():
            found = [each for each in held if kind(each)]
            if found:
                return min(found, key=lambda each: each.since)
        return None

    async def watch(self) -> None:
        """End connections whose time is up, until cancelled."""
        # One look at all of them costs less than a timer for each read and write.
        while True:
            await anyio.sleep(self._pause)
            now = time.monotonic()
            late = [each for each in self._open if each.read_by < now or each.write_by < now]
            for number, each in enumerate(late, start=1):
                await each.expire()
                if not number % _ENDED_AT_ONCE:
                    await anyio.lowlevel.checkpoint()

    async def none_left(self) -> None:
        """Wait until all connections are closed."""
        while self._open:
            self._nobody = anyio.Event()
            await self._nobody.wait()

    def finish_idle(self) -> None:
        """End the connections without a request."""
        for each in list(self._open):
            if each.idle:
                each.finish()

    def cancel_requests(self) -> None:
        """Cancel all requests in progress."""
        for each in list(self._open):
            each.cancel_requests()

    async def abort_all(self) -> None:
        """Close all connections at once."""
        for each in list(self._open):
            await each.abort()
