"""A listener for several subscribers on one address."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Self

import anyio

from _websub.arguments import check_kind
from _websub.asgi.edge import AsgiApp, AsgiSend, Receive, Scope
from _websub.asgi.public_urls import check_host, warn_of_loopback
from _websub.calls.client import AsyncClient
from _websub.grammar.urls import path_of
from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from websubsub._application import UNSUBSCRIBE_SECONDS, SubscriberApplication
from websubsub._config import SubscriberConfig
from websubsub._service import SubscriberService


class SubscriberListener:
    """Listens on one address, and serves the subscribers attached to its paths. It is an async context manager.

    Args:
        port: The port to listen on; 0 picks a free one.
        host: The address to listen on.
        certfile: A PEM file with the certificate chain, for TLS and HTTP/2.
        keyfile: A PEM file with the private key, if it is not in the file of the certificate.
        public_url: The base URL that hubs call, if it differs from the address.
        graceful_seconds: When the listener stops, how long unsubscribing may take, and after it accepted requests.
        client: Your own HTTP client for hubs and resources, with all of its settings.
        server: ``auto``, ``hypercorn`` or ``uvicorn``. ``auto`` uses uvicorn for HTTP/1.1 without TLS on asyncio, if
            the extra ``speed`` is installed.

    Raises:
        ValueError: The server is not installed, or does not support these settings.

    Example:
        ```python
        import anyio

        from websubsub import SubscriberConfig, SubscriberListener, SubscriberService


        class Subscriber(SubscriberService):
            async def on_event_notification(self, message):
                print(message.topic, message.text())


        async def main():
            async with SubscriberListener(port=8081) as listener:
                listener.attach(Subscriber(), "/feed", config=SubscriberConfig(targets="https://example.com/feed"))
                await listener.start()
                await anyio.sleep_forever()


        anyio.run(main)
        ```
    """

    def __init__(
        self,
        port: int = 8081,
        *,
        host: str = "127.0.0.1",
        certfile: str | None = None,
        keyfile: str | None = None,
        public_url: str | None = None,
        graceful_seconds: float = UNSUBSCRIBE_SECONDS,
        client: AsyncClient | None = None,
        server: str = "auto",
    ) -> None:
        binding = Binding(
            host=host,
            port=port,
            certfile=certfile,
            keyfile=keyfile,
            graceful_seconds=graceful_seconds,
            server=server,
        )
        self._listener = AppListener(binding)
        self._graceful_seconds = graceful_seconds
        self._public_url = public_url.rstrip("/") if public_url else None
        self._client = client
        self._host = host
        self._paths: dict[int, str] = {}
        self._apps: dict[str, SubscriberApplication] = {}

    @property
    def url(self) -> str:
        """The base URL that hubs call.

        Raises:
            RuntimeError: The listener has not started, so its URL is not known yet.
        """
        url = self._public_url or self._listener.url
        if url is None:
            raise RuntimeError("The URL is not known until the listener has started.")
        return url

    def attach(
        self, service: SubscriberService, path: str | None = None, *, config: SubscriberConfig | None = None
    ) -> None:
        """Attach a subscriber, before or after the start. After the start, it subscribes at once.

        Args:
            service: The subscriber.
            path: The path to answer below, starting with a slash. The default is the path of the config's ``url``.
            config: Its settings. Without a ``url``, the subscriber's URL is the listener's URL with the path.

        Raises:
            ValueError: The path is taken, the service is already attached, or the public URL is not known.
        """
        check_kind("The service", service, SubscriberService)
        check_kind("The config", config, SubscriberConfig, optional=True)
        settings = config or SubscriberConfig()
        where = path if path is not None else path_of(settings.url or "").rstrip("/") or "/"
        if id(service) in self._paths or where in self._paths.values():
            raise ValueError(f"The service is already attached, or another one is attached at {where}.")
        self._check_url(settings)

        def make(_: str) -> AbstractAsyncContextManager[AsgiApp]:
            chosen = settings.served_at(self.url + where)
            app = self._apps[where] = SubscriberApplication(service, chosen, client=self._client)
            app.listening()
            return _mounted(app, where)

        self._listener.reserve(where, make)
        self._paths[id(service)] = where

    def _check_url(self, settings: SubscriberConfig) -> None:
        url = settings.url or self._public_url
        if url is None:
            check_host(self._host, "set SubscriberListener(public_url=...) or SubscriberConfig(url=...)")
        else:
            warn_of_loopback(url, self._host)

    def application(self, service: SubscriberService) -> SubscriberApplication:
        """Return the application of an attached service, to subscribe to more targets and to inspect subscriptions.

        Raises:
            ValueError: The service is not attached, or the listener has not started.
        """
        app = self._apps.get(self._paths.get(id(service), ""))
        if app is None:
            raise ValueError("The service is not attached, or the listener has not started.")
        return app

    async def detach(self, service: SubscriberService) -> None:
        """Detach a subscriber. It unsubscribes first if its config says so.

        Raises:
            ValueError: The service is not attached.
        """
        path = self._paths.get(id(service))
        if path is None:
            raise ValueError("The service is not attached.")
        app = self._apps.get(path)
        if app is not None:
            await self._unsubscribe(app)
        await self._listener.detach(path)
        self._apps.pop(path, None)
        del self._paths[id(service)]

    async def start(self) -> str:
        """Start listening, then start subscribing for every service. A failed subscription does not stop the others.

        Returns:
            The base URL, once requests are accepted.

        Raises:
            OSError: The listener cannot listen on the address.
        """
        await self._listener.start()
        return self.url

    async def graceful_stop(self) -> None:
        """Unsubscribe the services whose config says so, wait for the verifications, and stop accepting requests."""
        async with anyio.create_task_group() as tasks:
            for app in self._apps.values():
                tasks.start_soon(self._unsubscribe, app)
        self._apps.clear()
        await self._listener.graceful_stop()

    async def immediate_stop(self) -> None:
        """Stop now. Subscriptions stay as they are."""
        self._apps.clear()
        await self._listener.immediate_stop()

    async def _unsubscribe(self, app: SubscriberApplication) -> None:
        if app.config.unsubscribe_on_shutdown:
            await app.unsubscribe_all(seconds=self._graceful_seconds)

    async def __aenter__(self) -> Self:
        """Prepare for subscribers to be attached."""
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop gracefully, unless already stopped."""
        try:
            if error is None:
                await self.graceful_stop()
        finally:
            await self._listener.__aexit__(kind, error, traceback)


@asynccontextmanager
async def _mounted(app: SubscriberApplication, path: str) -> AsyncIterator[AsgiApp]:
    """Run an application mounted below a path. Behind a proxy, the path of its public URL may be a different one."""

    async def mounted(scope: Scope, receive: Receive, send: AsgiSend) -> None:
        await app({**scope, "root_path": path.rstrip("/")}, receive, send)

    async with app:
        yield mounted
