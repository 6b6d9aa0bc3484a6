"""Connections that hypercorn serves, each in a task."""

import socket
from functools import partial
from typing import Any

from anyio.abc import SocketStream, TaskGroup

from _websub.asgi.edge import AsgiApp
from _websub.limits import Patience
from _websub.server.connections import Connections
from _websub.server.streams.connection import Connection
from _websub.server.streams.hypercorn_protocols import Config, Context, Conversation
from _websub.server.turns import Turns


class HypercornOpening:
    """Opens connections with HTTP/1.1 and HTTP/2, with TLS or without, on any event loop.

    Args:
        app: The application.
        state: The state that the application shares with its requests.
        patience: How long to wait for clients.
        connections: The open connections.
        turns: The turns that clients wait for.
        config: The settings of the protocols.

    Raises:
        OSError: The certificate cannot be read.

    Attributes:
        tls: Whether clients expect TLS.
    """

    def __init__(
        self,
        app: AsgiApp,
        state: dict[str, Any],
        patience: Patience,
        connections: Connections,
        turns: Turns,
        config: Config,
    ) -> None:
        self._app = app
        self._state = state
        self._patience = patience
        self._connections = connections
        self._turns = turns
        self._config = config
        self._context = Context()
        self._tls = config.create_ssl_context()
        self.tls = self._tls is not None

    async def open(self, raw: socket.socket, tasks: TaskGroup) -> None:
        """Serve a connection that a client has opened."""
        stream = await SocketStream.from_socket(raw)
        speak = partial(Conversation, self._app, self._config, self._context, state=dict(self._state))
        connection = Connection(stream, self._app, speak, self._tls, self._patience, self._turns)
        self._connections.add(connection)
        tasks.start_soon(self._serve, connection)

    async def _serve(self, connection: Connection) -> None:
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    async def stop(self) -> None:
        """End each connection after the request in progress."""
        await self._context.terminated.set()
