"""The whole internet of a test: host names to ASGI applications, without sockets and without mocks."""

from typing import Any

import httpx

App = Any


class Web(httpx.AsyncBaseTransport):
    """A transport on which every host is an application; hosts that are down or unknown do not connect."""

    def __init__(self, **sites: App) -> None:
        self._sites: dict[str, httpx.ASGITransport] = {}
        self.down: set[str] = set()
        for host, app in sites.items():
            self.add(host.replace("_", "."), app)

    def add(self, host: str, app: App) -> None:
        self._sites[host] = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host in self.down or host not in self._sites:
            raise httpx.ConnectError("down", request=request)
        target = request.extensions.get("target")
        if target is not None:
            # As on the wire: the target byte for byte, not as httpx would write it.
            request.url = request.url.copy_with(raw_path=target)
        return await self._sites[host].handle_async_request(request)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self)
