"""The door of the server: connections are taken in, as many as there is room for."""

import errno
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.lowlevel
from anyio.abc import SocketListener, SocketStream, TaskGroup

from _websub.connection import Connection
from _websub.connections import Connections
from _websub.refusals import Refusals

log = logging.getLogger("websub.server")

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_SECONDS = 0.1
_REFUSING_SECONDS = 0.3
_REFUSALS_AT_ONCE = 32
_NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 5\r\n"
    b"content-length: 34\r\nconnection: close\r\n\r\nToo many connections, come later.\n"
)


class Door:
    """Takes connections in.

    Args:
        listener: Where clients connect.
        connections: Those that are open.
        open_one: Makes a connection of what a client has opened.
        tls: Whether clients expect TLS.
    """

    def __init__(
        self,
        listener: SocketListener,
        connections: Connections,
        open_one: Callable[[SocketStream], Connection],
        *,
        tls: bool,
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._open_one = open_one
        self._tls = tls
        self._refusing = 0
        self._failures = Refusals(log)

    async def stand_open(self, tasks: TaskGroup) -> None:
        """Take in connections until cancelled.

        Args:
            tasks: Where they are served.
        """
        while True:
            try:
                stream = await self._listener.accept()
            except anyio.ClosedResourceError:
                return
            except (OSError, anyio.BrokenResourceError) as error:
                await self._fail(error)
                continue
            if await self._connections.has_room():
                connection = self._open_one(stream)
                self._connections.add(connection)
                tasks.start_soon(self._serve, connection)
            else:
                tasks.start_soon(self._refuse, stream)

    async def _serve(self, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    async def _fail(self, error: Exception) -> None:
        # On trio the error of the system is the cause of another one.
        cause = error if isinstance(error, OSError) else error.__cause__
        number = cause.errno if isinstance(cause, OSError) else None
        if number not in _EXHAUSTED:
            await anyio.lowlevel.checkpoint()  # One client that went away before it was let in.
            return
        self._failures.note("No connection can be taken in: %s.", str(cause))
        # What waits gives way; if nothing does, clients wait in the queue of the system.
        if not await self._connections.shed_one():
            await anyio.sleep(_PAUSE_SECONDS)

    async def _refuse(self, stream: SocketStream) -> None:
        try:
            if not self._tls and self._refusing < _REFUSALS_AT_ONCE:
                self._refusing += 1
                try:
                    await _say_no(stream)
                finally:
                    self._refusing -= 1
        finally:
            with anyio.CancelScope(shield=True):
                await stream.aclose()


async def _say_no(stream: SocketStream) -> None:
    gone = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, ssl.SSLError)
    with anyio.move_on_after(_REFUSING_SECONDS), suppress(*gone):
        await stream.send(_NO_ROOM)
        await stream.send_eof()
        while True:
            await stream.receive()
