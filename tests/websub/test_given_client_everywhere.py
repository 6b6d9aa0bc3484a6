"""Everything that takes a client of one's own uses it whole."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from tests.conformance.hubs import CALLBACK, HUB, TOPIC, Hub, a_subscription
from websubhub import (
    ContentDeliveryError,
    ContentDistributionMessage,
    HubApplication,
    HubClient,
    HubConfig,
    HubListener,
    IntentVerification,
    PublisherClient,
    TopicClient,
    WebSubError,
)
from websubsub import DiscoveryClient, SubscriberListener, SubscriptionClient

ELSEWHERE = "https://elsewhere.example/there"
PAGE = "https://publisher.example/page"

Use = Callable[[httpx.AsyncClient], Awaitable[Any]]


class Network(httpx.AsyncBaseTransport):
    """A web of one page that is everything at once, and remembers who asked for what."""

    def __init__(self, *, redirects: bool = False) -> None:
        self.requests: list[httpx.Request] = []
        self._redirects = redirects

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self._redirects and str(request.url) != ELSEWHERE:
            return httpx.Response(307, headers={"Location": ELSEWHERE})
        challenge = parse_qs(request.url.query.decode()).get("hub.challenge", ["ok"])[0]
        links = f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'
        return httpx.Response(200, headers={"Link": links, "Content-Type": "text/plain"}, text=challenge)


def whole(network: Network, **settings: Any) -> httpx.AsyncClient:
    """A client that says a bit of everything."""
    return httpx.AsyncClient(
        transport=network,
        headers={"X-Mine": "m"},
        cookies={"session": "7"},
        params={"key": "k"},
        auth=("user", "word"),
        timeout=61,
        follow_redirects=True,
        **settings,
    )


async def deliver(client: httpx.AsyncClient) -> Any:
    return await HubClient(a_subscription(secret="s"), client=client).notify_content_distribution(
        ContentDistributionMessage(content=b"x")
    )


async def publish(client: httpx.AsyncClient) -> Any:
    return await PublisherClient(HUB, client=client).publish_update(TOPIC, b"x")


async def register(client: httpx.AsyncClient) -> Any:
    return await PublisherClient(HUB, client=client).register_topic(TOPIC)


async def fetch(client: httpx.AsyncClient) -> Any:
    return await TopicClient(HUB, client=client).fetch(PAGE)


async def verify(client: httpx.AsyncClient) -> Any:
    return await HubApplication(Hub(), HubConfig(url=HUB), client).verify(a_subscription())


async def deny(client: httpx.AsyncClient) -> Any:
    return await HubApplication(Hub(), HubConfig(url=HUB), client).deny(a_subscription(), "no")


async def discover(client: httpx.AsyncClient) -> Any:
    return await DiscoveryClient(client=client).discover(PAGE)


async def subscribe(client: httpx.AsyncClient) -> Any:
    return await SubscriptionClient(client=client).subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)


async def unsubscribe(client: httpx.AsyncClient) -> Any:
    return await SubscriptionClient(client=client).unsubscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)


USES: list[Use] = [deliver, publish, register, fetch, verify, deny, discover, subscribe, unsubscribe]


@asynccontextmanager
async def used(use: Use, network: Network) -> AsyncIterator[list[httpx.Request]]:
    async with whole(network) as client:
        try:
            await use(client)
        except (WebSubError, ContentDeliveryError):
            assert network._redirects
    yield network.requests


@pytest.mark.parametrize("use", USES, ids=lambda each: each.__name__)
async def test_what_its_user_set_up_is_in_every_request(use: Use) -> None:
    async with used(use, Network()) as requests:
        assert requests
        for request in requests:
            assert request.headers["x-mine"] == "m"
            assert request.headers["cookie"] == "session=7"
            assert request.headers["authorization"].startswith("Basic ")
            assert request.url.raw_path.endswith(b"key=k")
            assert request.extensions["timeout"] == httpx.Timeout(61).as_dict()


@pytest.mark.spec("H-36", "H-49")
@pytest.mark.parametrize("use", [deliver, publish, register, verify, deny], ids=lambda each: each.__name__)
async def test_what_must_not_follow_redirects_does_not_whatever_it_says(use: Use) -> None:
    async with used(use, Network(redirects=True)) as requests:
        assert [request.url.host for request in requests if str(request.url) == ELSEWHERE] == []
        assert len(requests) == 1


@pytest.mark.parametrize("use", [fetch, discover, subscribe, unsubscribe], ids=lambda each: each.__name__)
async def test_what_follows_redirects_takes_no_credentials_along(use: Use) -> None:
    async with used(use, Network(redirects=True)) as requests:
        first, second = requests
        assert "authorization" in first.headers
        assert str(second.url) == ELSEWHERE
        assert "authorization" not in second.headers
        assert second.headers["x-mine"] == "m"


async def test_a_verification_over_it_is_a_verification() -> None:
    async with whole(Network()) as client:
        assert await verify(client) is IntentVerification.VERIFIED


@pytest.mark.parametrize("listener", [HubListener, SubscriberListener])
def test_listeners_take_one_too(listener: Any) -> None:
    client = whole(Network())
    assert listener(0, client=client)._client is client
