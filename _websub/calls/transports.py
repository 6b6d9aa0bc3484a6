"""The network as httpx sees it: connections that are checked when they are made, or a proxy that makes them."""

import importlib.util
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_address

import httpcore
import httpx

from _websub.arguments import check_kind
from _websub.calls.exchange import ExchangeLimits
from _websub.calls.metering import MeteredStream
from _websub.calls.network import AddressRefusedError, core_request, guarded_pool, proxy_pool
from _websub.grammar.addresses import AddressPolicy, is_loopback_host

_IDLE_SECONDS = 15.0


def check_proxy(name: str, url: str) -> str:
    """The URL of a proxy, returned unchanged if it can be one.

    Args:
        name: What to call it in an error.
        url: The URL, with user and password where the proxy asks for them.

    Raises:
        TypeError: It is no text.
        ValueError: It is no URL of a proxy, or one of a kind that nothing here speaks.
    """
    check_kind(name, url, str)
    try:
        proxy = httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        raise ValueError(f"{name} must be a URL that starts with http://, https://, socks5:// or socks5h://.") from None
    if not proxy.url.host:
        raise ValueError(f"{name} must name a host.")
    if proxy.url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ValueError(f"{name} is a SOCKS proxy, which needs the package socksio: pip install 'httpx[socks]'.")
    return url


class GuardedTransport(httpx.AsyncBaseTransport):
    """Calls servers itself, every connection checked after name resolution.

    Args:
        addresses: Which addresses may be called.
        limits: How many connections there may be.
        tls: The context for https instead of the usual one.
    """

    def __init__(self, addresses: AddressPolicy, limits: ExchangeLimits, tls: ssl.SSLContext | None = None) -> None:
        self._pool = guarded_pool(
            addresses,
            connections=limits.connections,
            keep_alive=limits.keep_alive,
            idle_seconds=_IDLE_SECONDS,
            tls=tls,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; errors are httpcore's, which the client above translates."""
        return await _exchange(self._pool, request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class ProxyTransport(httpx.AsyncBaseTransport):
    """Lets a proxy call the servers.

    The proxy resolves the names, so only hosts that are addresses, or names of this machine, are checked here.

    Args:
        proxy: The proxy's URL.
        addresses: Which addresses may be called.
        limits: How many connections there may be.
        tls: The context for https instead of the usual one, that of a proxy on https included.
    """

    def __init__(
        self, proxy: str, addresses: AddressPolicy, limits: ExchangeLimits, tls: ssl.SSLContext | None = None
    ) -> None:
        self._addresses = addresses
        given = httpx.Proxy(proxy)
        self._pool = proxy_pool(
            _parts(given.url),
            auth=given.raw_auth,
            headers=given.headers.raw,
            connections=limits.connections,
            keep_alive=limits.keep_alive,
            idle_seconds=_IDLE_SECONDS,
            tls=tls,
            proxy_tls=tls if given.url.scheme == "https" else None,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; errors are httpcore's, or an address is refused."""
        if not self._permits(request.url.raw_host.decode("ascii")):
            raise AddressRefusedError("address not allowed")
        return await _exchange(self._pool, request)

    def _permits(self, host: str) -> bool:
        if is_loopback_host(host):
            return self._addresses.permits("127.0.0.1")
        try:
            ip_address(host)
        except ValueError:
            return True
        return self._addresses.permits(host)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


async def _exchange(pool: httpcore.AsyncConnectionPool, request: httpx.Request) -> httpx.Response:
    core = core_request(
        request.method,
        _parts(request.url),
        headers=request.headers.raw,
        content=_Content(request.content),
        extensions=request.extensions,
    )
    response = await pool.handle_async_request(core)
    return httpx.Response(
        status_code=response.status,
        headers=response.headers,
        stream=_Body(response),
        extensions=response.extensions,
    )


def _parts(url: httpx.URL) -> tuple[bytes, bytes, int | None, bytes]:
    return url.raw_scheme, url.raw_host, url.port, url.raw_path


class _Content:
    """The body of a request. No generator: where sending is given up, one would have to be ended by itself."""

    def __init__(self, body: bytes) -> None:
        self._parts = [body] if body else []

    def __aiter__(self) -> "_Content":
        return self

    async def __anext__(self) -> bytes:
        if not self._parts:
            raise StopAsyncIteration
        return self._parts.pop()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.extensions.get("network_stream")
        metered = stream if isinstance(stream, MeteredStream) else None
        if metered is not None:
            metered.note_head()
        async for chunk in self._response.aiter_stream():
            if metered is not None:
                metered.note_piece(len(chunk))
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
