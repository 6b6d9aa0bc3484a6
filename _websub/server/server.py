"""The server, which starts an application, serves its connections, and ends everything in order and in time."""

import math
import socket
from typing import Protocol

import anyio
import attrs
from anyio.abc import TaskGroup

from _websub.arguments import checked_fields
from _websub.asgi.edge import AsgiApp
from _websub.limits import Patience
from _websub.server.accepting import Door
from _websub.server.connections import Connections
from _websub.server.descriptors import connections_within_limit
from _websub.server.lifespan import Lifespan
from _websub.server.plain.choice import check_server, takes_uvicorn
from _websub.server.turns import Turns

#: How long clients may take to receive their last response.
_CLOSE_SECONDS = 1.0


@attrs.frozen(kw_only=True, field_transformer=checked_fields)
class Binding:
    """Where and how to listen.

    Attributes:
        host: The address to listen on.
        port: The port to listen on; 0 picks a free one.
        unix_socket: The path of a Unix socket to listen on instead of the host and the port.
        certfile: A PEM file with the certificate chain, for TLS and HTTP/2.
        keyfile: A PEM file with the private key, if it is not in the file of the certificate.
        graceful_seconds: How long accepted requests may continue when the server stops.
        connections: How many connections may be open at once, as far as the limit of open files allows. When there are
            too many, an idle one is closed for each new one. If none is idle, new ones are refused.
        cleartext_http2: Whether to serve HTTP/2 without TLS, as some proxies want. A proxy that passes on requests to
            upgrade to it lets clients bypass its checks.
        idle_seconds: How long to keep a connection without a request. The head of a request must arrive within it.
        send_seconds: How long the client may take to receive what it is sent.
        server: The HTTP server: ``hypercorn``, which also supports HTTP/2, TLS and trio; ``uvicorn`` of the extra
            ``speed``, which needs less than half of the time for HTTP/1.1 without TLS on asyncio; or ``auto``, which
            uses uvicorn where that is enough and it is installed.

    Raises:
        ValueError: The server is none of these, is not installed, or does not support the other settings; or there is a
            key without a certificate.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    certfile: str | None = None
    keyfile: str | None = None
    graceful_seconds: float = 10.0
    connections: int = 4_096
    cleartext_http2: bool = False
    idle_seconds: float = 5.0
    send_seconds: float = 30.0
    server: str = "auto"
    unix_socket: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse settings that do not fit together."""
        if self.keyfile and not self.certfile:
            raise ValueError("A keyfile needs a certfile too.")
        check_server(self.server, plain=self.is_plain)

    @property
    def is_plain(self) -> bool:
        """Whether only HTTP/1.1 without TLS is needed."""
        return not (self.certfile or self.keyfile or self.cleartext_http2)


class Opening(Protocol):
    """Makes connections from the sockets that clients have opened.

    Attributes:
        tls: Whether clients expect TLS.
    """

    tls: bool

    async def open(self, raw: socket.socket, tasks: TaskGroup, /) -> None:
        """Serve a connection that a client has opened, in the task group if it needs tasks."""

    async def stop(self) -> None:
        """End each connection after the request in progress."""


class Server:
    """Serves an application until it is told to stop.

    Args:
        app: The application.
        binding: How to serve it.
        listening: The socket that listens.

    Raises:
        OSError: The certificate cannot be read.
        ValueError: The chosen server cannot run here.

    Attributes:
        started: Set once connections are accepted.
    """

    def __init__(self, app: AsgiApp, binding: Binding, listening: socket.socket) -> None:
        self._app = app
        self._listening = listening
        self._patience = Patience(idle=binding.idle_seconds, write=binding.send_seconds)
        self._connections = Connections(connections_within_limit(binding.connections), self._patience.shortest)
        self._turns = Turns()
        self._lifespan = Lifespan(app)
        self._opening = self._opening_for(binding)
        self._stopping = anyio.Event()
        self._grace = math.inf
        self.started = anyio.Event()

    def _opening_for(self, binding: Binding) -> Opening:
        shared = (self._app, self._lifespan.state, self._patience, self._connections, self._turns)
        # Only the chosen one is loaded, with its dependencies.
        if takes_uvicorn(binding.server, plain=binding.is_plain):
            from _websub.server.plain.opening import PlainOpening  # noqa: PLC0415 - see above

            return PlainOpening(*shared)
        from _websub.server.streams.hypercorn_protocols import Config  # noqa: PLC0415 - see above
        from _websub.server.streams.opening import HypercornOpening  # noqa: PLC0415 - see above

        config = Config(binding.certfile, binding.keyfile, cleartext_http2=binding.cleartext_http2)
        return HypercornOpening(*shared, config)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def stop(self, grace: float) -> None:
        """Accept no more connections, and end.

        Args:
            grace: How long requests in progress may continue, in seconds.
        """
        self._grace = grace
        self._stopping.set()

    async def run(self) -> None:
        """Start the application, serve it until told to stop, and end it.

        Raises:
            RuntimeError: The application could not start.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._lifespan.run)
            if await self._start():
                await self._serve()
                await self._lifespan.end()
            tasks.cancel_scope.cancel()

    async def _start(self) -> bool:
        """Start the application, unless the server is told to stop before that is done."""
        async with anyio.create_task_group() as waiting:

            async def give_up() -> None:
                await self._stopping.wait()
                waiting.cancel_scope.cancel()

            waiting.start_soon(give_up)
            await self._lifespan.start()
            waiting.cancel_scope.cancel()
        return not self._stopping.is_set()

    async def _serve(self) -> None:
        door = Door(self._listening, self._connections, self._opening.open, tls=self._opening.tls)
        async with anyio.create_task_group() as served:
            served.start_soon(self._connections.watch)
            served.start_soon(self._turns.run)
            with self._listening:
                async with anyio.create_task_group() as accepting:
                    accepting.start_soon(door.stand_open, served)
                    self.started.set()
                    await self._stopping.wait()
                    accepting.cancel_scope.cancel()
            await self._finish()
            served.cancel_scope.cancel()

    async def _finish(self) -> None:
        """Wait for requests in progress, answer late ones with 503, and close what is left."""
        await self._opening.stop()
        self._connections.finish_idle()
        with anyio.move_on_after(self._grace):
            await self._connections.none_left()
        self._connections.cancel_requests()
        with anyio.move_on_after(_CLOSE_SECONDS):
            await self._connections.none_left()
        await self._connections.abort_all()
        self._connections.cancel_requests()
        await self._connections.none_left()
