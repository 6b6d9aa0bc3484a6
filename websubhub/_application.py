"""A hub as an ASGI application, and served on its own."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import anyio

from _websub.arguments import check_kind
from _websub.asgi.edge import AsgiEdge, AsgiSend, Receive, Scope
from _websub.asgi.public_urls import check_host, warn_of_loopback
from _websub.grammar.addresses import AddressPolicy
from _websub.limits import EdgeLoad
from _websub.server import serving
from _websub.server.listening import AppListener, run_listener
from _websub.server.serving import Binding
from _websub.server.telling import telling, told_ready
from websubhub._config import HubConfig
from websubhub._dispatch.callbacks import callback_client
from websubhub._dispatch.dispatcher import Dispatcher
from websubhub._dispatch.intent import IntentVerification, VerificationAttempt
from websubhub._service import HubService
from websubhub._subscriptions import Subscription, Unsubscription

TYPE_CHECKING = False  # httpx is loaded when it is used
if TYPE_CHECKING:
    from _websub.calls.client import AsyncClient


class HubApplication:
    """A hub as an ASGI application and async context manager.

    Enter it yourself if the server sends no lifespan events, so that follow-ups run in the background. Otherwise,
    each follow-up runs at the end of its request.

    Args:
        service: The hub.
        config: Its settings.
        client: Your own HTTP client for verification requests, with all of its settings: timeouts, headers, proxies.
            The default client refuses private addresses.
        clock: Returns the time, in seconds since 1970.

    Raises:
        ValueError: The config has no URL.
    """

    def __init__(
        self,
        service: HubService,
        config: HubConfig,
        client: "AsyncClient | None" = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_kind("The service", service, HubService)
        check_kind("The config", config, HubConfig)
        self.service = service
        self.config = config
        addresses = AddressPolicy.for_public_url(config.public_url, config.allow_networks)
        self._client = callback_client(client, addresses, config.verifications_at_once)
        self._dispatcher = Dispatcher(service, config, self._client, clock=clock)
        self._edge = AsgiEdge(self._dispatcher.handle, limits=config.limits, resources=self._resources)

    @asynccontextmanager
    async def _resources(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        """Start running follow-ups in the background."""
        await self._edge.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for follow-ups within the limit of the config, then cancel the rest."""
        await self._edge.__aexit__(kind, error, traceback)

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection."""
        await self._edge(scope, receive, send)

    @property
    def load(self) -> EdgeLoad:
        """How busy the application is, for health checks and metrics."""
        return self._edge.load

    async def verify(self, message: Subscription | Unsubscription) -> IntentVerification:
        """Validate a request and verify its intent once, now. Use this for requests accepted with ``deferred=True``.

        Returns:
            The result. If it is ``UNANSWERED``, try again later; ``attempt_verification`` also says when.
        """
        return (await self.attempt_verification(message)).result

    async def attempt_verification(self, message: Subscription | Unsubscription) -> VerificationAttempt:
        """Do what ``verify`` does, and also return when a callback that cannot answer now wants to be asked again.

        Make the attempts for one topic and callback one after the other, in the order of the requests.
        """
        return await self._dispatcher.verify(message)

    async def deny(self, message: Subscription | Unsubscription, reason: str = "") -> None:
        """Notify a subscriber that its subscription is denied, at any time (W3C 5.2).

        Args:
            message: The subscription, verified or not.
            reason: The reason to send. Empty sends none.
        """
        await self._dispatcher.deny(message, reason)


def asgi(
    service: HubService, config: HubConfig | None = None, *, client: "AsyncClient | None" = None
) -> HubApplication:
    """Return a hub as an ASGI application that answers at the path of ``config.url``.

    Args:
        service: The hub.
        config: Its settings. They need a ``url``, since an application does not know where it is served.
        client: Your own HTTP client for verification requests, with all of its settings.

    Raises:
        ValueError: The config has no URL.

    Example:
        ```python
        from hub import Hub

        from websubhub import HubConfig, asgi

        app = asgi(Hub(), HubConfig(url="https://hub.example.com/hub"))
        ```
    """
    return HubApplication(service, config or HubConfig(), client)


async def serve(  # noqa: PLR0913 - settings of a server, keyword-only except for two
    service: HubService,
    config: HubConfig | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    certfile: str | None = None,
    keyfile: str | None = None,
    server: str = "auto",
    ready: Callable[[str], None] | None = None,
    quiet: bool = False,
) -> None:
    """Serve a hub until cancelled.

    Args:
        service: The hub.
        config: Its settings. Without a ``url``, the hub uses its address if that is on loopback.
        host: The address to listen on.
        port: The port to listen on; 0 picks a free one.
        certfile: A PEM file with the certificate chain, for TLS and HTTP/2.
        keyfile: A PEM file with the private key, if it is not in the file of the certificate.
        server: ``auto``, ``hypercorn`` or ``uvicorn``. ``auto`` uses uvicorn for HTTP/1.1 without TLS on asyncio, if
            the extra ``speed`` is installed.
        ready: Called with the base URL once the hub accepts requests.
        quiet: Whether to print nothing. By default, stderr says where the hub listens and how to stop it.

    Raises:
        OSError: The hub cannot listen on the address.
        ValueError: The config has no URL and the address is not on loopback, or the server is not installed or does not
            support these settings.

    Example:
        ```python
        import anyio
        from hub import Hub

        from websubhub import serve


        async def main():
            await serve(Hub(), port=8080)


        anyio.run(main)
        ```
    """
    binding = Binding(host=host, port=port, certfile=certfile, keyfile=keyfile, server=server)
    await _serve(service, config, binding, ready=ready, quiet=quiet)


def run(
    service: HubService,
    config: HubConfig | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    backend: str = "asyncio",
    server: str = "auto",
    quiet: bool = False,
) -> None:
    """Serve a hub until SIGINT or SIGTERM. Requests in progress finish first.

    Args:
        service: The hub.
        config: Its settings. Without a ``url``, the hub uses its address if that is on loopback.
        host: The address to listen on.
        port: The port to listen on.
        backend: ``asyncio`` or ``trio``.
        server: ``auto``, ``hypercorn`` or ``uvicorn``. ``auto`` uses uvicorn for HTTP/1.1 without TLS on asyncio, if
            the extra ``speed`` is installed.
        quiet: Whether to print nothing. By default, stderr says where the hub listens and how to stop it, and shows
            the hub's log, unless your program has set up logging.

    Raises:
        SystemExit: The hub cannot listen on the address. A sentence on stderr says why.
        OSError: The same, if ``quiet`` is set.
        ValueError: The config has no URL and the address is not on loopback, or the server is not installed or does not
            support these settings.

    Example:
        ```python
        from hub import Hub

        from websubhub import run

        run(Hub(), port=8080)
        ```
    """

    async def main(stop: Callable[[], Awaitable[object]]) -> None:
        await _serve(service, config, Binding(host=host, port=port, server=server), stop=stop, quiet=quiet)

    with telling("websubhub", quiet=quiet):
        serving.run(main, backend=backend)


async def _serve(
    service: HubService,
    config: HubConfig | None,
    binding: Binding,
    *,
    stop: Callable[[], Awaitable[object]] = anyio.sleep_forever,
    ready: Callable[[str], None] | None = None,
    quiet: bool = False,
) -> None:
    check_kind("The service", service, HubService)
    check_kind("The config", config, HubConfig, optional=True)
    settings = config or HubConfig()
    if settings.url is None:
        check_host(binding.host, "set HubConfig(url=...)")
    else:
        warn_of_loopback(settings.url, binding.host)
    async with AppListener(binding) as listener:
        listener.reserve("/", lambda base: HubApplication(service, settings.served_at(base)))
        announce = told_ready("websubhub", lambda base: settings.served_at(base).public_url, ready, quiet=quiet)
        await run_listener(listener, stop, announce)
