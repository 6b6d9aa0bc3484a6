"""Finds out what a resource's topic and hubs are, reading no more of it than needed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import anyio.lowlevel
import attrs
from anyio.abc import AsyncResource

from _websub.calls.client import AsyncClient, ExchangeError, ExchangeLimits, Incoming
from _websub.grammar.coding import ContentCodingError, content_decoder
from _websub.grammar.urls import UrlError, check_url
from _websub.http import Headers, HeaderTypes, Request
from websubsub._discovery.discovery import Discovery, DiscoveryError, DiscoveryOptions, DiscoveryReader
from websubsub._reach import Reach, have_one_origin, may_follow

_SLICE_BYTES = 16 * 1024
_NEGOTIATED = frozenset({"accept", "accept-language", "user-agent"})


@attrs.frozen(kw_only=True)
class Explored:
    """What was discovered, and whether the page is one of the inside.

    Attributes:
        discovery: The topic and its hubs.
        inside: Whether the hubs may be at addresses that are not public, since the page is at one itself.
    """

    discovery: Discovery
    inside: bool


class DiscoveryClient(AsyncResource):
    """Discovers topics and hubs; an async context manager that keeps connections.

    Args:
        client: Your own HTTP client, used whole, with its headers, timeouts and proxies; by default one that follows
            redirects of public pages to public addresses only.
        options: What discovery may do beyond the specification.
        max_redirects: How many redirects are followed.
        max_bytes: How much of a page is read at the most.
        seconds: How long one request may take; over a client of your own, by its timeouts if they are longer.
    """

    def __init__(
        self,
        *,
        client: AsyncClient | None = None,
        options: DiscoveryOptions | None = None,
        max_redirects: int = 5,
        max_bytes: int = 1024 * 1024,
        seconds: float = 15.0,
    ) -> None:
        self._reach = Reach(client, limits=ExchangeLimits(seconds=seconds))
        self._options = options
        self._max_redirects = max_redirects
        self._max_bytes = max_bytes

    async def discover(
        self, url: str, *, accept: str | None = None, accept_language: str | None = None, headers: HeaderTypes = ()
    ) -> Discovery:
        """Ask a resource for its topic URL and its hubs (W3C 4).

        Args:
            url: The URL of the resource.
            accept: The media types to ask for; the topic may depend on them.
            accept_language: The languages to ask for; the topic may depend on them.
            headers: Further headers, such as the credentials of a private feed; a redirect to another origin gets none.

        Raises:
            NoHubError: The resource names no hub.
            NoTopicError: The resource names a hub but not its topic URL.
            DiscoveryError: The resource cannot be read.
            ValueError: The URL cannot be used.
        """
        negotiated = [("Accept", accept), ("Accept-Language", accept_language)]
        chosen = [(name, value) for name, value in negotiated if value is not None]
        return (await self.explore(url, Headers([*chosen, *Headers(headers).pairs]))).discovery

    async def explore(
        self, url: str, headers: Headers, *, hub: str | None = None, topic: str | None = None
    ) -> Explored:
        """The same as ``discover``, and whether the answer came from inside.

        Args:
            url: The URL of the resource.
            headers: The headers to send; ``Accept: */*`` where they name no media types.
            hub: The hub, where it is known: the resource need not name one.
            topic: The topic, where it is known: the resource need not name itself.
        """
        if "accept" not in headers:
            headers = Headers([("Accept", "*/*"), *headers.pairs])
        named, inside = check_url(url, "The URL"), True
        for _ in range(self._max_redirects + 1):
            try:
                request = Request(method="GET", url=url, headers=headers)
                async with self._reach.open(request, inside=inside, named=named) as reached:
                    location, inside = reached.incoming.redirect, reached.inside
                    if location is None:
                        return Explored(discovery=await self._read(reached.incoming, hub, topic), inside=inside)
                check_url(location, "The redirect")
            except (ExchangeError, UrlError) as error:
                raise DiscoveryError(_sentence(error), url=url, status=0) from error
            if not may_follow(url, location):
                raise DiscoveryError("The resource redirects from https to http.", url=url, status=0)
            headers = _for_redirect(headers, url, location)
            url = location
        raise DiscoveryError("The resource redirects too often.", url=url, status=0)

    async def _read(self, incoming: Incoming, hub: str | None, topic: str | None) -> Discovery:
        reader = DiscoveryReader(
            url=incoming.url,
            headers=incoming.headers,
            status=incoming.status,
            options=self._options,
            hub=hub,
            topic=topic,
        )
        if not reader.done:
            try:
                async with aclosing(self._pieces(incoming, reader)) as pieces:
                    async for piece in pieces:
                        if reader.feed(piece):
                            break
                        # Others get their turn, whatever parsing costs.
                        await anyio.lowlevel.checkpoint()
            except ContentCodingError as error:
                reader.fail(f"The resource cannot be unpacked. {error}")
        return reader.finish()

    async def _pieces(self, incoming: Incoming, reader: DiscoveryReader) -> AsyncGenerator[bytes, None]:
        """The body in pieces of 16 KiB, unpacked, as much of it as is read at the most."""
        decoder = content_decoder(incoming.headers.get_all("content-encoding"))
        packed = unpacked = self._max_bytes
        async for chunk in incoming.chunks:
            for start in range(0, min(len(chunk), packed), _SLICE_BYTES):
                for piece in decoder.feed(chunk[start : min(start + _SLICE_BYTES, packed)]):
                    yield piece[:unpacked]
                    unpacked -= len(piece)
                    if unpacked < 0:
                        raise ContentCodingError("The content is too large when it is unpacked.")
            packed -= len(chunk)
            if packed <= 0:
                reader.cut()
                return
        decoder.finish()

    async def aclose(self) -> None:
        """Close the connections; a client that was given stays open."""
        await self._reach.aclose()


def _for_redirect(headers: Headers, origin: str, location: str) -> Headers:
    """The headers that go with a redirect: to another origin what is negotiated only, since others may be secrets."""
    if have_one_origin(origin, location):
        return headers
    return Headers([(name, value) for name, value in headers.pairs if name.lower() in _NEGOTIATED])


def _sentence(error: ExchangeError | UrlError) -> str:
    return str(error) if isinstance(error, UrlError) else f"The resource could not be read: {error}."
