"""Requests for one topic and callback that overtake each other, to a hub in a process of its own."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlencode

import anyio
import attrs
import httpx
import pytest

from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.standalone.process import ADMIN, served
from tests.waiting import PATIENCE
from websubhub.testing import RecordingSubscriber

TOPIC = "https://topic.example/"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ROUNDS = 40


@attrs.frozen
class Crossing:
    """A hub, and a subscriber whose callbacks are all the paths below ``peers``."""

    hub: str
    peers: str
    subscriber: RecordingSubscriber
    client: httpx.AsyncClient

    async def ask(self, mode: str, callback: str, **fields: str) -> None:
        form = {"hub.mode": mode, "hub.topic": TOPIC, "hub.callback": callback, **fields}
        answer = await self.client.post(self.hub, content=urlencode(form), headers=FORM)
        assert answer.status_code == 202, answer.text

    async def settled(self) -> list[str]:
        """The callbacks that are subscribed, once no request is pending."""
        base, admin = self.hub.removesuffix("/hub"), {"Authorization": f"Bearer {ADMIN}"}
        with anyio.fail_after(PATIENCE):
            while "pending_verifications 0.0" not in (await self.client.get(f"{base}/metrics", headers=admin)).text:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        answer = await self.client.get(f"{base}/admin/subscriptions?limit=1000", headers=admin)
        return [subscription["callback"] for subscription in answer.json()["subscriptions"]]


@asynccontextmanager
async def crossing(folder: Path) -> AsyncIterator[Crossing]:
    with served(folder) as hub:
        async with (
            AppListener(Binding(port=0, graceful_seconds=0.5)) as listener,
            httpx.AsyncClient(timeout=PATIENCE) as client,
        ):
            peers = await listener.start()
            subscriber = RecordingSubscriber()
            listener.attach("/sub", subscriber, nullcontext())
            yield Crossing(hub.url, peers + "/sub", subscriber, client)


@pytest.mark.parametrize("newest", ["subscribe", "unsubscribe"])
async def test_of_two_requests_a_moment_apart_the_second_has_the_last_word(tmp_path: Path, newest: str) -> None:
    older = {"subscribe": "unsubscribe", "unsubscribe": "subscribe"}[newest]
    async with crossing(tmp_path) as hub:

        async def one_round(number: int) -> None:
            callback = f"{hub.peers}/{number}"
            await hub.ask(older, callback)
            await anyio.sleep(random.uniform(0, 0.05))  # noqa: S311 - of a test
            await hub.ask(newest, callback)

        for batch in range(0, ROUNDS, 8):
            async with anyio.create_task_group() as tasks:
                for number in range(batch, batch + 8):
                    tasks.start_soon(one_round, number)
        left = await hub.settled()
    assert len(left) == (ROUNDS if newest == "subscribe" else 0)


async def test_50_clients_at_one_pair_leave_it_as_the_last_verified_request_says(tmp_path: Path) -> None:
    async with crossing(tmp_path) as hub:
        spellings = [f"{hub.peers}/~joe", f"{hub.peers}/%7Ejoe"]

        async def client(number: int) -> None:
            mode = "subscribe" if number % 2 else "unsubscribe"
            await hub.ask(mode, spellings[number % 2], **{"hub.lease_seconds": str(1_000 + number)})

        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(client, number)
        left = await hub.settled()
        last = hub.subscriber.verifications[-1]["hub.mode"]
        assert len(left) == (last == "subscribe")
        await hub.ask("subscribe", spellings[0])
        assert len(await hub.settled()) == 1
        await hub.ask("unsubscribe", spellings[1])
        assert not await hub.settled()
