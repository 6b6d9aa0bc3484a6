"""A subscription outlives its lease many times over, and its subscriber once.

Hub and subscriber are the two programs as they are installed, each in a process of its own. So this runs on one event
loop: the one that the test itself uses says nothing about theirs.
"""

import json
import sqlite3
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import attrs
import httpx
import pytest
from anyio.abc import Process, TaskStatus
from anyio.streams.text import TextReceiveStream

from tests.waiting import PATIENCE, until
from websubhub import Advertiser, Binding, PublisherClient, serve_app
from websubhub.testing import RecordingSubscriber

# Renewed after two thirds, so a process may be as late as the other third, on a machine that has much to do.
LEASE_SECONDS = 12
RENEWALS = 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@attrs.define
class Program:
    """A program, and what it has printed so far, line by line."""

    process: Process
    lines: list[str] = attrs.field(factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]

    def bodies(self) -> list[str]:
        return [b64decode(each["body_base64"]).decode() for each in self.events if each["event"] == "notification"]

    async def read(self) -> None:
        assert self.process.stdout is not None
        rest = ""
        async for text in TextReceiveStream(self.process.stdout):
            *lines, rest = (rest + text).split("\n")
            self.lines += lines


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[Program]:
    async with await anyio.open_process([sys.executable, "-m", *arguments], stderr=None) as process:
        running = Program(process)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(running.read)
            try:
                yield running
            finally:
                if process.returncode is None:
                    process.kill()


@attrs.frozen
class Journey:
    """What both halves of the journey need.

    Attributes:
        hub: The hub's URL.
        topic: The topic's URL, which is a page that advertises the hub.
        forgetful: A subscriber that never renews.
        listen: The arguments that start the subscriber.
        state: The file in which the subscriber keeps its state.
        published: What was published, in order.
    """

    hub: str
    topic: str
    forgetful: RecordingSubscriber
    listen: list[str]
    state: Path
    published: list[str] = attrs.field(factory=list)

    async def publish(self) -> None:
        """Publish update after update."""
        async with PublisherClient(self.hub) as publisher:
            while True:
                self.published.append(str(len(self.published)))
                await publisher.publish_update(self.topic, self.published[-1])
                await anyio.sleep(0.2)

    async def subscriptions(self) -> int:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            statistics = (await client.get(self.hub.removesuffix("/hub") + "/admin/statistics")).json()
        count: int = statistics["subscriptions"]
        return count

    async def until_subscribed(self, number: int) -> None:
        with anyio.fail_after(PATIENCE):
            while await self.subscriptions() != number:  # noqa: ASYNC110 - the hub tells nobody when it has stored it
                await anyio.sleep(0.01)

    def kept(self) -> tuple[str, set[str]]:
        """The callback in the state file, and the secrets that were valid there."""
        with closing(sqlite3.connect(self.state)) as state:
            [(callback, *secrets)] = state.execute("SELECT callback, secret, old_secret FROM subscription")
        return callback, set(secrets)


@asynccontextmanager
async def journey(folder: Path, port: int) -> AsyncIterator[Journey]:
    """A hub that grants twelve seconds, a topic that advertises it, and a subscriber that forgets to renew."""
    seconds = str(LEASE_SECONDS)
    leases = [f"--{name}lease-seconds={seconds}" for name in ("min-", "", "max-")]
    serving = ["websubhub", "serve", "--port=0", "--store=memory:", "--log-level=warning", *leases]
    async with (
        program(*serving, "--retry-delays=" + ",".join(["0.2"] * 50 + ["5"] * 50)) as hub,
        anyio.create_task_group() as tasks,
    ):
        await until(lambda: hub.lines)
        url = hub.lines[0].removeprefix("ready: ")
        forgetful = RecordingSubscriber()
        peers = await tasks.start(serve_peers, forgetful, url)
        state = folder / "state.db"
        options = ["--port", str(port), "--state", f"sqlite:///{state}"]
        listen = ["websubsub.cli", "listen", f"{peers}/feed", *options]
        yield Journey(url, f"{peers}/feed", forgetful, listen, state)
        tasks.cancel_scope.cancel()


async def serve_peers(forgetful: RecordingSubscriber, hub: str, *, task_status: TaskStatus[str]) -> None:
    """The topic at /feed, and the callback of the subscriber that forgets at /callback."""
    bases: list[str] = []

    def ready(base: str) -> None:
        bases.append(base)
        task_status.started(base)

    app = Advertiser(forgetful, hubs=[hub], topic=lambda path: f"{bases[0]}/feed" if path == "/feed" else None)
    await serve_app(app, Binding(port=0), ready=ready)


async def subscribe_once(way: Journey) -> None:
    """Subscribe like somebody who does not know that leases end."""
    callback = way.topic.replace("/feed", "/callback")
    form = {"hub.mode": "subscribe", "hub.topic": way.topic, "hub.callback": callback}
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        assert (await client.post(way.hub, data=form)).status_code == 202


@pytest.mark.spec("S-29")
@pytest.mark.parity("S126", "SU10")
async def test_a_subscription_lives_on_through_renewals_and_a_kill(tmp_path: Path, free_port: int) -> None:
    async with journey(tmp_path, free_port) as way, anyio.create_task_group() as publishing:
        async with program(*way.listen) as first:
            await until(lambda: first.kinds() == ["subscribed"])
            await subscribe_once(way)
            await way.until_subscribed(2)
            publishing.start_soon(way.publish)
            await until(lambda: first.kinds().count("renewed") >= RENEWALS)
            await stays_subscribed(way, first)
            first.process.kill()
            await first.process.wait()
        callback, secrets = way.kept()
        async with program(*way.listen) as second:
            await until(second.bodies)
            assert second.kinds()[0] == "resumed"
            assert way.kept()[0] == callback
            assert way.kept()[1] & secrets
            await until(lambda: "renewed" in second.kinds())
            publishing.cancel_scope.cancel()
            everything_arrives = way.published[:-1]  # the last one may not have been accepted yet
            await until(lambda: everything_arrives[-1] in second.bodies())
            second.process.terminate()
            assert await second.process.wait() == 0
        received = first.bodies() + second.bodies()
        assert [each for each in dict.fromkeys(received) if each in everything_arrives] == everything_arrives
        assert not {"subscribed", "rejected", "failed", "denied"} & {*first.kinds()[1:], *second.kinds()}
        assert second.kinds()[-1] == "unsubscribed"
        assert await way.subscriptions() == 0


async def stays_subscribed(way: Journey, subscriber: Program) -> None:
    """When the lease has been renewed again and again, nothing was missed, and who did not renew it is forgotten."""
    await way.until_subscribed(1)
    await until(lambda: len(way.forgetful.deliveries) < len(subscriber.bodies()))
    assert way.forgetful.deliveries
    assert subscriber.bodies() == way.published[: len(subscriber.bodies())]
    leases = [event["lease_seconds"] for event in subscriber.events if event["event"] in {"subscribed", "renewed"}]
    assert leases == [LEASE_SECONDS] * len(leases)
