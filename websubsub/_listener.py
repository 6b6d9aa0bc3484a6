"""Several subscribers on one address."""

from types import TracebackType
from typing import Self

import anyio
import attrs

from _websub.client import AsyncClient
from _websub.listening import AppListener
from _websub.serving import Binding
from _websub.urls import path_of
from websubsub._application import UNSUBSCRIBE_SECONDS, SubscriberApplication
from websubsub._config import SubscriberConfig
from websubsub._service import SubscriberService


@attrs.frozen(kw_only=True)
class _Attaching:
    service: SubscriberService
    path: str
    config: SubscriberConfig
    moves: bool


class SubscriberListener:
    """Listens on one address for the subscribers attached to its paths; an async context manager.

    Args:
        port: The port to listen on; 0 picks a free one.
        host: The address to listen on.
        certfile: A PEM file with the certificate chain, for TLS and HTTP/2.
        keyfile: A PEM file with the private key.
        public_url: The base URL that hubs call, where it is not that of the address.
        graceful_seconds: How long unsubscribing may take when it stops, and then accepted requests.
        client: Your own HTTP client, for hubs and resources, used whole.
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
    ) -> None:
        binding = Binding(host=host, port=port, certfile=certfile, keyfile=keyfile, graceful_seconds=graceful_seconds)
        self._listener = AppListener(binding)
        self._graceful_seconds = graceful_seconds
        self._public_url = public_url.rstrip("/") if public_url else None
        self._client = client
        self._waiting: dict[str, _Attaching] = {}
        self._paths: dict[int, str] = {}
        self._apps: dict[str, SubscriberApplication] = {}

    @property
    def url(self) -> str:
        """The base URL that hubs call.

        Raises:
            RuntimeError: It is not known before the listener has started.
        """
        url = self._public_url or self._listener.url
        if url is None:
            raise RuntimeError("The URL is known once the listener has started.")
        return url

    def attach(
        self, service: SubscriberService, path: str | None = None, *, config: SubscriberConfig | None = None
    ) -> None:
        """Answer for a subscriber, before or after the start; after it, it subscribes at once.

        Args:
            service: The subscriber.
            path: The path to answer below; the ``url`` of the config becomes the listener's URL and this path.
            config: Its settings; without a path, it is answered for at the path of their ``url``.

        Raises:
            ValueError: The path is taken, or the service is attached already.
        """
        settings, unset = config or SubscriberConfig(), SubscriberConfig().url
        where = path if path is not None else path_of(settings.url).rstrip("/") or "/"
        if id(service) in self._paths or where in self._paths.values():
            raise ValueError(f"The service is attached already, or another one at {where}.")
        if not where.startswith("/"):
            raise ValueError(f"The path {where} must start with a slash.")
        self._paths[id(service)] = where
        # The default url is that of the default port, where this listener need not be.
        moves = path is not None or settings.url == unset
        attaching = _Attaching(service=service, path=where, config=settings, moves=moves)
        if self._listener.url is None:
            self._waiting[where] = attaching
        else:
            self._attach(attaching)

    def _attach(self, attaching: _Attaching) -> None:
        config = attaching.config
        if attaching.moves:
            config = attrs.evolve(config, url=self.url + attaching.path)
        app = self._apps[attaching.path] = SubscriberApplication(attaching.service, config, client=self._client)
        self._listener.attach(attaching.path, app, app)
        app.listening()

    def application(self, service: SubscriberService) -> SubscriberApplication:
        """The application of a service that is attached, to subscribe to more and to look at subscriptions.

        Raises:
            ValueError: The service is not attached, or the listener has not started.
        """
        app = self._apps.get(self._paths.get(id(service), ""))
        if app is None:
            raise ValueError("The service is not attached, or the listener has not started.")
        return app

    async def detach(self, service: SubscriberService) -> None:
        """Answer with a subscriber no more; it unsubscribes first if its config says so.

        Raises:
            ValueError: The service is not attached.
        """
        path = self._paths.get(id(service))
        if path is None:
            raise ValueError("The service is not attached.")
        if self._waiting.pop(path, None) is None:
            await self._unsubscribe(self._apps[path])
            await self._listener.detach(path)
            del self._apps[path]
        del self._paths[id(service)]

    async def start(self) -> str:
        """Listen, then subscribe for every service; a subscription that fails does not stop the others.

        Returns:
            The base URL, once requests are accepted.

        Raises:
            OSError: The address cannot be listened on.
        """
        await self._listener.start()
        for attaching in self._waiting.values():
            self._attach(attaching)
        self._waiting.clear()
        return self.url

    async def graceful_stop(self) -> None:
        """Unsubscribe the services whose config says so, wait for the verifications, then accept no more requests."""
        async with anyio.create_task_group() as tasks:
            for app in self._apps.values():
                tasks.start_soon(self._unsubscribe, app)
        self._apps.clear()
        await self._listener.graceful_stop()

    async def immediate_stop(self) -> None:
        """Stop now; subscriptions stay as they are."""
        self._apps.clear()
        await self._listener.immediate_stop()

    async def _unsubscribe(self, app: SubscriberApplication) -> None:
        if app.config.unsubscribe_on_shutdown:
            await app.unsubscribe_all(seconds=self._graceful_seconds)

    async def __aenter__(self) -> Self:
        """Make ready for subscribers."""
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop gracefully, if that was not done before."""
        try:
            if error is None:
                await self.graceful_stop()
        finally:
            await self._listener.__aexit__(kind, error, traceback)
