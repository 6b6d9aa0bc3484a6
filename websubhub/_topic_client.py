"""How a hub fetches the content of a topic that a publisher announced."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import anyio.lowlevel
import attrs
from anyio.abc import AsyncResource

from _websub.addresses import AddressPolicy
from _websub.budgets import Budgets
from _websub.client import AsyncClient, ExchangeError, ExchangeLimits, HttpClient, Incoming
from _websub.coding import ContentCodingError, content_decoder
from _websub.http import HeaderPairs, Headers, Request
from _websub.links import Link, parse_links
from _websub.media import is_content_type
from _websub.urls import UrlError, check_url, host_of, is_https
from _websub.vocabulary import OCTET_STREAM
from websubhub._errors import TopicFetchError
from websubhub._validators import strong_validators

_NOT_MODIFIED = 304
# 203 is the content as well, touched by somebody on the way. The other 2xx bring none, a part of it, or a report.
_CONTENT = frozenset({200, 203})
_LINK_CHARACTERS = 4_096
#: What a coding may add to content that it cannot make smaller.
_WIRE_SLACK = 65_536
_DIGITS = 20
_TOO_LARGE = "The topic's content is too large."


@attrs.frozen(kw_only=True)
class TopicHead:
    """What the head of a topic's answer says about it.

    Attributes:
        url: The URL that answered, after redirects.
        content_type: Its exact Content-Type; ``application/octet-stream`` where there is none that can be sent on.
        hubs: The hubs in its Link header, in order, as far as they fit into a header of 4 KiB.
        topic: The canonical URL in its Link header, if there is one.
    """

    url: str = ""
    content_type: str
    hubs: tuple[str, ...] = ()
    topic: str | None = None


@attrs.frozen(kw_only=True)
class TopicContent(TopicHead):
    """What a topic held when it was fetched.

    Attributes:
        body: The content, byte for byte; unpacked, where it came compressed.
        etag: What to fetch it with next time; None unless it is sure to change with the content.
        last_modified: What to fetch it with next time; None unless it is sure to change with the content.
    """

    body: bytes = attrs.field(repr=False)
    etag: str | None = None
    last_modified: str | None = None


class TopicClient(AsyncResource):
    """Fetches topics: redirects bounded, addresses checked, size and time limited.

    Args:
        hub: The hub's public URL; when that is on loopback, topics may be too.
        allow_networks: Networks, as CIDR text, that may be called although they are not public.
        redirects: How many redirects to follow.
        body_limit: The largest content, in bytes.
        seconds: How long one fetch may take, for each redirect anew.
        client: Your own HTTP client, used whole, with its headers, authentication, timeouts and proxies.
        budgets: What the hosts of topics may be made to take, each that a redirect leads to for itself.
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
        budgets: Budgets | None = None,
    ) -> None:
        limits = ExchangeLimits(seconds=seconds, response_bytes=body_limit)
        addresses = AddressPolicy.for_public_url(hub, allow_networks)
        self._http = HttpClient(client, addresses=addresses, limits=limits)
        self._hub = hub
        self._redirects = redirects
        self.budgets = budgets

    async def fetch(
        self,
        topic: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        found_at: str | None = None,
    ) -> TopicContent | None:
        """Fetch a topic's content; None when it has not changed since.

        Args:
            topic: The topic's URL.
            etag: The ETag of the content at hand.
            last_modified: The Last-Modified of the content at hand.
            found_at: The URL that answered with them, after redirects; by default the topic's own. Another one is asked
                without them, since it is another resource that may use the same.

        Raises:
            TopicFetchError: It cannot be fetched, or what came is not its content; ``status`` is the topic's answer, 0
                if there was none, and ``headers`` are those of the answer.
        """
        conditions = [("If-None-Match", etag), ("If-Modified-Since", last_modified)]
        known = [(name, value) for name, value in conditions if value]
        async with self._answer(topic, known, found_at or topic) as incoming:
            if incoming.status == _NOT_MODIFIED and known and incoming.url == (found_at or topic):
                return None
            return await self._read(incoming)

    async def look(self, topic: str) -> TopicHead:
        """Ask for a topic, and read the head of its answer only.

        Args:
            topic: The topic's URL.

        Raises:
            TopicFetchError: As of ``fetch``.
        """
        async with self._answer(topic) as incoming:
            _check(incoming)
            return self._head(incoming)

    @asynccontextmanager
    async def _answer(self, topic: str, known: HeaderPairs = (), found_at: str = "") -> AsyncIterator[Incoming]:
        """The answer that redirects lead to, with its body on the way."""
        url = topic
        try:
            for _ in range(self._redirects + 1):
                # What a cache on the way has kept is from before the announcement.
                headers = [("Accept", "*/*"), ("Cache-Control", "no-cache"), *(known if url == found_at else ())]
                request = Request(method="GET", url=url, headers=headers)
                async with self._open(request, topic) as incoming:
                    if incoming.redirect is None:
                        yield incoming
                        return
                    target = incoming.redirect
                if is_https(url) and not is_https(target):
                    raise TopicFetchError("The topic redirects from https to http.")
                url = target
        except ExchangeError as error:
            raise TopicFetchError(f"The topic could not be fetched: {error}.") from error
        raise TopicFetchError("The topic redirects too often.")

    @asynccontextmanager
    async def _open(self, request: Request, topic: str) -> AsyncIterator[Incoming]:
        """One exchange, from the budget of its host."""
        if self.budgets is None:
            async with self._http.open(request, named=topic) as incoming:
                yield incoming
            return
        host = host_of(request.url)
        if not self.budgets.begin(host):
            error = TopicFetchError("The budget of a host is used up.")
            error.wait = self.budgets.wait(host)
            raise error
        counted: _Counted | None = None
        wanted = failed = False
        try:
            async with self._http.open(request, named=topic) as incoming:
                counted = _Counted(incoming.chunks)
                yield attrs.evolve(incoming, chunks=counted)
            wanted = True
        except Exception as error:
            failed = not getattr(error, "wait", 0.0)
            raise
        finally:
            self.budgets.end(host, wanted=wanted, failed=failed, size=0 if counted is None else counted.size)

    async def _read(self, incoming: Incoming) -> TopicContent:
        _check(incoming)
        try:
            body = await _body(incoming, self._http.limits.response_bytes)
        except ContentCodingError as error:
            raise _wrong(incoming, f"The topic: {error}") from error
        head = attrs.asdict(self._head(incoming), recurse=False)
        return TopicContent(**head, body=body, **attrs.asdict(strong_validators(incoming.headers)))

    def _head(self, incoming: Incoming) -> TopicHead:
        links = parse_links(incoming.headers.get_all("link"), base=incoming.url)
        links = tuple(link for link in links if not link.is_about_another_resource)
        return TopicHead(
            url=incoming.url,
            content_type=_content_type(incoming.headers),
            hubs=self._fitting(_targets(links, "hub")),
            topic=next(iter(_targets(links, "self")), None),
        )

    def _fitting(self, hubs: list[str]) -> tuple[str, ...]:
        """The hubs that go into one header; ours is one of them, if it was named at all."""
        room = _LINK_CHARACTERS
        chosen = []
        for hub in hubs:
            if hub == self._hub or len(hub) <= room:
                chosen.append(hub)
                room -= len(hub)
        return tuple(chosen)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


@attrs.define
class _Counted:
    """A body whose bytes are counted as they arrive."""

    chunks: AsyncIterator[bytes]
    size: int = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self.chunks)
        self.size += len(chunk)
        return chunk


def _wrong(incoming: Incoming, reason: str) -> TopicFetchError:
    return TopicFetchError(reason, status=incoming.status, headers=incoming.headers)


def _check(incoming: Incoming) -> None:
    """Refuse an answer that does not bring the content of the topic, all of it, in a form that can be read."""
    status = incoming.status
    if status == _NOT_MODIFIED:
        raise _wrong(incoming, "The topic answered 304, although nobody asked whether it has changed.")
    if status not in _CONTENT:
        without = ", which does not bring its content" if 200 <= status <= 299 else ""  # noqa: PLR2004 - of 2xx
        raise _wrong(incoming, f"The topic answered {status}{without}.")
    try:
        content_decoder(incoming.headers.get_all("content-encoding"))
    except ContentCodingError as error:
        raise _wrong(incoming, f"The topic: {error}") from error


async def _body(incoming: Incoming, limit: int) -> bytes:
    """The whole content, unpacked; the event loop gets its turn between the pieces."""
    decoder = content_decoder(incoming.headers.get_all("content-encoding"))
    on_the_wire = limit + _WIRE_SLACK
    announced = incoming.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and len(announced) < _DIGITS and int(announced) > on_the_wire:
        raise _wrong(incoming, _TOO_LARGE)
    body = bytearray()
    arrived = 0
    async for chunk in incoming.chunks:
        arrived += len(chunk)
        await anyio.lowlevel.checkpoint()
        for piece in decoder.feed(chunk):
            body += piece
            if len(body) > limit:
                break
            await anyio.lowlevel.checkpoint()
        if max(len(body), arrived - _WIRE_SLACK) > limit:
            raise _wrong(incoming, _TOO_LARGE)
    decoder.finish()
    return bytes(body)


def _content_type(headers: Headers) -> str:
    values = set(headers.get_all("content-type"))
    content_type = values.pop() if len(values) == 1 else ""
    return content_type if is_content_type(content_type) else OCTET_STREAM


def _targets(links: tuple[Link, ...], relation: str) -> list[str]:
    """The URLs with a relation that can be handed on, each once."""
    return [url for url in dict.fromkeys(link.target for link in links if relation in link.relations) if _is_url(url)]


def _is_url(text: str) -> bool:
    try:
        check_url(text)
    except UrlError:
        return False
    return True
