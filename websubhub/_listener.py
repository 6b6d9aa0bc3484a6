"""A listener for several hubs on one address."""

from types import TracebackType
from typing import Self

import attrs

from _websub.arguments import check_kind
from _websub.asgi.public_urls import check_host, warn_of_loopback
from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from websubhub._application import HubApplication
from websubhub._config import HubConfig
from websubhub._service import HubService

TYPE_CHECKING = False  # httpx is loaded when it is used
if TYPE_CHECKING:
    from _websub.calls.client import AsyncClient


class HubListener:
    """Listens on one address, and serves the hubs attached to its paths. It is an async context manager.

    Args:
        port: The port to listen on; 0 picks a free one.
        host: The address to listen on.
        certfile: A PEM file with the certificate chain, for TLS and HTTP/2.
        keyfile: A PEM file with the private key, if it is not in the file of the certificate.
        public_url: The base URL that subscribers see, if it differs from the address.
        graceful_seconds: How long accepted requests and their follow-ups may continue when the listener stops.
        client: Your own HTTP client for verification requests, with all of its settings.
        server: ``auto``, ``hypercorn`` or ``uvicorn``. ``auto`` uses uvicorn for HTTP/1.1 without TLS on asyncio, if
            the extra ``speed`` is installed.

    Raises:
        ValueError: The server is not installed, or does not support these settings.

    Example:
        ```python
        import anyio
        from hub import Hub

        from websubhub import HubListener


        async def main():
            async with HubListener(port=8080) as listener:
                listener.attach(Hub(), "/news")
                listener.attach(Hub(), "/weather")
                print(await listener.start())
                await anyio.sleep_forever()


        anyio.run(main)
        ```
    """

    def __init__(
        self,
        port: int = 8080,
        *,
        host: str = "127.0.0.1",
        certfile: str | None = None,
        keyfile: str | None = None,
        public_url: str | None = None,
        graceful_seconds: float = 10.0,
        client: "AsyncClient | None" = None,
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
        self._public_url = public_url.rstrip("/") if public_url else None
        self._client = client
        self._host = host
        self._paths: dict[int, str] = {}

    @property
    def url(self) -> str:
        """The base URL that subscribers see.

        Raises:
            RuntimeError: The listener has not started, so its URL is not known yet.
        """
        url = self._public_url or self._listener.url
        if url is None:
            raise RuntimeError("The URL is not known until the listener has started.")
        return url

    def attach(self, service: HubService, path: str | None = None, *, config: HubConfig | None = None) -> None:
        """Attach a hub to a path, before or after the start.

        Args:
            service: The hub.
            path: The path, starting with a slash. The default is the path of the config, which is ``/hub`` unless set.
            config: Its settings. Without a ``url``, the hub's URL is the listener's URL with the path.

        Raises:
            ValueError: The path is taken, the service is already attached, or the public URL is not known.
        """
        check_kind("The service", service, HubService)
        check_kind("The config", config, HubConfig, optional=True)
        settings = config or HubConfig()
        where = path if path is not None else settings.local_path
        if id(service) in self._paths or where in self._paths.values():
            raise ValueError(f"The service is already attached, or another one is attached at {where}.")
        self._check_url(settings)
        if settings.path is None:
            settings = attrs.evolve(settings, path=where)
        self._listener.reserve(where, lambda _: HubApplication(service, settings.served_at(self.url), self._client))
        self._paths[id(service)] = where

    def _check_url(self, settings: HubConfig) -> None:
        url = settings.url or self._public_url
        if url is None:
            check_host(self._host, "set HubListener(public_url=...) or HubConfig(url=...)")
        else:
            warn_of_loopback(url, self._host)

    async def detach(self, service: HubService) -> None:
        """Detach a hub. Its requests in progress may finish.

        Raises:
            ValueError: The service is not attached.
        """
        path = self._paths.pop(id(service), None)
        if path is None:
            raise ValueError("The service is not attached.")
        await self._listener.detach(path)

    async def start(self) -> str:
        """Start listening, and return the base URL once the hubs answer. Until then, requests are answered with 503.

        Raises:
            OSError: The listener cannot listen on the address.
        """
        await self._listener.start()
        return self.url

    async def graceful_stop(self) -> None:
        """Stop accepting requests, and wait for accepted ones and their follow-ups, up to the limit."""
        await self._listener.graceful_stop()

    async def immediate_stop(self) -> None:
        """Stop now, and cancel everything in progress."""
        await self._listener.immediate_stop()

    async def __aenter__(self) -> Self:
        """Prepare for hubs to be attached."""
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop gracefully, unless already stopped."""
        await self._listener.__aexit__(kind, error, traceback)
