"""The whole hub as one ASGI application, for your own server."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from websubhub import Answer, AsgiEdge, Request, Response
from websubhub.standalone.measuring.requests import App
from websubhub.standalone.operating import Start
from websubhub.standalone.reach import Reach
from websubhub.standalone.running import closed, running
from websubhub.standalone.setting_sources import load, sources
from websubhub.standalone.settings import Settings, SettingsError

Event = MutableMapping[str, Any]


class StandaloneApplication:
    """The application behind ``websubhub serve``, for another server. It runs from lifespan startup to shutdown.

    Before startup and after shutdown, it answers 503 with ``Retry-After``, except that ``/health`` still works.

    Args:
        settings: The settings of the hub. Those of the server are ignored: ``host``,
            ``port``, ``unix_socket``, ``certfile``, ``keyfile``, ``server`` and ``loop``.
        sources: The source of each setting that is not a default, by name.

    Raises:
        SettingsError: The public URL is not set. The application cannot learn it from the server.
    """

    def __init__(self, settings: Settings, sources: Mapping[str, str] = MappingProxyType({})) -> None:
        if settings.public_url is None:
            raise SettingsError("--public-url must be set: an ASGI application does not know where it is served.")
        self._settings = settings
        self._start = Start(sources=sources)
        self._url = settings.public_url
        self._app: App | None = None
        self._closed = closed()
        self._lifespan = AsgiEdge(_never, resources=self._running)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        # Who can reach the server is unknown here, so operating and publishing need a token.
        async with running(self._settings, self._url, Reach(self._url, None), self._start) as hub:
            self._app = hub.app
            try:
                yield
            finally:
                self._app = None

    async def __call__(
        self, scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
    ) -> None:
        """Serve one ASGI connection: the hub at ``/hub``, mounted or not, and the operators' pages at other paths."""
        app = self._lifespan if scope["type"] == "lifespan" else self._app or self._closed
        await app(scope, receive, send)


async def _never(_: Request) -> Answer:
    """Answer no request: the edge needs a handler, but receives only the lifespan."""
    return Answer(Response(status=503))


def asgi() -> StandaloneApplication:
    """Return the hub that the variables ``WEBSUBHUB_...`` describe. This is a factory for an ASGI server.

    Raises:
        SettingsError: A setting cannot be used, or ``WEBSUBHUB_PUBLIC_URL`` is missing.
    """
    return StandaloneApplication(load({}, os.environ), sources({}, os.environ))
