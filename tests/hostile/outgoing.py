"""Answers that are much work and little content, and every way in which a hub or a subscriber asks for them."""

import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress

from tests.conformance.hubs import Hub
from tests.websubhub.distribution.peers import Peer, Script
from websubhub import (
    ContentDistributionMessage,
    HubApplication,
    HubClient,
    HubConfig,
    PublisherClient,
    Subscription,
    TopicClient,
    TopicFetchError,
    WebSubError,
)
from websubsub import DiscoveryClient, DiscoveryError, SubscriptionClient, SubscriptionInitiationError

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"

#: What an answer begins with, what comes again and again, and how often: 0 for without end.
ANSWERS: dict[str, tuple[bytes, bytes, int]] = {
    "chunks of one byte": (_CHUNKED, b"1\r\nx\r\n", 3_000),
    "chunks of one byte without end": (_CHUNKED, b"1\r\nx\r\n", 0),
    "102 without end": (b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0),
    "header fields without end": (_OK, b"a:\r\n", 0),
    "the extension of a chunk without end": (_CHUNKED + b"1;", b"x" * 64, 0),
    "long extensions without end": (_CHUNKED, b"1;" + b"x" * 8_000 + b"\r\nx\r\n", 0),
    "trailers without end": (_CHUNKED + b"1\r\nx\r\n0\r\n", b"a:\r\n", 0),
    "a body without end": (_OK + b"\r\n", b"<p>" * 1_000, 0),
}


#: What is long even if nothing holds the event loop.
LONG = frozenset({"chunks of one byte without end"})


def answering_with(name: str) -> Script:
    """Give one of these answers to each request, as fast as it is taken."""
    beginning, again, times = ANSWERS[name]
    block = again * max(1, 65_536 // len(again))

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(beginning)
        if times:
            sock.sendall(again * times + b"0\r\n\r\n")
        while not times:
            sock.sendall(block)

    return script


def _subscription(callback: str) -> Subscription:
    return Subscription(hub="http://127.0.0.1/hub", topic="https://topic.example/", callback=callback, lease_seconds=60)


async def deliver(url: str) -> None:
    """Deliver an update to a subscription there."""
    async with HubClient(_subscription(url)) as client:
        await client.notify_content_distribution(ContentDistributionMessage(content=b"x"))


async def verify(url: str) -> None:
    """Verify the intent of a subscription there."""
    app = HubApplication(Hub(), HubConfig(url="http://127.0.0.1/hub"))
    async with app:
        await app.attempt_verification(_subscription(url))


async def fetch(url: str) -> None:
    """Fetch a topic there."""
    async with TopicClient("http://127.0.0.1/hub", body_limit=100_000) as client:
        await client.fetch(url)


async def look(url: str) -> None:
    """Look whether there is a topic that can be followed."""
    async with TopicClient("http://127.0.0.1/hub") as client:
        await client.look(url)


async def publish(url: str) -> None:
    """Publish to a hub there."""
    async with PublisherClient(url) as client:
        await client.publish_update("https://topic.example/", b"x")


async def subscribe(url: str) -> None:
    """Subscribe at a hub there."""
    async with SubscriptionClient() as client:
        await client.subscribe(hub=url, topic="https://topic.example/", callback="https://subscriber.example/")


async def discover(url: str) -> None:
    """Discover the hubs of a page there."""
    async with DiscoveryClient() as client:
        await client.discover(url)


Asking = Callable[[str], Awaitable[None]]
WAYS: tuple[Asking, ...] = (deliver, verify, fetch, look, publish, subscribe, discover)


async def ask(way: Asking, url: str) -> None:
    """Ask, whatever the answer makes of it."""
    with suppress(WebSubError, DiscoveryError, TopicFetchError, SubscriptionInitiationError):
        await way(url)


def cases(answers: Iterable[str]) -> Iterator[tuple[Asking, str]]:
    """Every way with every answer."""
    for way in WAYS:
        for name in answers:
            yield way, name
