"""The lifespan of an ASGI application: its start and its end."""

import logging
from typing import Any

import anyio

from _websub.asgi.edge import AsgiApp
from _websub.user_code import contained

log = logging.getLogger("websub.server")


class Lifespan:
    """Starts an application and ends it.

    Args:
        app: The application.

    Attributes:
        state: The state that the application shares with its requests.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        self._failure: str | None = None
        self._supported = True
        self._answered = anyio.Event()
        self._ending = anyio.Event()
        self._ended = anyio.Event()
        self._told_to_start = False

    async def run(self) -> None:
        """Call the application with its lifespan, and wait until it returns."""
        scope = {"type": "lifespan", "asgi": {"spec_version": "2.0", "version": "3.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except BaseException as error:
            if not contained(error):
                raise
            if not self._answered.is_set():
                self._supported = False
                log.warning("The application has no lifespan (%s), so it is served without.", type(error).__name__)
            elif self._failure is None:
                log.exception("The application could not stop.")
        finally:
            self._answered.set()
            self._ended.set()

    async def start(self) -> None:
        """Wait until the application has started.

        Raises:
            RuntimeError: It could not start. The message says why.
        """
        await self._answered.wait()
        if self._failure is not None:
            raise RuntimeError(f"The application could not start: {self._failure}")

    async def end(self) -> None:
        """Tell the application to end, and wait until it has."""
        self._ending.set()
        if self._supported:
            await self._ended.wait()

    async def _receive(self) -> dict[str, Any]:
        if not self._told_to_start:
            self._told_to_start = True
            return {"type": "lifespan.startup"}
        await self._ending.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, event: Any) -> None:
        kind = event["type"]
        if kind == "lifespan.startup.failed":
            self._failure = event.get("message", "")
        elif kind == "lifespan.shutdown.failed":
            log.error("The application could not stop: %s", event.get("message", ""))
        if kind.startswith("lifespan.startup."):
            self._answered.set()
        elif kind.startswith("lifespan.shutdown."):
            self._ended.set()
        else:
            raise ValueError(f"{kind} is not a lifespan event.")
