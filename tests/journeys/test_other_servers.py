"""The same applications under uvicorn: topics are registered, subscribed to and published, and updates delivered."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import httpx
import pytest
import uvicorn

import websubhub
import websubsub
from _websub.asgi.edge import AsgiApp
from tests.waiting import PATIENCE, until
from websubhub.standalone.application import StandaloneApplication
from websubhub.standalone.settings import Settings

TOPIC = "https://publisher.example/feed"
CONTENT = b"\x00\xffnot text"
ADMIN_TOKEN = "admin-token-of-the-tests"


class Hub(websubhub.HubService):
    """Delivers before it answers the publisher."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.subscriptions: dict[str, websubhub.VerifiedSubscription] = {}

    async def on_register_topic(self, message: websubhub.TopicRegistration) -> websubhub.TopicRegistrationSuccess:
        self.topics.add(message.topic)
        return websubhub.TopicRegistrationSuccess()

    async def on_deregister_topic(self, message: websubhub.TopicDeregistration) -> websubhub.TopicDeregistrationSuccess:
        self.topics.remove(message.topic)
        return websubhub.TopicDeregistrationSuccess()

    async def on_update_message(self, message: websubhub.UpdateMessage) -> websubhub.Acknowledgement:
        content = websubhub.ContentDistributionMessage(content=message.body, content_type=message.content_type)
        for subscription in self.subscriptions.values():
            async with websubhub.HubClient(subscription) as client:
                await client.notify_content_distribution(content)
        return websubhub.Acknowledgement()

    async def on_subscription_validation(self, message: websubhub.Subscription) -> None:
        if message.topic not in self.topics:
            raise websubhub.SubscriptionDeniedError("There is no such topic.")

    async def on_subscription_intent_verified(self, message: websubhub.VerifiedSubscription) -> None:
        self.subscriptions[message.callback] = message

    async def on_unsubscription_intent_verified(self, message: websubhub.VerifiedUnsubscription) -> None:
        del self.subscriptions[message.callback]


class Taker(websubsub.SubscriberService):
    """Remembers what it is given."""

    def __init__(self) -> None:
        self.taken: list[websubsub.ContentDistributionMessage] = []

    async def on_event_notification(self, message: websubsub.ContentDistributionMessage) -> None:
        self.taken.append(message)


class Events:
    """What a subscriber went through, to be waited for."""

    def __init__(self) -> None:
        self.seen: list[websubsub.SubscriberEvent] = []

    async def wait_for(self, kind: websubsub.EventKind) -> websubsub.SubscriberEvent:
        with anyio.fail_after(PATIENCE):
            while True:
                for event in self.seen:
                    if event.kind is kind:
                        return event
                await anyio.sleep(0.01)


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """A socket for a server, and its URL, which its application has to know."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock, f"http://127.0.0.1:{sock.getsockname()[1]}"


@contextmanager
def running(make: Callable[[], AsgiApp], sock: socket.socket) -> Iterator[None]:
    """Uvicorn in a thread of its own, which is not the one to get signals; stopped in order at the end.

    The application is made there, since it belongs to the event loop that it is made on, and a test may run on trio.
    """
    server = uvicorn.Server(
        uvicorn.Config(make, factory=True, lifespan="on", log_level="warning", timeout_graceful_shutdown=5)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="uvicorn")
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive()


@contextmanager
def journey(topic: str = TOPIC) -> Iterator[tuple[Hub, str, Taker, Events]]:
    """A hub, and a subscriber that wants a topic of it, on a server each."""
    hub, taker, events = Hub(), Taker(), Events()
    with ExitStack() as stack:
        hub_socket, hub_base = stack.enter_context(listening())
        own_socket, own_base = stack.enter_context(listening())
        url = f"{hub_base}/hub"
        hub.topics.add(TOPIC)
        stack.enter_context(running(lambda: websubhub.asgi(hub, websubhub.HubConfig(url=url)), hub_socket))
        config = websubsub.SubscriberConfig(
            url=f"{own_base}/websub/",
            targets=websubsub.Target(hub=url, topic=topic),
            observer=events.seen.append,
        )
        stack.enter_context(running(lambda: websubsub.asgi(taker, config), own_socket))
        yield hub, url, taker, events


@pytest.mark.parametrize("size", [0, 1, 100])
async def test_an_update_reaches_a_subscriber(size: int) -> None:
    with journey() as (hub, url, taker, events):
        event = await events.wait_for(websubsub.EventKind.SUBSCRIBED)
        assert event.lease_seconds == websubhub.HubConfig().lease_seconds
        # The hub hears the confirmation, in its thread, a moment after the subscriber gave it.
        await until(lambda: hub.subscriptions)
        async with websubhub.PublisherClient(url) as publisher:
            await publisher.publish_update(TOPIC, CONTENT * size, "application/octet-stream")
        (message,) = taker.taken
        assert (message.body, message.content_type) == (CONTENT * size, "application/octet-stream")
        assert message.headers["x-hub-signature"].startswith("sha256=")
        assert len(hub.subscriptions) == 1


async def test_a_topic_that_there_is_not_is_denied() -> None:
    with journey("https://publisher.example/other") as (hub, _, taker, events):
        event = await events.wait_for(websubsub.EventKind.DENIED)
        assert event.reason == "There is no such topic."
        assert (hub.subscriptions, taker.taken) == ({}, [])


async def test_topics_are_registered_and_deregistered() -> None:
    with journey() as (hub, url, _, events):
        await events.wait_for(websubsub.EventKind.SUBSCRIBED)
        async with websubhub.PublisherClient(url) as publisher:
            await publisher.register_topic("https://publisher.example/more")
            assert hub.topics == {TOPIC, "https://publisher.example/more"}
            await publisher.deregister_topic("https://publisher.example/more")
        assert hub.topics == {TOPIC}


@contextmanager
def ready_made_hub(store: Path) -> Iterator[str]:
    """``websubhub serve`` as an application, and its URL."""
    with listening() as (sock, base):
        settings = Settings(
            public_url=f"{base}/hub",
            store=f"sqlite:///{store}",
            admin_token=ADMIN_TOKEN,
            anonymous_publishers=True,
        )
        with running(lambda: StandaloneApplication(settings), sock):
            yield f"{base}/hub"


async def subscribed(hub: str) -> None:
    """Wait until the hub knows of a subscription; only its operator may ask."""
    async with httpx.AsyncClient(base_url=hub.removesuffix("/hub"), timeout=PATIENCE) as client:
        assert (await client.get("/admin/statistics")).status_code == 401
        with anyio.fail_after(PATIENCE):
            while True:
                answer = await client.get("/admin/statistics", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
                if answer.json()["subscriptions"]:
                    return
                await anyio.sleep(0.01)


async def test_the_ready_made_hub_delivers_and_keeps_what_it_knows(tmp_path: Path) -> None:
    taker, events = Taker(), Events()
    with listening() as (own_socket, own_base), ready_made_hub(tmp_path / "hub.db") as hub:
        target = websubsub.Target(hub=hub, topic=TOPIC)
        config = websubsub.SubscriberConfig(url=f"{own_base}/websub/", targets=target, observer=events.seen.append)
        with running(lambda: websubsub.asgi(taker, config), own_socket):
            await events.wait_for(websubsub.EventKind.SUBSCRIBED)
            await subscribed(hub)
            async with websubhub.PublisherClient(hub) as publisher:
                await publisher.publish_update(TOPIC, CONTENT, "application/octet-stream")
            await until(lambda: taker.taken)
    assert [message.body for message in taker.taken] == [CONTENT]
    assert taker.taken[0].headers["x-hub-signature"].startswith("sha256=")
    with ready_made_hub(tmp_path / "hub.db") as hub:
        await subscribed(hub)
