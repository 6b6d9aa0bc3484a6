"""Every other sample, run as its user runs it: as a process, and talked to over HTTP."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from tests.ports import held_port
from tests.waiting import PATIENCE
from tests.waiting import until as until  # noqa: PLC0414 - for those who import it from here
from websubhub import PublisherClient, TopicRegistrationError, UpdateMessageError
from websubsub import (
    ContentDistributionMessage,
    EventKind,
    SubscriberConfig,
    SubscriberEvent,
    SubscriberListener,
    SubscriberService,
    Target,
)

SAMPLES = Path(__file__).parents[2] / "samples"
TOPIC = "https://example.com/news/1"


@pytest.fixture
def anyio_backend() -> str:
    """What is tested is another process; which event loop asks it says nothing about it."""
    return "asyncio"


class Reader(SubscriberService):
    """Subscribes to one topic, and remembers what happens."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.events: list[SubscriberEvent] = []

    async def on_event_notification(self, message: ContentDistributionMessage) -> None:
        self.taken.append((message.content_type, message.body))

    def is_told(self, kind: EventKind) -> bool:
        return kind in {event.kind for event in self.events}


@asynccontextmanager
async def running(name: str, *arguments: str) -> AsyncIterator[int]:
    """A sample that serves, on a free port; it must not write to stderr, and ends well when interrupted."""
    with held_port() as port:
        command = [sys.executable, str(SAMPLES / name), "--port", str(port), *arguments]
        async with await anyio.open_process(command) as process:
            try:
                await until_open(port)
                yield port
            finally:
                process.send_signal(signal.SIGINT)
                errors = await read_errors(process)
                with anyio.fail_after(PATIENCE):
                    status = await process.wait()
    assert (status, unexpected(errors)) == (0, [])


async def until_open(port: int) -> None:
    with anyio.fail_after(PATIENCE):
        while True:
            try:
                async with await anyio.connect_tcp("127.0.0.1", port):
                    return
            except OSError:
                await anyio.sleep(0.05)


async def read_errors(process: Process) -> str:
    assert process.stderr is not None
    return "".join([text async for text in TextReceiveStream(process.stderr)])


def unexpected(errors: str) -> list[str]:
    """The lines that say something else than where a program listens and what happens."""
    expected = re.compile(r"websub(hub|sub): Ready at |\d\d:\d\d:\d\d  (?!failed)")
    return [line for line in errors.splitlines() if not expected.match(line)]


@asynccontextmanager
async def subscribed(target: Target | str) -> AsyncIterator[Reader]:
    reader = Reader()
    async with SubscriberListener(port=0) as listener:
        listener.attach(reader, config=SubscriberConfig(targets=target, observer=reader.events.append))
        await listener.start()
        yield reader


async def publish(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, str(SAMPLES / "publisher.py"), *arguments]
    return await anyio.run_process(command, check=False, env={**os.environ, **environment})


async def test_in_memory_hub_and_publisher(tmp_path: Path) -> None:
    feed = tmp_path / "feed.json"
    feed.write_text("{}")
    async with running("in_memory_hub.py") as port:
        hub = f"http://127.0.0.1:{port}/hub"
        registered = await publish(hub, TOPIC, "--register")
        assert registered.stdout.decode() == f"registered {TOPIC}\n"
        async with subscribed(Target(hub=hub, topic=TOPIC)) as reader:
            await until(lambda: reader.is_told(EventKind.SUBSCRIBED))
            published = await publish(hub, TOPIC, "--text", "It rains.", "--file", str(feed))
            assert published.stdout.decode() == "published the text\npublished 2 bytes as application/json\n"
            await until(lambda: len(reader.taken) == 2)
            assert set(reader.taken) == {("text/plain; charset=utf-8", b"It rains."), ("application/json", b"{}")}
        again = await publish(hub, TOPIC, "--register")
        assert (again.returncode, again.stderr) == (1, b"publisher: The topic is registered already.\n")


async def test_in_memory_hub_denies_what_is_not_registered() -> None:
    async with running("in_memory_hub.py") as port:
        target = Target(hub=f"http://127.0.0.1:{port}/hub", topic=TOPIC)
        async with subscribed(target) as reader:
            await until(lambda: reader.is_told(EventKind.DENIED))
        [denied] = [event for event in reader.events if event.kind is EventKind.DENIED]
        assert denied.reason == "The topic is not registered."


async def test_publisher_says_in_one_sentence_what_is_wrong() -> None:
    result = await publish("http://127.0.0.1:9/hub", TOPIC, "--ping")
    assert result.returncode == 1
    assert result.stderr.decode() == "publisher: The hub could not be reached: no connection.\n"


async def test_policy_hub_asks_publishers_who_they_are() -> None:
    async with running("policy_hub.py", "--publisher", "s3cret=https://example.com/news/") as port:
        hub = f"http://127.0.0.1:{port}/hub"
        async with PublisherClient(hub) as nobody, PublisherClient(hub, token="s3cret") as publisher:
            with pytest.raises(TopicRegistrationError, match="Who are you") as refused:
                await nobody.register_topic(TOPIC)
            assert (refused.value.status, refused.value.headers["WWW-Authenticate"]) == (401, "Bearer")
            with pytest.raises(UpdateMessageError, match="not yours") as foreign:
                await publisher.publish_update("https://example.com/other", b"")
            assert foreign.value.status == 403
            await publisher.register_topic(TOPIC)
        async with subscribed(Target(hub=hub, topic=TOPIC)) as reader:
            await until(lambda: reader.is_told(EventKind.SUBSCRIBED))
            await publish(hub, TOPIC, "--text", "It rains.", PUBLISHER_TOKEN="s3cret")
            await until(lambda: [body for _, body in reader.taken] == [b"It rains."])
        [lease] = [event.lease_seconds for event in reader.events if event.kind is EventKind.SUBSCRIBED]
        assert lease == 86_400


async def test_policy_hub_denies_subscriptions_without_a_secret() -> None:
    async with running("policy_hub.py", "--publisher", "s3cret=https://example.com/news/") as port:
        target = Target(hub=f"http://127.0.0.1:{port}/hub", topic=TOPIC, signed=False)
        async with subscribed(target) as reader:
            await until(lambda: reader.is_told(EventKind.DENIED))
        assert "Subscribe with a secret." in {event.reason for event in reader.events}


async def test_fastapi_hub_is_discovered_and_publishes_its_own_news() -> None:
    async with (
        running("fastapi_hub.py") as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
    ):
        async with subscribed(f"http://127.0.0.1:{port}/news") as reader:
            await until(lambda: reader.is_told(EventKind.SUBSCRIBED))
            await post(client, item="It rains.")
            await until(lambda: reader.taken == [("application/json", b'["It rains."]')])
        assert (await client.get("/news")).json() == ["It rains."]


async def post(client: httpx.AsyncClient, **fields: Any) -> None:
    (await client.post("/news", json=fields)).raise_for_status()
