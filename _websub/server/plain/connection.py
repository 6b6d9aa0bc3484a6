"""A connection without TLS that gets its bytes from asyncio as they arrive, with the same deadlines as any other."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

from uvicorn.protocols.http.flow_control import FlowControl

from _websub.asgi.holdings import client_of
from _websub.limits import Patience
from _websub.server.plain.farewell import Farewell

#: On uvloop, a transport that the client has closed raises these before it notifies its protocol.
_CLOSED_ALREADY = (OSError, RuntimeError)


class Flow(FlowControl):
    """Pauses and resumes a connection, unless it is already closed."""

    def pause_reading(self) -> None:
        """Stop reading for now."""
        with suppress(*_CLOSED_ALREADY):
            super().pause_reading()

    def resume_reading(self) -> None:
        """Continue reading."""
        with suppress(*_CLOSED_ALREADY):
            super().resume_reading()


class PlainConnection:
    """A connection as the server sees it, and the ways to end it.

    Its state is in one class because each deadline depends on whether the connection is idle, being read or waiting.

    Args:
        transport: The connection.
        host: The address of the client.
        patience: How long to wait.
        leave: Called when reading stops while a request is in progress.
        ended: Called once it is closed and none of its requests is in progress.

    Attributes:
        client: The client that it counts for.
        idle: Whether no request is in progress.
        since: When it became idle or busy.
        read_by: The time by which the client must have sent something.
        reading: Whether incoming bytes are read instead of dropped.
        waits_for_body: Whether the client has to send the rest of a request.
        farewell: Its end, once that has begun.
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
        """Note that asyncio has closed it."""
        self._lost = True
        self.reading = False
        self.read_by = math.inf
        if not self._tasks:
            self._ended(self)

    # --- called by the protocol ---------------------------------------------------------------------------------------

    def begin(self, task: "asyncio.Task[None]") -> None:
        """Begin a request."""
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
        """Start or stop waiting for more of a body."""
        self.waits_for_body = more
        self.read_by = time.monotonic() + self._patience.read if more else math.inf

    def write(self, data: bytes) -> None:
        """Send bytes, all of which the client must receive in time."""
        if not self._transport.is_closing():
            self._write_by = time.monotonic() + self._patience.write
            with suppress(*_CLOSED_ALREADY):
                self._transport.write(data)

    def say_goodbye(self) -> None:
        """Close it once everything that was sent has arrived."""
        self.reading = False
        self.read_by = math.inf
        if self.farewell is None and not self._transport.is_closing():
            self.farewell = Farewell(self._transport)

    # --- called by the server -----------------------------------------------------------------------------------------

    @property
    def write_by(self) -> float:
        """The time by which the client must have received something."""
        return self._write_by if self._transport.get_write_buffer_size() else math.inf

    @property
    def waits(self) -> bool:
        """Whether it waits for the client to send a request, or the rest of one."""
        return self.idle or self.waits_for_body

    async def expire(self) -> None:
        """End it, since the client has missed a deadline."""
        # The next request may be late because the answer to the last one is still being sent.
        if self.write_by < time.monotonic():
            await self.abort()
        else:
            self.finish()

    def finish(self) -> None:
        """Stop reading, and close once the requests in progress are done."""
        self.reading = False
        self.read_by = math.inf
        if self.idle:
            self.say_goodbye()
        else:
            self._leave()

    def cancel_requests(self) -> None:
        """Cancel the requests in progress. They are still answered where that is possible."""
        for task in list(self._tasks):
            task.cancel()

    async def abort(self) -> None:
        """Close it at once, whatever is in progress."""
        self.break_off()
        await asyncio.sleep(0)

    def break_off(self) -> None:
        """Close it at once, and drop everything that has not been sent."""
        self.reading = False
        self._transport.abort()
