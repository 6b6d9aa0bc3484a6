"""The client with which a hub fetches the content of a topic that a publisher announced."""

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Self, TypeVar

import anyio
import attrs
from anyio.abc import AsyncResource

from _websub.calls.budgets import Budgets
from _websub.calls.exchange import ExchangeError, ExchangeLimits, Incoming
from _websub.grammar.addresses import AddressPolicy, is_loopback_url
from _websub.grammar.coding import ContentCodingError
from _websub.grammar.links import parse_links
from _websub.grammar.urls import host_of, is_https
from _websub.http import HeaderPairs, Request
from _websub.tracing import trace_headers
from websubhub._clients.large_contents import LargeContents
from websubhub._clients.topic_answer import (
    CONTENT,
    NOT_MODIFIED,
    Counted,
    body_of,
    check,
    content_type_of,
    targets,
    wrong,
)
from websubhub._clients.topic_content import TopicContent, TopicHead
from websubhub._clients.topic_requests import TopicRequests
from websubhub._clients.validators import strong_validators
from websubhub._config import FETCH_BUDGET, HubConfig
from websubhub._errors import TopicFetchError

TYPE_CHECKING = False  # httpx is loaded when it is used
if TYPE_CHECKING:
    from _websub.calls.client import AsyncClient

_LINK_CHARACTERS = 4_096
_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.25
_IDLE_CONNECTIONS = 256
#: So many fetches at once if the budgets do not limit them.
_PLACES = 1_000


T = TypeVar("T")


class TopicClient(AsyncResource):
    """Fetches topics, with checked addresses and limits on redirects, size and time.

    Args:
        hub: The hub's public URL. If it is on loopback, topics with a loopback URL are allowed too.
        allow_networks: Networks that may be called even if they are not public, in CIDR notation.
        redirects: How many redirects to follow.
        body_limit: The largest content, in bytes.
        seconds: The longest time of one request, and of each redirect.
        client: Your own HTTP client, with all of its settings: headers, authentication, timeouts, proxies.
        budgets: The budgets of hosts and addresses. Each host that a redirect leads to has its own. By default, a host
            gets four fetches at once, and per minute 60 failed fetches and four times the largest content.
        patience: How many seconds a fetch waits for the budget of a host. The default is ``seconds``, or no wait if you
            pass ``budgets``.
    """

    def __init__(
        self,
        hub: str,
        *,
        allow_networks: tuple[str, ...] = (),
        redirects: int = 3,
        body_limit: int = 10 * 1024 * 1024,
        seconds: float = _SECONDS,
        client: "AsyncClient | None" = None,
        budgets: Budgets | None = None,
        patience: float | None = None,
    ) -> None:
        self.budgets: Budgets = _default_budgets(body_limit) if budgets is None else budgets
        limits = _limits(seconds, body_limit, self.budgets.places)
        self._requests = TopicRequests(client, addresses=AddressPolicy(networks=allow_networks), limits=limits)
        local = AddressPolicy.for_public_url(hub, allow_networks)
        self._local = TopicRequests(client, addresses=local, limits=limits)
        self._limits = limits
        self._hub = hub
        self._redirects = redirects
        self.large: LargeContents = LargeContents()
        wait = seconds if budgets is None else 0.0
        self._patience = wait if patience is None else patience

    @classmethod
    def for_hub(cls, config: HubConfig, client: "AsyncClient | None" = None) -> Self:
        """Return a client with the networks, the content limit and the fetch budget of a hub's settings.

        Args:
            config: The hub's settings, with a ``url``.
            client: Your own HTTP client, with all of its settings.

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
        """Fetch the content of a topic. Return None if it has not changed.

        Args:
            topic: The topic's URL.
            etag: The ETag of the previous content.
            last_modified: The Last-Modified of the previous content.
            found_at: The URL that sent them, after redirects. The default is the topic's URL. They are not sent to any
                other URL, since another resource may have the same ones.

        Raises:
            TopicFetchError: The topic cannot be fetched, or the response is not its content. ``status`` and ``headers``
                are those of the response; the status is 0 if there was none.
        """
        conditions = [("If-None-Match", etag), ("If-Modified-Since", last_modified)]
        known = [(name, value) for name, value in conditions if value]

        async def fetch() -> TopicContent | None:
            async with self._answer(topic, CONTENT, known, found_at or topic) as incoming:
                if incoming.status == NOT_MODIFIED and known and incoming.url == (found_at or topic):
                    return None
                return await self._read(incoming)

        return await self._patiently(fetch)

    async def look(self, topic: str) -> TopicHead:
        """Request a topic, and return the head of its response without reading the body.

        Args:
            topic: The topic's URL.

        Raises:
            TopicFetchError: As in ``fetch``.
        """

        async def look() -> TopicHead:
            async with self._answer(topic, frozenset()) as incoming:
                check(incoming)
                return self._head(incoming)

        return await self._patiently(look)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat an attempt until the budgets of its hosts allow it, or patience runs out."""
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
    async def _answer(
        self, topic: str, statuses: frozenset[int], known: HeaderPairs = (), found_at: str = ""
    ) -> AsyncIterator[Incoming]:
        """Follow redirects, and yield the last response while its body arrives, if it has one of these statuses."""
        url = topic
        try:
            for _ in range(self._redirects + 1):
                # Content from a cache may be older than the announcement.
                headers = [("Accept", "*/*"), ("Cache-Control", "no-cache"), *(known if url == found_at else ())]
                headers += trace_headers()
                request = Request(method="GET", url=url, headers=headers)
                async with self._open(request, topic, statuses) as incoming:
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
    async def _open(self, request: Request, topic: str, statuses: frozenset[int]) -> AsyncIterator[Incoming]:
        """Send a request within the budgets of its host and its address, and yield the response."""
        host = host_of(request.url)
        spending = self.budgets.begin(host)
        if spending is None:
            raise _busy(self.budgets.wait(host))
        counted: Counted | None = None
        wanted = False
        error: Exception | None = None
        # A name or a redirect must not expose this machine's content to the subscribers of a topic elsewhere.
        requests = self._local if is_loopback_url(topic) else self._requests
        try:
            async with AsyncExitStack() as stack:
                with spending.charging():
                    incoming = await stack.enter_async_context(requests.open(request, statuses, named=topic))
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
                body = await body_of(incoming, self._limits.response_bytes, admit)
        except ContentCodingError as error:
            raise wrong(incoming, f"The topic cannot be unpacked. {error}") from error
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
        """Return the hubs that fit into one header. If this hub is named, it is always included."""
        left = _LINK_CHARACTERS
        chosen = []
        for hub in hubs:
            if hub == self._hub or len(hub) <= left:
                chosen.append(hub)
                left -= len(hub)
        return tuple(chosen)

    def close_idle(self) -> None:
        """Close the connections that have been idle for too long, or that their servers have closed.

        Fetches also do this. Call it now and then if there may be no fetches for a long time.
        """
        self._requests.close_idle()
        self._local.close_idle()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._requests.aclose()
        await self._local.aclose()


def _limits(seconds: float, body_limit: int, places: float) -> ExchangeLimits:
    # Hosts that failed last share a quarter of the connections, which must be enough for all places.
    connections = 4 * min(int(places) if places < math.inf else _PLACES, _PLACES)
    return ExchangeLimits(
        seconds=seconds, response_bytes=body_limit, connections=connections, keep_alive=_IDLE_CONNECTIONS
    )


def _default_budgets(content_bytes: int) -> Budgets:
    contents = 4 * content_bytes
    budget = attrs.evolve(FETCH_BUDGET, burst_bytes=contents, bytes_per_minute=contents)
    return Budgets(budget, time.monotonic, places=HubConfig().fetches_at_once)


def _busy(wait: float) -> TopicFetchError:
    error = TopicFetchError("The budget of a host is used up.")
    error.wait = wait
    return error
