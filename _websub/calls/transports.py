"""Transports for httpx: direct connections that are checked, or a proxy."""

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
    """Check the URL of a proxy, and return it unchanged.

    Args:
        name: The name to use in an error.
        url: The URL, with user name and password if the proxy needs them.

    Raises:
        TypeError: The URL is not text.
        ValueError: The URL is not that of a proxy, or the kind of proxy is not supported.
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
    """A transport that connects to servers directly, and checks every connection after name resolution.

    Args:
        addresses: The addresses that may be called.
        limits: The maximum number of connections.
        tls: The TLS context for https instead of the default one.
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
        """Send a request. Errors are those of httpcore, which ``HttpClient`` translates."""
        return await _exchange(self._pool, request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class ProxyTransport(httpx.AsyncBaseTransport):
    """A transport through a proxy.

    The proxy resolves names, so only IP addresses and the names of this machine are checked here.

    Args:
        proxy: The proxy's URL.
        addresses: The addresses that may be called.
        limits: The maximum number of connections.
        tls: The TLS context for https instead of the default one, also for a proxy on https.
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
        """Send a request. Errors are those of httpcore, or ``AddressRefusedError``."""
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
    """The body of a request. It is not a generator, which would need to be finalized when sending is cancelled."""

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
