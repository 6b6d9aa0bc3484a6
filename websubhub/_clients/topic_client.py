"""How a hub fetches the content of a topic that a publisher announced."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Self, TypeVar

import anyio
import attrs
from anyio.abc import AsyncResource

from _websub.calls.budgets import Budgets
from _websub.calls.client import AsyncClient, ExchangeError, ExchangeLimits, HttpClient, Incoming
from _websub.grammar.addresses import AddressPolicy, is_loopback_url
from _websub.grammar.coding import ContentCodingError
from _websub.grammar.links import parse_links
from _websub.grammar.urls import host_of, is_https
from _websub.http import HeaderPairs, Request
from websubhub._clients.large_contents import LargeContents
from websubhub._clients.topic_answer import NOT_MODIFIED, Counted, body_of, check, content_type_of, targets, wrong
from websubhub._clients.validators import strong_validators
from websubhub._config import FETCH_BUDGET, HubConfig
from websubhub._errors import TopicFetchError

_LINK_CHARACTERS = 4_096
_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.25


T = TypeVar("T")


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
        hub: The hub's public URL; when that is on loopback, topics may be too, if their URLs say so.
        allow_networks: Networks, as CIDR text, that may be called although they are not public.
        redirects: How many redirects to follow.
        body_limit: The largest content, in bytes.
        seconds: How long one fetch may take, for each redirect anew.
        client: Your own HTTP client, used whole, with its headers, authentication, timeouts and proxies.
        budgets: What the hosts of topics may be made to take, each that a redirect leads to for itself, and their
            addresses; by default four fetches at once, and in a minute 60 that fail and four of the largest contents.
        patience: How many seconds a fetch waits for the budget of a host; by default ``seconds``, and not at all with
            ``budgets`` of your own.
    """

    def __init__(
        self,
        hub: str,
        *,
        allow_networks: tuple[str, ...] = (),
        redirects: int = 3,
        body_limit: int = 10 * 1024 * 1024,
        seconds: float = _SECONDS,
        client: AsyncClient | None = None,
        budgets: Budgets | None = None,
        patience: float | None = None,
    ) -> None:
        # A connection that is kept has an address that nobody would charge.
        limits = ExchangeLimits(seconds=seconds, response_bytes=body_limit, keep_alive=0)
        self._http = HttpClient(client, addresses=AddressPolicy(networks=allow_networks), limits=limits)
        local = AddressPolicy.for_public_url(hub, allow_networks)
        self._local = HttpClient(client, addresses=local, limits=limits)
        self._hub = hub
        self._redirects = redirects
        self.budgets = _default_budgets(body_limit) if budgets is None else budgets
        self.large = LargeContents()
        wait = seconds if budgets is None else 0.0
        self._patience = wait if patience is None else patience

    @classmethod
    def for_hub(cls, config: HubConfig, client: AsyncClient | None = None) -> Self:
        """A client with the networks, the limit of content and the budget for fetches of a hub's config.

        Args:
            config: The hub's settings, with a ``url``.
            client: Your own HTTP client, used whole.

        Raises:
            ValueError: The config has no URL.
        """
        return cls(
            config.public_url,
            allow_networks=config.allow_networks,
            body_limit=config.limits.body_bytes,
            client=client,
            budgets=Budgets(config.fetch_budget, time.monotonic, places=config.fetches_at_once),
            patience=_SECONDS,
        )

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

        async def fetch() -> TopicContent | None:
            async with self._answer(topic, known, found_at or topic) as incoming:
                if incoming.status == NOT_MODIFIED and known and incoming.url == (found_at or topic):
                    return None
                return await self._read(incoming)

        return await self._patiently(fetch)

    async def look(self, topic: str) -> TopicHead:
        """Ask for a topic, and read the head of its answer only.

        Args:
            topic: The topic's URL.

        Raises:
            TopicFetchError: As of ``fetch``.
        """

        async def look() -> TopicHead:
            async with self._answer(topic) as incoming:
                check(incoming)
                return self._head(incoming)

        return await self._patiently(look)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do something once the budgets of its hosts allow it, as long as there is patience."""
        left = self._patience
        while True:
            try:
                return await attempt()
            except TopicFetchError as error:
                wait = min(error.wait, _LOOK_AGAIN_SECONDS)
                if not wait or wait > left:
                    raise
                left -= wait
                await anyio.sleep(wait)

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
        """One exchange, from the budgets of its host and of the address that it is made to."""
        host = host_of(request.url)
        spending = self.budgets.begin(host)
        if spending is None:
            raise _busy(self.budgets.wait(host))
        counted: Counted | None = None
        wanted = False
        error: Exception | None = None
        # A name or a redirect must not carry what is on this machine to those who follow a topic of elsewhere.
        http = self._local if is_loopback_url(topic) else self._http
        try:
            async with AsyncExitStack() as stack:
                with spending.charging():
                    incoming = await stack.enter_async_context(http.open(request, named=topic))
                counted = Counted(incoming.chunks)
                yield attrs.evolve(incoming, chunks=counted)
            wanted = True
        except ExchangeError as failure:
            error = _busy(failure.wait) if failure.wait else failure
            raise error from failure
        except TopicFetchError as failure:
            error = failure
            raise
        finally:
            if getattr(error, "wait", 0.0):
                spending.cancel()
            else:
                spending.end(wanted=wanted, failed=error is not None, size=0 if counted is None else counted.size)

    async def _read(self, incoming: Incoming) -> TopicContent:
        check(incoming)
        try:
            async with AsyncExitStack() as arriving:
                admit = partial(self.large.admit, arriving, known=self.budgets.proven(host_of(incoming.url)))
                body = await body_of(incoming, self._http.limits.response_bytes, admit)
        except ContentCodingError as error:
            raise wrong(incoming, f"The topic: {error}") from error
        head = attrs.asdict(self._head(incoming), recurse=False)
        return TopicContent(**head, body=body, **attrs.asdict(strong_validators(incoming.headers)))

    def _head(self, incoming: Incoming) -> TopicHead:
        links = parse_links(incoming.headers.get_all("link"), base=incoming.url)
        links = tuple(link for link in links if not link.is_about_another_resource)
        return TopicHead(
            url=incoming.url,
            content_type=content_type_of(incoming.headers),
            hubs=self._fitting(targets(links, "hub")),
            topic=next(iter(targets(links, "self")), None),
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
        await self._local.aclose()


def _default_budgets(content_bytes: int) -> Budgets:
    contents = 4 * content_bytes
    budget = attrs.evolve(FETCH_BUDGET, burst_bytes=contents, bytes_per_minute=contents)
    return Budgets(budget, time.monotonic, places=HubConfig().fetches_at_once)


def _busy(wait: float) -> TopicFetchError:
    error = TopicFetchError("The budget of a host is used up.")
    error.wait = wait
    return error
