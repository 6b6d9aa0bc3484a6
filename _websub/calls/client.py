"""Outgoing exchanges, limited in time and size, without redirects, cookies or settings from the environment."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import anyio
import anyio.lowlevel
import httpcore
import httpx
from httpx import AsyncClient

from _websub.calls.exchange import ExchangeError, ExchangeLimits, Failure, Incoming
from _websub.calls.network import AddressBusyError, AddressRefusedError, NameNotResolvedError
from _websub.calls.requests import client_request, drop_credentials, own_request, same_origin, without_credentials
from _websub.calls.transports import GuardedTransport, ProxyTransport, check_proxy
from _websub.grammar.addresses import AddressPolicy
from _websub.grammar.urls import REQUEST_URL_LIMIT, UrlError, check_url, host_of, wire_url
from _websub.http import Headers, Request, Response

__all__ = [
    "AsyncClient",
    "ExchangeError",
    "ExchangeLimits",
    "Failure",
    "HttpClient",
    "Incoming",
    "check_client",
    "check_proxy",
]

_CLOSE_SECONDS = 1.0

# Handling one piece of a body costs as much as a kilobyte of it. A body may arrive in this many pieces, plus one for
# each _PIECE_BYTES of it.
_PIECES = 16_384
_PIECE_BYTES = 32
_PIECES_AT_ONCE = 32

# The first match names the failure.
_FAILURES: tuple[tuple[tuple[type[Exception], ...], Failure], ...] = (
    ((UrlError, httpx.InvalidURL, httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol), Failure.URL),
    ((UnicodeError, httpx.LocalProtocolError, httpcore.LocalProtocolError), Failure.REQUEST),
    ((AddressBusyError,), Failure.BUDGET),
    ((AddressRefusedError,), Failure.ADDRESS),
    ((NameNotResolvedError,), Failure.NAME),
    ((TimeoutError, httpx.TimeoutException, httpcore.TimeoutException), Failure.TIMEOUT),
    ((httpx.ConnectError, httpx.ProxyError, httpcore.ConnectError, httpcore.ProxyError), Failure.CONNECT),
    ((httpx.ProtocolError, httpcore.ProtocolError), Failure.MALFORMED),
    ((httpx.HTTPError, httpcore.NetworkError, OSError), Failure.BROKEN),
)
_TRANSLATED = tuple(kind for kinds, _ in _FAILURES for kind in kinds)


def check_client(client: object, **ours: object) -> None:
    """Raise an error if a client is not an ``httpx.AsyncClient``, or if settings are given as well.

    Args:
        client: The client, or None.
        ours: The settings of our own connections by name, with None for those not given.

    Raises:
        TypeError: The client is not an ``httpx.AsyncClient``.
        ValueError: One of the settings was given as well.
    """
    if client is None:
        return
    if not isinstance(client, AsyncClient):
        raise TypeError(f"client must be an httpx.AsyncClient, not {type(client).__name__}.")
    given = [setting for setting, value in ours.items() if value is not None]
    if given:
        raise ValueError(f"Pass either client or {', '.join(given)}. If you have your own client, set it there.")


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the libraries' exceptions into an ``ExchangeError`` that reveals nothing about the network."""
    try:
        yield
    except _TRANSLATED as error:
        failure = next(failure for kinds, failure in _FAILURES if isinstance(error, kinds))
        if failure is Failure.CONNECT and _has_tls_cause(error):
            failure = Failure.TLS
        raise ExchangeError(failure, getattr(error, "wait", 0.0)) from error


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    if response.is_stream_consumed:  # By an event hook or the transport of the user's client.
        yield response.content
        return
    if response.is_closed:  # By an event hook that raised for the status before the body was read.
        return
    pieces = size = 0
    with _translated():
        chunks = response.aiter_raw()
        async for chunk in chunks:
            pieces += 1
            size += len(chunk)
            if pieces > _PIECES + size // _PIECE_BYTES:
                await response.aclose()
                await _unwind(chunks)
                raise ExchangeError(Failure.TOO_LARGE)
            if not pieces % _PIECES_AT_ONCE:
                await anyio.lowlevel.checkpoint()
            yield chunk


def _headers(response: httpx.Response) -> Headers:
    pairs = response.headers.multi_items()
    if response.is_stream_consumed:  # Its content is already unpacked.
        pairs = [pair for pair in pairs if pair[0].lower() != "content-encoding"]
    return Headers(pairs)


async def _unwind(chunks: AsyncIterator[bytes]) -> None:
    # A body that was not read to its end is a chain of generators, and trio warns about each one that it has to
    # finalize. Once the response is closed, reading on ends them.
    with suppress(Exception):
        pieces = 0
        async for _ in chunks:
            pieces += 1
            if not pieces % _PIECES_AT_ONCE:
                await anyio.lowlevel.checkpoint()


def _has_tls_cause(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


class HttpClient:
    """A client that sends one request and returns one response.

    If the user passes a client, all of its settings apply to every exchange: headers, cookies, query parameters,
    authentication, event hooks, proxies, TLS settings and timeouts. The headers of a request take precedence over those
    of the client. Redirects are never followed, and the size of responses stays limited.

    Args:
        client: The user's ``httpx.AsyncClient``, which stays open.
        addresses: The addresses that may be called, if no client is given.
        limits: The limits of each exchange. If a client is given, only the size applies.
        tls: The TLS context for https instead of the default one, if no client is given.
        proxy: The URL of a proxy, if no client is given.
    """

    def __init__(
        self,
        client: AsyncClient | None = None,
        *,
        addresses: AddressPolicy | None = None,
        limits: ExchangeLimits | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        check_client(client)
        self.limits = limits or ExchangeLimits()
        self._addresses = addresses or AddressPolicy()
        self._tls = tls
        self._proxy = proxy
        self._given = client
        self._own: tuple[object, httpx.AsyncBaseTransport] | None = None

    def may_call(self, url: str) -> bool:
        """Return whether a checked URL may be called, judging by its text. Names are looked up only during the call.

        With the user's own client, that client decides.
        """
        return self._given is not None or self._addresses.permits_host(host_of(url))

    async def send(self, request: Request, *, cut: bool = False) -> Response:
        """Send a request, and return its whole response.

        Args:
            request: The request.
            cut: Whether to cut a body that exceeds the limit instead of failing.

        Raises:
            ExchangeError: No usable response came back within the limits.
        """
        limit = self.limits.response_bytes
        async with self.open(request) as incoming:
            body = bytearray()
            async for chunk in incoming.chunks:
                body += chunk
                if len(body) > limit:
                    if not cut:
                        raise ExchangeError(Failure.TOO_LARGE)
                    break
            return Response(status=incoming.status, headers=incoming.headers, body=bytes(body[:limit]))

    @asynccontextmanager
    async def open(self, request: Request, *, named: str | None = None) -> AsyncIterator[Incoming]:
        """Send a request, and yield its response while the body arrives. Leave the block early to stop reading.

        Args:
            request: The request.
            named: The URL that the user named, if the request follows a redirect from there. Credentials are sent to
                that server only.

        Raises:
            ExchangeError: No usable response came back within the limits.
        """
        with anyio.move_on_after(self._seconds()) as deadline:
            with _translated():
                response = await self._exchange(request, named)
            chunks = _chunks(response)
            try:
                yield Incoming(url=request.url, status=response.status_code, headers=_headers(response), chunks=chunks)
            finally:
                with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                    await response.aclose()
                    await _unwind(chunks)
        if deadline.cancelled_caught:
            raise ExchangeError(Failure.TIMEOUT)

    def _seconds(self) -> float | None:
        """Return how long an exchange may take. With the user's client, that is the sum of its timeouts."""
        if self._given is None:
            return self.limits.seconds
        steps = self._given.timeout.as_dict().values()
        given = [seconds for seconds in steps if seconds is not None]
        return max(self.limits.seconds, sum(given)) if len(given) == len(steps) else None

    async def _exchange(self, request: Request, named: str | None) -> httpx.Response:
        url, pairs = wire_url(check_url(request.url, limit=REQUEST_URL_LIMIT)), request.headers.pairs
        redirected = named is not None and named != request.url
        abroad = redirected and not same_origin(wire_url(named or ""), url)
        if abroad:
            pairs = without_credentials(pairs)
        client = self._given
        if client is None:
            return await self._transport().handle_async_request(own_request(request, url, pairs, self.limits))
        outgoing = client_request(client, request, url, pairs, redirected=redirected)
        if abroad:
            drop_credentials(client, outgoing)
        auth = None if abroad or "authorization" in request.headers else httpx.USE_CLIENT_DEFAULT
        try:
            return await client.send(outgoing, stream=True, follow_redirects=False, auth=auth)
        except httpx.HTTPStatusError as error:  # An event hook raised for the status, but any status is a response.
            return error.response

    def _transport(self) -> httpx.AsyncBaseTransport:
        # A bare transport keeps no cookies, uses no proxies from the environment, and does not log whole callbacks.
        loop, own = anyio.lowlevel.current_token(), self._own
        if own is None or own[0] != loop:  # Connections of another loop cannot be used here.
            self._own = own = (loop, self._make_transport())
        return own[1]

    def _make_transport(self) -> httpx.AsyncBaseTransport:
        if self._proxy is None:
            return GuardedTransport(self._addresses, self.limits, self._tls)
        return ProxyTransport(self._proxy, self._addresses, self.limits, self._tls)

    async def aclose(self) -> None:
        """Close the connections. The user's own client stays open."""
        own, self._own = self._own, None
        if own is not None and own[0] == anyio.lowlevel.current_token():
            await own[1].aclose()
