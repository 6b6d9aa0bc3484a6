"""The whole hub as one ASGI application, for a server of your own."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from websubhub import Answer, AsgiEdge, Request, Response, in_origin_form
from websubhub.standalone.assembly import GRACE_SECONDS, HUB_PATH, Parts, assembled, warn, working
from websubhub.standalone.backends import open_store
from websubhub.standalone.settings import Settings, SettingsError, load

Event = MutableMapping[str, Any]


class StandaloneApplication:
    """What ``websubhub serve`` runs, under another server: it works from the start to the shutdown of the lifespan.

    Args:
        settings: The settings of the hub; those of the server, ``host``, ``port`` and ``loop``, do not count.

    Raises:
        SettingsError: The public URL is not set, which the server cannot tell.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.public_url is None:
            raise SettingsError("--public-url must be set: an ASGI application does not know where it is served.")
        self._settings = settings
        self._hub = settings.public_url
        self._parts: Parts | None = None
        self._edge = AsgiEdge(_not_running, resources=self._running)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        # Who can reach the server is not known here, so it is never operated without a token.
        async with (
            open_store(self._settings) as store,
            assembled(self._settings, store, self._hub, private=False) as parts,
            working(parts) as delivered,
        ):
            async with parts.app, parts.admin:
                self._parts = parts
                warn(self._settings, self._hub)
                try:
                    yield
                finally:
                    self._parts = None
                    parts.delivery.stop()
            with anyio.move_on_after(GRACE_SECONDS):
                await delivered.wait()

    async def __call__(
        self, scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
    ) -> None:
        """Serve one ASGI connection: the hub at ``/hub``, below a mount or not, and what operators need elsewhere."""
        scope = in_origin_form(scope)
        parts = self._parts
        if parts is None or scope["type"] != "http":
            await self._edge(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
        app = parts.app if path == HUB_PATH or path.startswith(f"{HUB_PATH}/") else parts.admin
        await app(scope, receive, send)


async def _not_running(_: Request) -> Answer:
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", "5")]
    return Answer(Response(status=503, headers=headers, body=b"The hub is not running."))


def asgi() -> StandaloneApplication:
    """The hub that the environment describes, by the variables ``WEBSUBHUB_...``: a factory for an ASGI server.

    Raises:
        SettingsError: A setting cannot be used, or ``WEBSUBHUB_PUBLIC_URL`` is missing.
    """
    return StandaloneApplication(load({}, os.environ))
