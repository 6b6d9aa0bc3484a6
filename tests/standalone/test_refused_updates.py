"""One refused update holds nobody up, and a host that says "not now" is waited for in order."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import SocketStream

from tests.standalone.hostile import hostile
from tests.standalone.hub import World, seconds, world
from tests.standalone.process import ADMIN, run, served
from tests.waiting import PATIENCE, until
from tests.websub.peers import saying

TOPIC = "https://topic.example/"
SOON = (0.02,) * 11


async def letters(hub: World) -> list[tuple[str, int]]:
    found = (await hub.get("/admin/dead-letters")).json()["dead_letters"]
    return [(letter["reason"], letter["attempts"]) for letter in found]


async def failing(hub: World, attempts: int = 1) -> dict[str, Any]:
    with anyio.fail_after(PATIENCE):
        while True:
            for row in (await hub.get("/admin/deliveries")).json()["failing"]:
                if row["attempts"] >= attempts:
                    return dict(row)
            await anyio.sleep(0.01)


@pytest.mark.spec("H-53", "H-54", "H-55")
@pytest.mark.parametrize("status", [400, 401, 404, 413, 415, 422, 301])
async def test_an_update_that_is_refused_becomes_a_dead_letter_and_the_next_goes(status: int) -> None:
    async with world(retry_delays=SOON) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [status] * 3
        for content in (b"refused", b"1", b"2", b"3"):
            await hub.publish(TOPIC, content)
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"refused"] * 3 + [b"1", b"2", b"3"]
        assert await letters(hub) == [(f"answered {status}", 3)]
        assert (await hub.statistics())["subscriptions"] == 1


@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_how_often_it_is_tried_can_be_set(attempts: int) -> None:
    async with world(retry_delays=SOON, refused_attempts=attempts) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [422] * attempts
        await hub.publish(TOPIC, b"refused")
        await hub.publish(TOPIC, b"next")
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"refused"] * attempts + [b"next"]


@pytest.mark.spec("H-52")
@pytest.mark.parametrize("status", [408, 425, 429, 503])
async def test_not_now_keeps_the_order_and_has_the_whole_schedule(status: int) -> None:
    async with world(retry_delays=SOON) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [status] * 8
        for content in (b"1", b"2", b"3"):
            await hub.publish(TOPIC, content)
        # Ten failures of a host in a row would make the hub wait for it.
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"1"] * 9 + [b"2", b"3"]
        assert await letters(hub) == []


async def test_refusals_are_counted_apart_from_what_was_not_now() -> None:
    async with world(retry_delays=(0.02,) * 8) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [503] * 8 + [400, 400]
        await hub.publish(TOPIC, b"in the end it is taken")
        await hub.quiet()
        assert len(subscriber.deliveries) == 11
        assert await letters(hub) == []


async def test_a_callback_that_turns_everything_away_loses_one_update_and_keeps_the_others() -> None:
    async with world(retry_delays=SOON) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [404] * 3 + [404] * 9
        for content in (b"1", b"2", b"3"):
            await hub.publish(TOPIC, content)
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"1"] * 3 + [b"2"] * 10 + [b"3"]
        assert await letters(hub) == [("answered 404", 3)]


async def test_content_after_content_may_be_refused() -> None:
    async with world(retry_delays=SOON) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [415] * 9
        for content in (b"1", b"2", b"3", b"4"):
            await hub.publish(TOPIC, content)
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"1"] * 3 + [b"2"] * 3 + [b"3"] * 3 + [b"4"]
        assert await letters(hub) == [("answered 415", 3)] * 3


@pytest.mark.parametrize("status", [400, 404, 408, 425, 500, 301])
async def test_the_delays_that_were_set_are_those_of_every_status(status: int) -> None:
    async with world(retry_delays=(300, 300)) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [status]
        before = time.time()
        await hub.publish(TOPIC)
        row = await failing(hub)
        assert (row["attempts"], row["reason"]) == (1, f"answered {status}")
        assert row["refusals"] == (status in {400, 404, 301})
        assert before + 300 <= seconds(row["due_at"]) <= time.time() + 300 * 1.25


async def answered(hub: World, answer: bytes) -> dict[str, Any]:
    """What the hub arranges after an answer."""
    async with hostile(saying(answer)) as peer:
        await hub.ask(mode="subscribe", topic=TOPIC, callback=peer.url)
        await hub.verified()
        await hub.publish(TOPIC)
        return await failing(hub)


@pytest.mark.spec("H-52")
@pytest.mark.parametrize(
    ("value", "least"),
    [
        ("0", 300),
        ("299", 300),
        ("soon", 300),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 300),
        ("4000", 4000),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
    ],
)
async def test_retry_after_lengthens_a_delay_and_never_shortens_it(value: str, least: float) -> None:
    async with world(retry_delays=(300,)) as hub:
        before = time.time()
        row = await answered(hub, f"HTTP/1.1 503 Busy\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode())
        assert before + least <= seconds(row["due_at"]) <= time.time() + max(least, 300 * 1.25)


async def test_refusals_are_counted_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "hub.db"
    settings: dict[str, Any] = {"store": f"sqlite:///{file}", "retry_delays": (0.02, 3000)}
    answers = [b"400 No", b"400 No", b"400 No"]
    bodies: list[bytes] = []

    async def refuse(stream: SocketStream) -> None:
        bodies.append(peer.requests[-1].rpartition(b"\r\n\r\n")[2])
        status = answers.pop() if answers else b"204 Yes"
        await stream.send(b"HTTP/1.1 %s\r\nConnection: close\r\n\r\n" % status)

    async with hostile(refuse) as peer:
        async with world(**settings) as hub:
            await hub.ask(mode="subscribe", topic=TOPIC, callback=peer.url)
            await hub.verified()
            await hub.publish(TOPIC, b"refused")
            await hub.publish(TOPIC, b"next")
            row = await failing(hub, attempts=2)
            assert (row["attempts"], row["refusals"]) == (2, 2)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE retries SET due_at = 1")
        connection.close()
        async with world(**settings) as hub:
            await hub.quiet()
            assert await letters(hub) == [("answered 400", 3)]
    assert bodies == [b"refused"] * 3 + [b"next"]


async def test_the_commands_show_attempts_refusals_and_reasons(tmp_path: Path) -> None:
    with served(tmp_path, "--retry-delays", "0.02,3000", "--refused-attempts", "3") as hub:
        async with hostile(saying(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\n\r\n")) as peer:
            async with httpx.AsyncClient(base_url=hub.base, timeout=PATIENCE) as client:
                form = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": peer.url}
                assert (await client.post("/hub", data=form)).status_code == 202
                await _until(client, "websubhub_subscriptions 1.0")
                await client.post("/hub", params={"hub.mode": "publish", "hub.topic": TOPIC}, content=b"much")
                await until(lambda: len(peer.requests) == 2)
                await _until(client, "websubhub_in_flight 0.0")
            shown = await anyio.to_thread.run_sync(run, "deliveries", "--hub", hub.url)
    header, row = shown.stdout.strip().splitlines()[-2:]
    assert header.split() == ["topic", "callback", "attempts", "refusals", "due_at", "reason"]
    assert row.split()[2:4] == ["2", "2"]
    assert row.endswith("answered 413")


async def _until(client: httpx.AsyncClient, metric: str) -> None:
    headers = {"Authorization": f"Bearer {ADMIN}"}
    with anyio.fail_after(PATIENCE):
        while metric not in (await client.get("/metrics", headers=headers)).text:  # noqa: ASYNC110 - it does not tell
            await anyio.sleep(0.02)
