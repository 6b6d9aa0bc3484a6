"""Connections whose addresses are checked after name resolution, so that no name can lead to a private network."""

import functools
import ipaddress
import math
import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import anyio
import httpcore

from _websub.calls.budgets import Spending
from _websub.calls.metering import MeteredBackend
from _websub.calls.resolving import Resolver
from _websub.grammar.addresses import AddressPolicy

RESOLVE_SECONDS = 3.0
ADDRESS_LIMIT = 16


class AddressRefusedError(httpcore.ConnectError):
    """The name resolves to an address that may not be called."""


class AddressBusyError(httpcore.ConnectError):
    """The budgets of all addresses of the name are used up.

    Attributes:
        wait: The seconds after which to try again.
    """

    def __init__(self, wait: float) -> None:
        super().__init__("budget used up")
        self.wait = wait


class NameNotResolvedError(httpcore.ConnectError):
    """The name does not resolve, or not in time."""


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return the TLS context of the process. Making one takes longer than thirty requests."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """A backend that resolves a name, checks all of its addresses, and connects to one of them.

    Args:
        addresses: The addresses that may be called.
    """

    def __init__(self, addresses: AddressPolicy) -> None:
        self._addresses = addresses
        self._inner = MeteredBackend()
        self._resolver = Resolver()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to an address of the host within its budget, if all addresses of the host may be called."""
        failure: Exception | None = None
        wait, spending = math.inf, Spending.current()
        for address in await self._checked_addresses(host, port):
            busy = 0.0 if spending is None else spending.reach(address)
            if busy:
                wait = min(wait, busy)
                continue
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        if failure is None:
            failure = AddressBusyError(wait) if wait < math.inf else NameNotResolvedError("no address")
        raise failure

    async def _checked_addresses(self, host: str, port: int) -> list[str]:
        addresses = await self._resolve(host, port)
        # One forbidden address is enough to refuse the name, since an attacker can mix in allowed ones.
        if not all(self._addresses.permits(address) for address in addresses):
            raise AddressRefusedError("address not allowed")
        return addresses[:ADDRESS_LIMIT]

    async def _resolve(self, host: str, port: int) -> list[str]:
        if is_address(host):
            return [host]
        try:
            with anyio.fail_after(RESOLVE_SECONDS):
                return await self._resolver.addresses(host, port)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise NameNotResolvedError("name not resolved") from error

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Raise an error, since no URL leads to a socket file."""
        raise AddressRefusedError(path)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)


def is_address(host: str) -> bool:
    """Return whether a host is an address, which needs no lookup."""
    try:
        return "%" not in host and bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def guarded_pool(
    addresses: AddressPolicy,
    *,
    connections: int,
    keep_alive: int,
    idle_seconds: float,
    tls: ssl.SSLContext | None = None,
) -> httpcore.AsyncConnectionPool:
    """Return a connection pool that checks every connection.

    Args:
        addresses: The addresses that may be called.
        connections: The maximum number of connections.
        keep_alive: How many idle connections to keep.
        idle_seconds: How long to keep them.
        tls: The TLS context for https instead of the default one.
    """
    return httpcore.AsyncConnectionPool(
        ssl_context=tls or tls_context(),
        max_connections=connections,
        max_keepalive_connections=keep_alive,
        keepalive_expiry=idle_seconds,
        network_backend=GuardedBackend(addresses),
    )


def proxy_pool(
    url: tuple[bytes, bytes, int | None, bytes],
    *,
    auth: tuple[bytes, bytes] | None,
    headers: Sequence[tuple[bytes, bytes]],
    connections: int,
    keep_alive: int,
    idle_seconds: float,
    tls: ssl.SSLContext | None = None,
    proxy_tls: ssl.SSLContext | None = None,
) -> httpcore.AsyncConnectionPool:
    """Return a connection pool that connects through a proxy.

    Args:
        url: The scheme, host, port and path of an HTTP or SOCKS proxy.
        auth: The user name and the password for the proxy.
        headers: Headers for the proxy, sent with each request.
        connections: The maximum number of connections.
        keep_alive: How many idle connections to keep.
        idle_seconds: How long to keep them.
        tls: The TLS context for https instead of the default one.
        proxy_tls: The TLS context for the proxy itself, if it is on https.
    """
    scheme, host, port, path = url
    common: dict[str, Any] = {
        "proxy_url": httpcore.URL(scheme=scheme, host=host, port=port, target=path),
        "proxy_auth": auth,
        "ssl_context": tls or tls_context(),
        "max_connections": connections,
        "max_keepalive_connections": keep_alive,
        "keepalive_expiry": idle_seconds,
        "network_backend": MeteredBackend(),
    }
    if scheme.startswith(b"socks"):
        return httpcore.AsyncSOCKSProxy(**common)
    return httpcore.AsyncHTTPProxy(**common, proxy_headers=headers, proxy_ssl_context=proxy_tls)


def core_request(method: str, url: tuple[bytes, bytes, int | None, bytes], **rest: Any) -> httpcore.Request:
    """Return a request for the pool, whose target is sent unchanged."""
    scheme, host, port, target = url
    return httpcore.Request(method=method, url=httpcore.URL(scheme=scheme, host=host, port=port, target=target), **rest)
