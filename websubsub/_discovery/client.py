"""The client that discovers a resource's topic and hubs, and reads no more of it than necessary."""

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
from websubsub._discovery.guarded_client import GuardedClient, have_one_origin, may_follow

_SLICE_BYTES = 16 * 1024
_NEGOTIATED = frozenset({"accept", "accept-language", "user-agent"})


@attrs.frozen(kw_only=True)
class DiscoveryResult:
    """The result of a discovery, and where the page came from.

    Attributes:
        discovery: The topic and its hubs.
        from_private_network: Whether the page is in a private network, so that its hubs may be there too.
    """

    discovery: Discovery
    from_private_network: bool


class DiscoveryClient(AsyncResource):
    """Discovers topics and hubs. It is an async context manager that keeps connections.

    Args:
        client: Your own HTTP client, with all of its settings: headers, timeouts, proxies. The default one follows
            redirects from public pages to public addresses only.
        options: Options beyond the specification.
        max_redirects: How many redirects to follow.
        max_bytes: The maximum number of bytes of a page to read.
        seconds: How long one request may take, or the timeouts of your own client if they are longer.

    Example:
        ```python
        import anyio

        from websubsub import DiscoveryClient


        async def main():
            async with DiscoveryClient() as client:
                discovery = await client.discover("https://example.com/feed")
            print(discovery.topic, discovery.hubs)


        anyio.run(main)
        ```
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
        self._client = GuardedClient(client, limits=ExchangeLimits(seconds=seconds))
        self._options = options
        self._max_redirects = max_redirects
        self._max_bytes = max_bytes

    async def discover(
        self, url: str, *, accept: str | None = None, accept_language: str | None = None, headers: HeaderTypes = ()
    ) -> Discovery:
        """Request a resource, and return its topic URL and its hubs (W3C 4).

        Args:
            url: The URL of the resource.
            accept: The media types to request. The topic may depend on them.
            accept_language: The languages to request. The topic may depend on them.
            headers: Additional headers, such as the credentials of a private feed. They are not sent to another origin
                after a redirect.

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
    ) -> DiscoveryResult:
        """Return the same as ``discover``, and whether the page is in a private network.

        Args:
            url: The URL of the resource.
            headers: The headers to send. ``Accept: */*`` is added if they have no ``Accept``.
            hub: The hub, if it is known. The resource need not name one then.
            topic: The topic, if it is known. The resource need not name itself then.
        """
        if "accept" not in headers:
            headers = Headers([("Accept", "*/*"), *headers.pairs])
        named, private = check_url(url, "The URL"), True
        for _ in range(self._max_redirects + 1):
            try:
                request = Request(method="GET", url=url, headers=headers)
                async with self._client.open(request, allow_private=private, named=named) as response:
                    location, private = response.incoming.redirect, response.from_private_network
                    if location is None:
                        discovery = await self._read(response.incoming, hub, topic)
                        return DiscoveryResult(discovery=discovery, from_private_network=private)
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
                        # Other tasks get a turn, however long parsing takes.
                        await anyio.lowlevel.checkpoint()
            except ContentCodingError as error:
                reader.fail(f"The resource cannot be unpacked. {error}")
        return reader.finish()

    async def _pieces(self, incoming: Incoming, reader: DiscoveryReader) -> AsyncGenerator[bytes, None]:
        """Yield the unpacked body in pieces of 16 KiB, up to the limit."""
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
        """Close the connections. Your own client stays open."""
        await self._client.aclose()


def _for_redirect(headers: Headers, origin: str, location: str) -> Headers:
    """Return the headers for a redirect. Another origin gets only those of content negotiation, not credentials."""
    if have_one_origin(origin, location):
        return headers
    return Headers([(name, value) for name, value in headers.pairs if name.lower() in _NEGOTIATED])


def _sentence(error: ExchangeError | UrlError) -> str:
    return str(error) if isinstance(error, UrlError) else f"The resource could not be read: {error}."
