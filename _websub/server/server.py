"""The server: an application is started, its connections are served, and all of it ends in order and in time."""

import math
import socket
from functools import partial

import anyio
import attrs
from anyio.abc import SocketStream

from _websub.asgi.edge import AsgiApp
from _websub.server.accepting import Door
from _websub.server.connection import Connection, Patience
from _websub.server.connections import Connections
from _websub.server.descriptors import connections_within_limit
from _websub.server.hypercorn_protocols import Config, Context, Conversation
from _websub.server.lifespan import Lifespan
from _websub.server.turns import Turns

#: How long clients may take to receive what they are told last.
_CLOSE_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class Binding:
    """Where and how to listen.

    Attributes:
        host: The address to listen on.
        port: The port; 0 picks a free one.
        certfile: A PEM file with the certificate chain; TLS and HTTP/2 are on when it is given.
        keyfile: A PEM file with the private key.
        graceful_seconds: How long accepted requests may go on once the server stops.
        connections: How many connections may be open at once, as far as the limit of open files allows; beyond it,
            idle ones are closed for new ones, and while there is none, new ones are refused.
        cleartext_http2: Whether HTTP/2 may be spoken without TLS, as some proxies want to. A proxy that passes on the
            request to change to it lets clients past what it checks.
        idle_seconds: How long a connection is kept without a request; the head of a request has to arrive within it.
        send_seconds: How long the client may take to receive what it is sent.
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

    @property
    def has_tls(self) -> bool:
        """Whether TLS is on."""
        return self.certfile is not None and self.keyfile is not None


class Server:
    """Serves an application until it is told to stop.

    Args:
        app: The application.
        binding: How to serve it.
        listening: The socket that listens.

    Raises:
        OSError: The certificate cannot be read.

    Attributes:
        started: Set once connections are accepted.
    """

    def __init__(self, app: AsgiApp, binding: Binding, listening: socket.socket) -> None:
        self._app = app
        self._listening = listening
        self._config = Config(binding.certfile, binding.keyfile, cleartext_http2=binding.cleartext_http2)
        self._context = Context()
        self._tls = self._config.create_ssl_context()
        self._patience = Patience(idle=binding.idle_seconds, write=binding.send_seconds)
        self._connections = Connections(connections_within_limit(binding.connections), self._patience.shortest)
        self._turns = Turns()
        self._lifespan = Lifespan(app)
        self._stopping = anyio.Event()
        self._grace = math.inf
        self.started = anyio.Event()

    def stop(self, grace: float) -> None:
        """Accept no more, and end.

        Args:
            grace: How long requests under way may go on, in seconds.
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
        """Start the application, unless the server is to stop before it has started."""
        async with anyio.create_task_group() as waiting:

            async def give_up() -> None:
                await self._stopping.wait()
                waiting.cancel_scope.cancel()

            waiting.start_soon(give_up)
            await self._lifespan.start()
            waiting.cancel_scope.cancel()
        return not self._stopping.is_set()

    async def _serve(self) -> None:
        door = Door(self._listening, self._connections, self._open, tls=self._tls is not None)
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

    def _open(self, stream: SocketStream) -> Connection:
        state = dict(self._lifespan.state)
        speak = partial(Conversation, self._app, self._config, self._context, state=state)
        return Connection(stream, self._app, speak, self._tls, self._patience, self._turns)

    async def _finish(self) -> None:
        """Let requests under way finish, tell those that are not in time to come again, and close what is left."""
        await self._context.terminated.set()
        self._connections.finish_idle()
        with anyio.move_on_after(self._grace):
            await self._connections.none_left()
        self._connections.cancel_requests()
        with anyio.move_on_after(_CLOSE_SECONDS):
            await self._connections.none_left()
        await self._connections.abort_all()
