"""Connections that uvicorn serves."""

import asyncio
import socket
from typing import Any

import anyio
from anyio.abc import TaskGroup

from _websub.asgi.edge import AsgiApp
from _websub.limits import Patience
from _websub.server.connections import Connections
from _websub.server.plain.protocol import UvicornProtocol
from _websub.server.plain.shared import Shared
from _websub.server.turns import Turns


class PlainOpening:
    """Opens connections with HTTP/1.1 and without TLS, on asyncio.

    Args:
        app: The application.
        state: The state that the application shares with its requests.
        patience: How long to wait for clients.
        connections: The open connections.
        turns: The turns that clients wait for.

    Attributes:
        tls: Whether clients expect TLS.
    """

    tls = False

    def __init__(
        self, app: AsgiApp, state: dict[str, Any], patience: Patience, connections: Connections, turns: Turns
    ) -> None:
        self._shared = Shared(app, state, patience, connections.add, connections.discard, turns)

    async def open(self, raw: socket.socket, _: TaskGroup) -> None:
        """Serve a connection that a client has opened."""
        # If cancelled here, uvloop would close a connection that is already counted, without notice.
        with anyio.CancelScope(shield=True):
            await asyncio.get_running_loop().connect_accepted_socket(lambda: UvicornProtocol(self._shared), raw)

    async def stop(self) -> None:
        """End each connection after the request in progress."""
        self._shared.stopping = True
