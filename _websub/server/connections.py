"""All connections of a server: how many there may be, which gives way, and which has run out of time."""

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
    """One connection, whoever speaks HTTP on it.

    Attributes:
        client: Whom it is counted to.
        idle: Whether no request is under way.
        since: Since when that is so.
        read_by: When the client must have sent something.
    """

    client: str
    idle: bool
    since: float
    read_by: float

    @property
    def write_by(self) -> float:
        """When the client must have taken something."""

    @property
    def waits(self) -> bool:
        """Whether the client has to do something first: to send a request, or the rest of one."""

    async def expire(self) -> None:
        """End it, since the client has let a deadline pass."""

    def finish(self) -> None:
        """Read no more, and close once the requests under way are through."""

    def cancel_requests(self) -> None:
        """Cancel the requests under way; what can still be told to the client is."""

    async def abort(self) -> None:
        """Close it at once, whatever is under way."""


class Connections:
    """The connections that are open.

    Args:
        most: How many there may be.
        shortest: The shortest time after which one is ended, in seconds.

    Attributes:
        most: How many there may be.
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
        """Count one that was opened."""
        self._open.add(connection.client, connection)

    def discard(self, connection: Connection) -> None:
        """Count one no more that was closed."""
        self._open.discard(connection.client, connection)
        if not self._open:
            self._nobody.set()

    async def has_room(self) -> bool:
        """Return whether another connection may be opened. One that waits for its client gives way to it."""
        if len(self._open) < self.most:
            return True
        if await self.shed_one():
            self._refusals.note("%d connections are open: closing idle ones for new ones.", self.most)
            return True
        self._refusals.note("%d connections are open, all of them busy: refusing more.", self.most)
        return False

    async def shed_one(self) -> bool:
        """Close a connection whose client is waited for, and return whether there was one.

        One without a request goes first, then one whose request has not arrived yet; of these the one that is waited
        for the longest, of the client that has the most connections.
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
        """End connections whose time is up, for ever."""
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
