"""The state that all connections of a uvicorn server share."""

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from _websub.asgi.edge import AsgiApp
from _websub.limits import Patience
from _websub.server.plain.connection import PlainConnection
from _websub.server.turns import Turns


class Shared:
    """The state that all connections of a server share.

    Args:
        app: The application.
        state: The state that the application shares with its requests.
        patience: How long to wait for clients.
        opened: Called with each connection that is opened.
        ended: Called with each connection that has ended.
        turns: The turns that requests wait for.

    Attributes:
        stopping: Whether each connection ends after the request in progress.
    """

    def __init__(
        self,
        app: AsgiApp,
        state: dict[str, Any],
        patience: Patience,
        opened: Callable[[PlainConnection], None],
        ended: Callable[[PlainConnection], None],
        turns: Turns,
    ) -> None:
        # If told not to log, uvicorn would remove the handlers of its loggers for the whole program.
        self.config = Config(
            cast("Any", app),
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,  # anyone could forge them
        )
        self.config.load()
        self.server = ServerState()
        self.state = state
        self.patience = patience
        self.opened = opened
        self.ended = ended
        self.turns = turns
        self.stopping = False
        self._second = 0
        self._headers: list[tuple[bytes, bytes]] = []

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of every answer, made once a second."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._headers = [(b"date", formatdate(second, usegmt=True).encode())]
        return self._headers
