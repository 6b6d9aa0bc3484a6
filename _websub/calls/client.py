"""Outgoing exchanges: bounded in time and size, no redirects, no cookies, no environment (the door of httpx)."""

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

# Each piece of a body costs as much as a kilobyte of it. A body may come in so many, and in one more for so many bytes.
_PIECES = 16_384
_PIECE_BYTES = 32
_PIECES_AT_ONCE = 32

# In this order: the first class that fits names the failure.
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
    """Refuse a client that is none of httpx's, and settings beside it that would be its own.

    Args:
        client: What was given, or None.
        ours: Settings of our own connections, by their names; None where they were not given.

    Raises:
        TypeError: It is not an ``httpx.AsyncClient``.
        ValueError: One of the settings was given as well.
    """
    if client is None:
        return
    if not isinstance(client, AsyncClient):
        raise TypeError(f"client must be an httpx.AsyncClient, not {type(client).__name__}.")
    given = [setting for setting, value in ours.items() if value is not None]
    if given:
        raise ValueError(f"Give either client or {', '.join(given)}: with a client of your own, set it there.")


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the libraries raise into an ExchangeError that gives nothing of the network away."""
    try:
        yield
    except _TRANSLATED as error:
        failure = next(failure for kinds, failure in _FAILURES if isinstance(error, kinds))
        if failure is Failure.CONNECT and _has_tls_cause(error):
            failure = Failure.TLS
        raise ExchangeError(failure, getattr(error, "wait", 0.0)) from error


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    if response.is_stream_consumed:  # By an event hook of the given client, or a transport that read it for us.
        yield response.content
        return
    if response.is_closed:  # By an event hook that raised for the status, before the body was read.
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
    if response.is_stream_consumed:  # Its content was unpacked by whoever read it.
        pairs = [pair for pair in pairs if pair[0].lower() != "content-encoding"]
    return Headers(pairs)


async def _unwind(chunks: AsyncIterator[bytes]) -> None:
    # A body that was left early is a chain of generators, and trio warns of each that it has to end by itself. With
    # the response closed, they have an end.
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
    """Sends requests and returns answers, and nothing but that.

    A client that is given is used whole: its headers, cookies, query parameters, authentication, event hooks, proxies,
    TLS settings and timeouts are those of every exchange. What a request says itself goes before what the client says;
    redirects are not followed whatever it says, and answers stay limited in size.

    Args:
        client: The caller's own ``httpx.AsyncClient``, left open.
        addresses: Which addresses may be called, when no client is given.
        limits: The bounds of each exchange; of those, only the size when a client is given.
        tls: The context for https instead of the usual one, when no client is given.
        proxy: The URL of a proxy, when no client is given.
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
        """Return whether a checked URL may be called, as far as its text says; names are looked up when it is called.

        With the caller's own client, that client decides.
        """
        return self._given is not None or self._addresses.permits_host(host_of(url))

    async def send(self, request: Request, *, cut: bool = False) -> Response:
        """Send one request and read its whole answer.

        Args:
            request: The request.
            cut: Whether a longer body than the limit allows is cut there, instead of being a failure.

        Raises:
            ExchangeError: Nothing usable came back within the limits.
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
        """Send one request and hand out its answer while the body arrives; leave early to stop reading.

        Args:
            request: The request.
            named: The URL that the user named, where the request follows a redirect from there: credentials go to no
                other server than that one.

        Raises:
            ExchangeError: Nothing usable came back within the limits.
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
        """How long the whole exchange may take: over a given client as long as all its steps, each of them once."""
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
        except httpx.HTTPStatusError as error:  # An event hook raised for the status; here every status is an answer.
            return error.response

    def _transport(self) -> httpx.AsyncBaseTransport:
        # Without the client layer there are no cookies, no proxies of the environment, and no log of whole callbacks.
        loop, own = anyio.lowlevel.current_token(), self._own
        if own is None or own[0] != loop:  # Connections that another loop left behind cannot be used here.
            self._own = own = (loop, self._make_transport())
        return own[1]

    def _make_transport(self) -> httpx.AsyncBaseTransport:
        if self._proxy is None:
            return GuardedTransport(self._addresses, self.limits, self._tls)
        return ProxyTransport(self._proxy, self._addresses, self.limits, self._tls)

    async def aclose(self) -> None:
        """Close the connections; a client that was given stays open."""
        own, self._own = self._own, None
        if own is not None and own[0] == anyio.lowlevel.current_token():
            await own[1].aclose()
