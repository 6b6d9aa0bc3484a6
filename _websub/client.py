"""Outgoing exchanges: bounded in time and size, no redirects, no cookies, no environment (the door of httpx)."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import StrEnum

import anyio
import attrs
import httpcore
import httpx
from httpx import AsyncClient

from _websub.addresses import AddressPolicy
from _websub.http import Headers, Request, Response
from _websub.links import resolve
from _websub.network import AddressRefusedError, NameNotResolvedError, core_request, guarded_pool
from _websub.urls import UrlError, ascii_url, check_url, target_of
from _websub.vocabulary import USER_AGENT

__all__ = ["AsyncClient", "ExchangeError", "ExchangeLimits", "Failure", "HttpClient", "Incoming"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CLOSE_SECONDS = 1.0


class Failure(StrEnum):
    """Why an exchange brought no answer."""

    NAME = "the name does not resolve"
    ADDRESS = "the address may not be called"
    CONNECT = "no connection"
    TLS = "TLS failed"
    TIMEOUT = "no answer in time"
    MALFORMED = "the answer is malformed"
    BROKEN = "the connection broke"
    TOO_LARGE = "the answer is too large"
    URL = "the URL cannot be called"
    REQUEST = "the request cannot be sent"


class ExchangeError(Exception):
    """No usable answer came back.

    Attributes:
        failure: What went wrong.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@attrs.frozen(kw_only=True)
class ExchangeLimits:
    """The bounds of one exchange.

    Attributes:
        seconds: From the start of the connection to the last byte.
        connect_seconds: For the connection and TLS.
        response_bytes: The largest answer.
        keep_alive: How many idle connections are kept.
    """

    seconds: float = 15.0
    connect_seconds: float = 5.0
    response_bytes: int = 65_536
    keep_alive: int = 20


@attrs.frozen(kw_only=True)
class Incoming:
    """An answer whose body is still on its way.

    Attributes:
        url: The URL that answered.
        status: The status code.
        headers: The headers.
        chunks: The body as it arrives, undecoded.
    """

    url: str
    status: int
    headers: Headers
    chunks: AsyncIterator[bytes]

    @property
    def redirect(self) -> str | None:
        """Where the answer sends us, as an absolute URL without its fragment; nowhere if that cannot be read.

        A fragment is for those who show the page, and is never sent (RFC 9110, 10.2.2).
        """
        location = self.headers.get("location")
        target = resolve(self.url, location) if location and self.status in _REDIRECTS else None
        return target.partition("#")[0] if target is not None else None


# In this order: the first class that fits names the failure.
_FAILURES: tuple[tuple[tuple[type[Exception], ...], Failure], ...] = (
    ((UrlError, httpx.InvalidURL, httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol), Failure.URL),
    ((UnicodeEncodeError, httpx.LocalProtocolError, httpcore.LocalProtocolError), Failure.REQUEST),
    ((AddressRefusedError,), Failure.ADDRESS),
    ((NameNotResolvedError,), Failure.NAME),
    ((TimeoutError, httpx.TimeoutException, httpcore.TimeoutException), Failure.TIMEOUT),
    ((httpx.ConnectError, httpcore.ConnectError), Failure.CONNECT),
    ((httpx.ProtocolError, httpcore.ProtocolError), Failure.MALFORMED),
    ((httpx.HTTPError, httpcore.NetworkError, OSError), Failure.BROKEN),
)
_TRANSLATED = tuple(kind for kinds, _ in _FAILURES for kind in kinds)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the libraries raise into an ExchangeError that gives nothing of the network away."""
    try:
        yield
    except _TRANSLATED as error:
        failure = next(failure for kinds, failure in _FAILURES if isinstance(error, kinds))
        if failure is Failure.CONNECT and _has_tls_cause(error):
            failure = Failure.TLS
        raise ExchangeError(failure) from error


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    if response.is_stream_consumed:  # By an event hook of the given client, or a transport that read it for us.
        yield response.content
        return
    with _translated():
        async for chunk in response.aiter_raw():
            yield chunk


async def _unwind(chunks: AsyncIterator[bytes]) -> None:
    # A body that was left early is a chain of generators, and trio warns of each that it has to end by itself. With
    # the response closed, they have an end.
    with suppress(Exception):
        async for _ in chunks:
            pass


def _has_tls_cause(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


class HttpClient:
    """Sends requests and returns answers, and nothing but that.

    Args:
        client: The caller's own ``httpx.AsyncClient``, left open; its pool, proxies and TLS settings are used.
        addresses: Which addresses may be called, when no client is given.
        limits: The bounds of each exchange.
    """

    def __init__(
        self,
        client: AsyncClient | None = None,
        *,
        addresses: AddressPolicy | None = None,
        limits: ExchangeLimits | None = None,
    ) -> None:
        self.limits = limits or ExchangeLimits()
        self._addresses = addresses or AddressPolicy()
        self._given = client
        self._own: GuardedTransport | None = None

    async def send(self, request: Request) -> Response:
        """Send one request and read its whole answer.

        Raises:
            ExchangeError: Nothing usable came back within the limits.
        """
        async with self.open(request) as incoming:
            body = bytearray()
            async for chunk in incoming.chunks:
                body += chunk
                if len(body) > self.limits.response_bytes:
                    raise ExchangeError(Failure.TOO_LARGE)
            return Response(status=incoming.status, headers=incoming.headers, body=bytes(body))

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Incoming]:
        """Send one request and hand out its answer while the body arrives; leave early to stop reading.

        Raises:
            ExchangeError: Nothing usable came back within the limits.
        """
        with anyio.move_on_after(self.limits.seconds) as deadline:
            with _translated():
                outgoing = self._build(request)
                response = await self._exchange(outgoing)
            chunks = _chunks(response)
            try:
                headers = Headers(response.headers.multi_items())
                yield Incoming(url=request.url, status=response.status_code, headers=headers, chunks=chunks)
            finally:
                with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                    await response.aclose()
                    await _unwind(chunks)
        if deadline.cancelled_caught:
            raise ExchangeError(Failure.TIMEOUT)

    def _build(self, request: Request) -> httpx.Request:
        url = ascii_url(check_url(request.url))
        own = (("User-Agent", USER_AGENT), ("Accept-Encoding", "identity"))
        headers = [pair for pair in own if pair[0] not in request.headers] + list(request.headers.pairs)
        limits = httpx.Timeout(self.limits.seconds, connect=self.limits.connect_seconds)
        # Given as it stands, since httpx would write some characters of it in another way.
        extensions = {"timeout": limits.as_dict(), "target": target_of(url).encode()}
        return httpx.Request(request.method, url, headers=headers, content=request.body or None, extensions=extensions)

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        if self._given is not None:
            return await self._given.send(request, stream=True, follow_redirects=False)
        # Without the client layer there are no cookies, no proxies of the environment, and no log of whole callbacks.
        if self._own is None:
            self._own = GuardedTransport(self._addresses, keep_alive=self.limits.keep_alive)
        return await self._own.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections; a client that was given stays open."""
        if self._own is not None:
            own, self._own = self._own, None
            await own.aclose()


class GuardedTransport(httpx.AsyncBaseTransport):
    """The network as httpx sees it, every connection checked after name resolution.

    Args:
        addresses: Which addresses may be called.
        keep_alive: How many idle connections to keep.
    """

    def __init__(self, addresses: AddressPolicy, *, keep_alive: int) -> None:
        self._pool = guarded_pool(addresses, keep_alive=keep_alive)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; errors are httpcore's, which the client above translates."""
        url = (request.url.raw_scheme, request.url.raw_host, request.url.port, request.url.raw_path)
        core = core_request(
            request.method,
            url,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        response = await self._pool.handle_async_request(core)
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
