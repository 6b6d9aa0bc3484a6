"""How a hub fetches the content of a topic that a publisher announced."""

from types import TracebackType
from typing import Self

import attrs

from _websub.addresses import AddressPolicy
from _websub.client import AsyncClient, ExchangeError, ExchangeLimits, HttpClient, Incoming
from _websub.http import Headers, Request
from _websub.links import parse_links
from _websub.urls import is_https
from websubhub._errors import TopicFetchError

_NOT_MODIFIED = 304


@attrs.frozen(kw_only=True)
class TopicContent:
    """What a topic held when it was fetched.

    Attributes:
        body: The content, byte for byte.
        content_type: Its exact Content-Type.
        hubs: The hubs in its Link header, in order.
        topic: The canonical URL in its Link header, if there is one.
        etag: What to fetch it with next time.
        last_modified: What to fetch it with next time.
    """

    body: bytes = attrs.field(repr=False)
    content_type: str
    hubs: tuple[str, ...] = ()
    topic: str | None = None
    etag: str | None = None
    last_modified: str | None = None


class TopicClient:
    """Fetches topics: redirects bounded, addresses checked, size and time limited.

    Args:
        hub: The hub's public URL; when that is on loopback, topics may be too.
        allow_networks: Networks, as CIDR text, that may be called although they are not public.
        redirects: How many redirects to follow.
        body_limit: The largest content, in bytes.
        seconds: How long one fetch may take, for each redirect anew.
        client: Your own HTTP client, used whole, with its headers, authentication, timeouts and proxies.
    """

    def __init__(
        self,
        hub: str,
        *,
        allow_networks: tuple[str, ...] = (),
        redirects: int = 3,
        body_limit: int = 10 * 1024 * 1024,
        seconds: float = 30.0,
        client: AsyncClient | None = None,
    ) -> None:
        limits = ExchangeLimits(seconds=seconds, response_bytes=body_limit)
        addresses = AddressPolicy.for_public_url(hub, allow_networks)
        self._http = HttpClient(client, addresses=addresses, limits=limits)
        self._redirects = redirects

    async def fetch(
        self, topic: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> TopicContent | None:
        """Fetch a topic's content; None when it has not changed since.

        Args:
            topic: The topic's URL.
            etag: The ETag of the content at hand.
            last_modified: The Last-Modified of the content at hand.

        Raises:
            TopicFetchError: It cannot be fetched; ``status`` is the topic's answer, 0 if there was none.
        """
        url = topic
        for _ in range(self._redirects + 1):
            conditions = [("If-None-Match", etag), ("If-Modified-Since", last_modified)]
            headers = [("Accept", "*/*"), *((name, value) for name, value in conditions if value)]
            try:
                async with self._http.open(Request(method="GET", url=url, headers=headers), named=topic) as incoming:
                    if incoming.redirect is None:
                        return await self._read(incoming)
                    target = incoming.redirect
            except ExchangeError as error:
                raise TopicFetchError(f"The topic could not be fetched: {error}.") from error
            if is_https(url) and not is_https(target):
                raise TopicFetchError("The topic redirects from https to http.")
            url = target
        raise TopicFetchError("The topic redirects too often.")

    async def _read(self, incoming: Incoming) -> TopicContent | None:
        if incoming.status == _NOT_MODIFIED:
            return None
        if not 200 <= incoming.status <= 299:  # noqa: PLR2004 - the bounds of 2xx name themselves
            raise TopicFetchError(f"The topic answered {incoming.status}.", status=incoming.status)
        if incoming.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            raise TopicFetchError("The topic answered with a Content-Encoding that was not asked for.")
        body = bytearray()
        async for chunk in incoming.chunks:
            body += chunk
            if len(body) > self._http.limits.response_bytes:
                raise TopicFetchError("The topic's content is too large.")
        return _content(incoming.url, incoming.headers, bytes(body))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Keep connections until the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()


def _content(url: str, headers: Headers, body: bytes) -> TopicContent:
    links = [link for link in parse_links(headers.get_all("link"), base=url) if not link.is_about_another_resource]
    selves = [link.target for link in links if "self" in link.relations]
    return TopicContent(
        body=body,
        content_type=headers.get("content-type", "application/octet-stream"),
        hubs=tuple(dict.fromkeys(link.target for link in links if "hub" in link.relations)),
        topic=selves[0] if selves else None,
        etag=headers.get("etag"),
        last_modified=headers.get("last-modified"),
    )
