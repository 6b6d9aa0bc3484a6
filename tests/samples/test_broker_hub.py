"""samples/broker_hub.py: its demonstration as a user runs it, and how its subscriptions end, on a real broker."""

import importlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.waiting import PATIENCE, until
from websubhub import HubConfig, HubListener, PublisherClient, UpdateMessageError
from websubsub import (
    ContentDistributionMessage,
    SubscriberApplication,
    SubscriberConfig,
    SubscriberListener,
    SubscriberService,
    SubscriptionDeletedError,
    Target,
)

SAMPLES = Path(__file__).parents[2] / "samples"
TOPIC = "https://publisher.example/feed"


@pytest.fixture
def anyio_backend() -> str:
    """The client of NATS runs on asyncio only."""
    return "asyncio"


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(SAMPLES)
    return importlib.import_module("broker_hub")


@pytest.fixture
async def broker(sample: Any) -> AsyncIterator[str]:
    async with sample.start_broker() as url:
        yield url


class Taker(SubscriberService):
    """Remembers what it is given; fails, or has enough, when it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.fails = 0
        self.has_enough = False

    async def on_event_notification(self, message: ContentDistributionMessage) -> None:
        if self.has_enough:
            raise SubscriptionDeletedError("Enough.")
        if self.fails:
            self.fails -= 1
            raise RuntimeError("not now")
        self.taken.append((message.content_type, message.body))


async def until_no_consumer_is_left(hub: Any, sample: Any) -> None:
    """A consumer is deleted a moment after its loop has ended."""
    with anyio.fail_after(PATIENCE):
        while await hub._jetstream.consumers_info(sample.STREAM):  # noqa: ASYNC110 - the broker is asked
            await anyio.sleep(0.02)


@asynccontextmanager
async def running(sample: Any, broker: str, config: HubConfig | None = None) -> AsyncIterator[tuple[Any, str]]:
    """The sample's hub and its URL."""
    async with AsyncExitStack() as stack:
        connection = await sample.connect(broker)
        stack.push_async_callback(connection.close)
        hub = await stack.enter_async_context(sample.BrokerHub(connection.jetstream()))
        listener = await stack.enter_async_context(HubListener(0))
        listener.attach(hub, "/hub", config=config)
        yield hub, await listener.start() + "/hub"


@asynccontextmanager
async def subscribed(taker: Taker, hub: str) -> AsyncIterator[SubscriberApplication]:
    async with SubscriberListener(port=0) as listener:
        listener.attach(taker, config=SubscriberConfig(targets=Target(hub=hub, topic=TOPIC)))
        await listener.start()
        yield listener.application(taker)


async def publish(hub: str, *updates: str) -> None:
    async with PublisherClient(hub) as publisher:
        for update in updates:
            await publisher.publish_update(TOPIC, update.encode(), "text/x-update; v=1")


def bodies(*updates: str) -> list[tuple[str, bytes]]:
    return [("text/x-update; v=1", update.encode()) for update in updates]


def test_the_demonstration_loses_nothing() -> None:
    result = subprocess.run(
        [sys.executable, SAMPLES / "broker_hub.py", "--updates", "100"],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "steady: 100 taken in 100 requests, 0 lost" in result.stdout
    assert "flaky: 100 taken in 149 requests, 0 lost" in result.stdout
    assert not result.stderr


def test_a_hub_that_serves_stops_when_it_is_told_to() -> None:
    command = [sys.executable, str(SAMPLES / "broker_hub.py"), "--serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        assert "hub ready at http://127.0.0.1:" in hub.stdout.readline()
        hub.send_signal(signal.SIGTERM)
        _, errors = hub.communicate(timeout=PATIENCE)
    assert (hub.returncode, errors) == (0, "")


def test_a_broker_that_is_not_there_is_one_sentence() -> None:
    command = [sys.executable, str(SAMPLES / "broker_hub.py"), "--nats", "nats://127.0.0.1:9"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (result.returncode, result.stderr) == (1, "There is no broker at nats://127.0.0.1:9.\n")


async def test_410_ends_the_subscription_and_its_consumer(sample: Any, broker: str) -> None:
    taker = Taker()
    async with running(sample, broker) as (hub, url), subscribed(taker, url):
        await until(lambda: hub.active == 1)
        await publish(url, "one")
        await until(lambda: taker.taken == bodies("one"))
        taker.has_enough = True
        await publish(url, "two")
        await until(lambda: hub.active == 0)
        await until_no_consumer_is_left(hub, sample)


async def test_a_verified_unsubscription_deletes_the_consumer(sample: Any, broker: str) -> None:
    async with running(sample, broker) as (hub, url), subscribed(Taker(), url) as subscriber:
        await until(lambda: hub.active == 1)
        assert await subscriber.unsubscribe(Target(hub=url, topic=TOPIC))
        await until(lambda: hub.active == 0)
        await until_no_consumer_is_left(hub, sample)


async def test_a_lease_that_is_not_renewed_ends(sample: Any, broker: str) -> None:
    async with running(sample, broker, HubConfig(lease_seconds=1, min_lease_seconds=1)) as (hub, url):
        async with subscribed(Taker(), url):
            await until(lambda: hub.active == 1)
        await until(lambda: hub.active == 0)


async def test_a_hub_that_starts_again_goes_on_with_what_waits(sample: Any, broker: str) -> None:
    taker = Taker()
    async with SubscriberListener(port=0) as listener:
        await listener.start()
        async with running(sample, broker) as (hub, url):
            listener.attach(taker, config=SubscriberConfig(targets=Target(hub=url, topic=TOPIC)))
            await until(lambda: hub.active == 1)
            taker.fails = 2
            await publish(url, "one", "two")
            await until(lambda: taker.fails == 0)  # "one" waits a second for its third attempt, "two" behind it
        async with running(sample, broker) as (hub, url):
            assert hub.active == 1
            await until(lambda: taker.taken == bodies("one", "two"))


async def test_the_same_message_id_is_one_update_for_each_topic(sample: Any, broker: str) -> None:
    taker = Taker()
    async with running(sample, broker) as (hub, url), subscribed(taker, url), PublisherClient(url) as publisher:
        await until(lambda: hub.active == 1)
        headers = {"X-Hub-Message-Id": "7"}
        for topic in (f"{TOPIC}/other", TOPIC, TOPIC):
            await publisher.publish_update(topic, b"one", "text/x-update; v=1", headers=headers)
        await publish(url, "two")
        await until(lambda: taker.taken == bodies("one", "two"))


async def test_a_thin_ping_is_refused(sample: Any, broker: str) -> None:
    async with running(sample, broker) as (_, url), PublisherClient(url) as publisher:
        with pytest.raises(UpdateMessageError, match="Publish the content itself"):
            await publisher.notify_update(TOPIC)


async def test_a_renewed_subscription_keeps_its_consumer(sample: Any, broker: str) -> None:
    taker = Taker()
    config = HubConfig(lease_seconds=9, min_lease_seconds=1)
    async with running(sample, broker, config) as (hub, url), subscribed(taker, url):
        await until(lambda: hub.active == 1)
        [now] = [first] = await hub._jetstream.consumers_info(sample.STREAM)
        with anyio.fail_after(PATIENCE):
            while now.config.metadata == first.config.metadata:
                await anyio.sleep(0.1)
                [now] = await hub._jetstream.consumers_info(sample.STREAM)
        await publish(url, "one")
        await until(lambda: taker.taken == bodies("one"))
    assert (now.name, now.created) == (first.name, first.created)
