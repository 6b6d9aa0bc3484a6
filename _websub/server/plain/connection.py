"""A connection without TLS whose bytes asyncio hands over as they come, with the deadlines of any other."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

from uvicorn.protocols.http.flow_control import FlowControl

from _websub.asgi.holdings import client_of
from _websub.limits import Patience
from _websub.server.plain.farewell import Farewell

#: On uvloop, a transport that the client has closed says so before it tells its protocol.
_CLOSED_ALREADY = (OSError, RuntimeError)


class Flow(FlowControl):
    """Pauses a connection and lets it go on, unless it is closed already."""

    def pause_reading(self) -> None:
        """Read nothing for now."""
        with suppress(*_CLOSED_ALREADY):
            super().pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        with suppress(*_CLOSED_ALREADY):
            super().resume_reading()


class PlainConnection:
    """A connection as the server sees it, and how it is ended.

    It is in one class because each deadline depends on whether it is idle, read or waited for.

    Args:
        transport: The connection.
        host: The address of the client.
        patience: How long to wait.
        leave: Called when no more is read while a request is under way.
        ended: Called once it is closed and none of its requests is worked on.

    Attributes:
        client: Whom it is counted to.
        idle: Whether no request is under way.
        since: Since when that is so.
        read_by: When the client must have sent something.
        reading: Whether anything that comes is read, and not dropped.
        waits_for_body: Whether the client has to send the rest of a request.
        farewell: The end of it, once it has begun.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        host: str,
        patience: Patience,
        leave: Callable[[], None],
        ended: Callable[["PlainConnection"], None],
    ) -> None:
        self._transport = transport
        self._patience = patience
        self._leave = leave
        self._ended = ended
        self._tasks = set[asyncio.Task[None]]()
        self._lost = False
        self._write_by = math.inf
        self.client = client_of(host)
        self.farewell: Farewell | None = None
        self.idle = True
        self.reading = True
        self.waits_for_body = False
        self.since = time.monotonic()
        self.read_by = self.since + patience.idle

    def lost(self) -> None:
        """Hear from asyncio that it is closed."""
        self._lost = True
        self.reading = False
        self.read_by = math.inf
        if not self._tasks:
            self._ended(self)

    # --- what the protocol says ---------------------------------------------------------------------------------------

    def begin(self, task: "asyncio.Task[None]") -> None:
        """Work on a request."""
        self.idle = False
        self.since = time.monotonic()
        self.read_by = math.inf
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if self._lost and not self._tasks:
            self._ended(self)

    def rest(self) -> None:
        """Wait for the next request."""
        self.idle = True
        self.waits_for_body = False
        self.since = time.monotonic()
        self.read_by = self.since + self._patience.idle

    def wait_for_body(self, *, more: bool) -> None:
        """Wait for more of a body, or no longer."""
        self.waits_for_body = more
        self.read_by = time.monotonic() + self._patience.read if more else math.inf

    def write(self, data: bytes) -> None:
        """Send bytes, of which the client must have taken all in time."""
        if not self._transport.is_closing():
            self._write_by = time.monotonic() + self._patience.write
            with suppress(*_CLOSED_ALREADY):
                self._transport.write(data)

    def say_goodbye(self) -> None:
        """Close it, once what was sent is there."""
        self.reading = False
        self.read_by = math.inf
        if self.farewell is None and not self._transport.is_closing():
            self.farewell = Farewell(self._transport)

    # --- what the server asks for -------------------------------------------------------------------------------------

    @property
    def write_by(self) -> float:
        """When the client must have taken something."""
        return self._write_by if self._transport.get_write_buffer_size() else math.inf

    @property
    def waits(self) -> bool:
        """Whether the client has to do something first: to send a request, or the rest of one."""
        return self.idle or self.waits_for_body

    async def expire(self) -> None:
        """End it, since the client has let a deadline pass."""
        if self.write_by < math.inf:
            await self.abort()
        else:
            self.finish()

    def finish(self) -> None:
        """Read no more, and close once the requests under way are through."""
        self.reading = False
        self.read_by = math.inf
        if self.idle:
            self.say_goodbye()
        else:
            self._leave()

    def cancel_requests(self) -> None:
        """Cancel the requests under way; what can still be told to the client is."""
        for task in list(self._tasks):
            task.cancel()

    async def abort(self) -> None:
        """Close it at once, whatever is under way."""
        self.break_off()
        await asyncio.sleep(0)

    def break_off(self) -> None:
        """Close it without another word, and drop what was not sent."""
        self.reading = False
        self._transport.abort()
