"""The samples that subscribe, run as their user runs them: against a hub and a publisher in other processes."""

import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import attrs
import httpx
import pytest
from anyio.abc import Process, TaskStatus
from anyio.streams.text import TextReceiveStream

from tests.samples.test_samples import SAMPLES, read_errors, running, unexpected, until
from tests.waiting import PATIENCE
from websubhub import Advertiser, Answer, AsgiEdge, Binding, PublisherClient, Request, Response, serve_app

ATOM = "http://www.w3.org/2005/Atom"


@pytest.fixture
def anyio_backend() -> str:
    """What is tested is another process; which event loop asks it says nothing about it."""
    return "asyncio"


@attrs.frozen
class Publisher:
    """A topic that advertises a hub, and a publisher for it."""

    topic: str
    client: PublisherClient

    async def publish(self, content: str, content_type: str = "application/atom+xml") -> None:
        await self.client.publish_update(self.topic, content, content_type)


@asynccontextmanager
async def publisher() -> AsyncIterator[Publisher]:
    """The hub sample with a topic registered at it."""

    async def page(_: Request) -> Answer:
        return Answer(Response(status=200, headers=[("Content-Type", "text/plain")], body=b"The feed.\n"))

    async def serve_topic(hub: str, *, task_status: TaskStatus[str]) -> None:
        bases: list[str] = []

        def ready(url: str) -> None:
            bases.append(url)
            task_status.started(url)

        app = Advertiser(AsgiEdge(page), hubs=[hub], topic=lambda path: bases[0] + path)
        await serve_app(app, Binding(port=0), ready=ready)

    async with running("in_memory_hub.py") as port, anyio.create_task_group() as tasks:
        hub = f"http://127.0.0.1:{port}/hub"
        topic = f"{await tasks.start(serve_topic, hub)}/feed"
        async with PublisherClient(hub) as client:
            await client.register_topic(topic)
            yield Publisher(topic, client)
        tasks.cancel_scope.cancel()


@attrs.define
class Saver:
    """The feed saver, and what it has printed."""

    process: Process
    printed: str = ""

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for text in TextReceiveStream(self.process.stdout):
            self.printed += text


@asynccontextmanager
async def saving(topic: str, folder: Path, port: int, stop: signal.Signals = signal.SIGINT) -> AsyncIterator[Saver]:
    command = [sys.executable, str(SAMPLES / "feed_saver.py"), topic, "--folder", str(folder), "--port", str(port)]
    async with await anyio.open_process(command) as process, anyio.create_task_group() as tasks:
        saver = Saver(process)
        tasks.start_soon(saver.read)
        try:
            yield saver
        finally:
            process.send_signal(stop)
            errors = await read_errors(process)
            with anyio.fail_after(PATIENCE):
                status = await process.wait()
    assert (status, unexpected(errors)) == (0 if stop is signal.SIGINT else -stop, [])


def entry(id_: str, title: str) -> str:
    return f"<entry><id>{id_}</id><title>{title}</title></entry>"


def feed(*entries: str) -> str:
    return f'<feed xmlns="{ATOM}">{"".join(entries)}</feed>'


def saved(folder: Path) -> list[str]:
    return sorted(re.findall("<title>(.*)</title>", "".join(path.read_text() for path in folder.glob("*.xml"))))


@pytest.mark.parity("S127")
async def test_feed_saver_saves_new_entries_and_goes_on_after_a_kill(tmp_path: Path, free_port: int) -> None:
    async with publisher() as news:
        async with saving(news.topic, tmp_path, free_port, stop=signal.SIGKILL) as first:
            await until(lambda: first.printed == f"subscribed: {news.topic}\n")
            await news.publish(feed(entry("1", "Rain"), entry("../2", "Snow")))
            await until(lambda: saved(tmp_path) == ["Rain", "Snow"])
        async with saving(news.topic, tmp_path, free_port) as second:
            await until(lambda: second.printed == f"resumed: {news.topic}\n")
            await news.publish(feed(entry("3", "Hail"), entry("1", "Rain"), entry("../2", "More snow")))
            await until(lambda: saved(tmp_path) == ["Hail", "More snow", "Rain"])
            await news.publish(
                "<rss><channel><item><guid>4</guid><title>Fog</title></item></channel></rss>", "text/xml"
            )
            await until(lambda: "Fog" in saved(tmp_path))
            await news.publish("not XML at all", "text/plain")
            await until(lambda: "sent something else" in second.printed)
        lines = second.printed.splitlines()
        assert [line.split()[1] for line in lines if line.startswith("saved")] == ["Hail", "More", "Fog"]


async def test_fastapi_subscriber_follows_and_shows_what_came() -> None:
    async with (
        publisher() as news,
        running("fastapi_subscriber.py") as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
    ):
        assert (await client.post("/follow", json={"url": "feed.xml"})).status_code == 422
        assert (await client.post("/follow", json={"url": news.topic})).status_code == 202
        with anyio.fail_after(PATIENCE):
            # Until the hub has verified the subscription, an update reaches nobody.
            while not (shown := (await client.get("/news")).json()):
                await news.publish("It rains.", "text/plain")
                await anyio.sleep(0.1)
        assert shown[0] == {"topic": news.topic, "type": "text/plain", "text": "It rains."}
        left = await client.request("DELETE", "/follow", json={"url": news.topic})
        assert left.json() is True
        before = (await client.get("/news")).json()
        await news.publish("It snows.", "text/plain")
        assert (await client.get("/news")).json() == before
