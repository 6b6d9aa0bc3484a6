"""What strangers announce, or undo in the name of others, leads to nothing."""

from pathlib import Path

import anyio
import httpx
import pytest

from tests.standalone.hub import world
from tests.standalone.process import served
from tests.waiting import PATIENCE


@pytest.mark.threat("AMP-7")
@pytest.mark.parametrize("topics", ["open", "registered"])
async def test_a_topic_that_nobody_follows_is_not_fetched(topics: str) -> None:
    async with world(topics=topics, allow_network=("127.0.0.0/8",)) as hub:
        foreign, followed = hub.site("/foreign"), hub.site("/followed")
        if topics == "registered":
            await hub.ask(mode="register", topic=f"{hub.peers}/followed")
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, f"{hub.peers}/followed")
        answer = await hub.ping(f"{hub.peers}/foreign", f"{hub.peers}/unknown")
        assert answer.status_code < 500
        await hub.ping(f"{hub.peers}/followed")
        with anyio.fail_after(PATIENCE):
            await subscriber.wait_until(lambda: bool(subscriber.deliveries))
        assert (foreign.fetches, followed.fetches) == (0, 1)


@pytest.mark.threat("AMP-8")
async def test_nobody_can_unsubscribe_another() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        topic = f"{hub.peers}/topic"
        await hub.subscribe(subscriber, topic)
        before = (await hub.get("/admin/subscriptions")).json()
        subscriber.confirms = False
        forged = await hub.ask(mode="unsubscribe", topic=topic, callback=f"{hub.peers}/callback")
        assert forged.status_code == 202, "the answer tells nothing"
        await subscriber.wait_until(lambda: len(subscriber.verifications) == 2)
        await hub.verified()
        assert (await hub.get("/admin/subscriptions")).json() == before
        await hub.publish(topic, b"still here")
        await subscriber.wait_until(lambda: bool(subscriber.deliveries))


@pytest.mark.threat("AMP-2")
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_one_request_repeated_five_hundred_times_is_a_handful_of_verifications(tmp_path: Path, loop: str) -> None:
    with served(tmp_path, "--loop", loop) as hub, httpx.Client(timeout=PATIENCE) as client:
        fields = {"hub.mode": "subscribe", "hub.topic": "https://topic.example/", "hub.callback": f"{hub.base}/nowhere"}
        answers = {client.post(hub.url, data=fields).status_code for _ in range(100)}
        assert answers == {202}
        metrics = client.get(f"{hub.base}/metrics").text
        pending = next(line for line in metrics.splitlines() if line.startswith("websubhub_pending_verifications "))
        assert float(pending.split()[1]) <= 1
