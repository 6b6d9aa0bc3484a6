"""The door of the server, which accepts as many connections as there is room for."""

import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import anyio.lowlevel
from anyio.abc import SocketStream, TaskGroup

from _websub.asgi.refusals import Refusals
from _websub.server.connections import Connections
from _websub.server.last_words import GONE
from _websub.server.waiting_room import WaitingRoom

log = logging.getLogger("websub.server")

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
#: Opening connections one by one would take a step of the event loop for each, and opening all at once a very long one.
_AT_ONCE = 16
_MOST_FOR_EACH = 64
_WAITING = 2_048
_PAUSE_SECONDS = 0.1
_REFUSING_SECONDS = 0.3
_REFUSALS_AT_ONCE = 32
_NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 5\r\n"
    b"content-length: 33\r\nconnection: close\r\n\r\nToo many connections, try later.\n"
)


class Door:
    """Accepts connections.

    Args:
        listening: The socket that clients connect to. It does not block.
        connections: The open connections.
        open_one: Makes a connection from an accepted socket, and serves it in a task group.
        tls: Whether clients expect TLS.
    """

    def __init__(
        self,
        listening: socket.socket,
        connections: Connections,
        open_one: Callable[[socket.socket, TaskGroup], Awaitable[None]],
        *,
        tls: bool,
    ) -> None:
        self._listening = listening
        self._connections = connections
        self._open_one = open_one
        self._tls = tls
        # Connections that are opened together must not displace each other before they have sent anything.
        self._at_once = max(1, min(_AT_ONCE, connections.most // _MOST_FOR_EACH))
        self._room = WaitingRoom(listening, max(self._at_once, min(_WAITING, connections.most // 2)))
        self._refusing = 0
        self._failures = Refusals(log)

    async def stand_open(self, tasks: TaskGroup) -> None:
        """Accept connections until cancelled.

        Args:
            tasks: The task group in which they are served.
        """
        try:
            while True:
                if not self._room:
                    await anyio.wait_readable(self._listening)
                try:
                    self._room.fill()
                except OSError as error:
                    await self._fail(error)
                async with anyio.create_task_group() as opening:
                    for raw in self._room.take(self._at_once):
                        opening.start_soon(self._welcome, raw, tasks)
        finally:
            self._room.close()

    async def _welcome(self, raw: socket.socket, tasks: TaskGroup) -> None:
        try:
            raw.setblocking(False)
            if raw.family != socket.AF_UNIX:
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with anyio.CancelScope(shield=True):
                has_room = await self._connections.has_room()
            if has_room:
                await self._open_one(raw, tasks)
            else:
                tasks.start_soon(self._refuse, await SocketStream.from_socket(raw))
        except BaseException as error:
            raw.close()
            # A client that left before it was let in. Its socket is not connected then, which raises ValueError.
            if not isinstance(error, (*GONE, ValueError)):
                raise

    async def _fail(self, error: OSError) -> None:
        if error.errno not in _EXHAUSTED:
            return  # A client that left before it was let in.
        self._failures.note("No connection can be accepted: %s.", str(error))
        # A waiting connection gives way. If there is none, clients wait in the queue of the system.
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
    with anyio.move_on_after(_REFUSING_SECONDS), suppress(*GONE):
        await stream.send(_NO_ROOM)
        await stream.send_eof()
        while True:
            await stream.receive()
