"""A hub in a process of its own whose wall clock is set back and forward by a day while it works, and between runs."""

import sys
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlencode

import anyio
import httpx

from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.standalone.process import ADMIN, served
from tests.waiting import PATIENCE
from websubhub.testing import RecordingSubscriber

TOPIC = "https://topic.example/"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DAY = 86_400
# The command with a wall clock that is ahead by as many seconds as stand in a file.
COMMAND = """
import pathlib, runpy, sys, time
wall, ahead = time.time, pathlib.Path(sys.argv.pop(1))
time.time = lambda: wall() + float(ahead.read_text() or 0)
runpy.run_module("websubhub", run_name="__main__")
"""


async def test_a_hub_works_on_while_its_wall_clock_is_set(tmp_path: Path) -> None:
    ahead = tmp_path / "ahead"
    command = (sys.executable, "-c", COMMAND, str(ahead))
    subscriber = RecordingSubscriber()
    async with (
        AppListener(Binding(port=0, graceful_seconds=0.5)) as listener,
        httpx.AsyncClient(timeout=PATIENCE) as client,
    ):
        peers = await listener.start()
        listener.attach("/sub", subscriber, nullcontext())

        async def subscribe(hub: str, name: str) -> None:
            form = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": f"{peers}/sub/{name}"}
            asked = len(subscriber.verifications)
            answer = await client.post(hub, content=urlencode({**form, "hub.lease_seconds": "600"}), headers=FORM)
            assert answer.status_code == 202
            await subscriber.wait_until(lambda: len(subscriber.verifications) > asked, 20)

        async def publish(hub: str) -> None:
            query = urlencode({"hub.mode": "publish", "hub.topic": TOPIC})
            answer = await client.post(f"{hub}?{query}", content=b"content", headers={"Content-Type": "text/plain"})
            assert answer.status_code == 200

        async def subscriptions(hub: str, wanted: int) -> None:
            url, admin = hub.removesuffix("/hub") + "/admin/subscriptions", {"Authorization": f"Bearer {ADMIN}"}
            with anyio.fail_after(PATIENCE):
                while len((await client.get(url, headers=admin)).json()["subscriptions"]) != wanted:  # noqa: ASYNC110
                    await anyio.sleep(0.05)

        ahead.write_text("0")
        with served(tmp_path, "--retry-delays", "0.5", command=command) as hub:
            await subscribe(hub.url, "1")
            await subscriptions(hub.url, 1)
            for number, step in enumerate([-DAY, DAY, 0, -30 * DAY, 30 * DAY], 2):
                ahead.write_text(str(step))
                await subscribe(hub.url, str(number))
                await subscriptions(hub.url, number)
                delivered = len(subscriber.deliveries)
                subscriber.statuses = [503]
                await publish(hub.url)
                await subscriber.wait_until(lambda: len(subscriber.deliveries) == delivered + number + 1, 20)  # noqa: B023
            hub.stop()
        ahead.write_text(str(-DAY))
        with served(tmp_path, command=command) as hub:
            await subscriptions(hub.url, 6)
            delivered = len(subscriber.deliveries)
            await publish(hub.url)
            await subscriber.wait_until(lambda: len(subscriber.deliveries) == delivered + 6, 20)
            assert "Leases and retries were moved" in hub.log
