"""A delivery that fails is tried again by schedule, ends as a dead letter, and costs nobody else."""

import time
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from tests.standalone.hostile import hostile
from tests.standalone.hub import World, seconds, world
from tests.waiting import PATIENCE, until
from tests.websub.peers import hang, saying

TOPIC = "https://topic.example/"


@pytest.mark.spec("H-49", "H-52", "H-54")
@pytest.mark.parametrize("status", [500, 503, 429, 301])
async def test_a_failed_delivery_is_tried_again_with_the_same_message_id(status: int) -> None:
    async with world(retry_delays=(0.05, 0.05, 0.05)) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [status, status]
        await hub.publish(TOPIC, b"persistent")
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"persistent"] * 3
        assert len({delivery.headers["x-hub-message-id"] for delivery in subscriber.deliveries}) == 1
        assert (await hub.statistics())["dead_letters"] == 0
        assert (await hub.statistics())["subscriptions"] == 1


@pytest.mark.spec("H-53", "H-54", "H-55")
async def test_what_fails_for_good_is_kept_and_the_next_update_is_tried() -> None:
    async with world(retry_delays=(0.02,)) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [500, 500]
        await hub.publish(TOPIC, b"first")
        await hub.quiet()
        await hub.publish(TOPIC, b"second")
        await until(lambda: len(subscriber.deliveries) == 3)
        assert [delivery.body for delivery in subscriber.deliveries] == [b"first", b"first", b"second"]
        [letter] = (await hub.get("/admin/dead-letters")).json()["dead_letters"]
        assert letter["topic"] == TOPIC
        assert letter["callback"] == hub.peers + "/callback"
        assert letter["reason"] == "answered 500"
        assert letter["attempts"] == 2
        assert letter["message_id"] == subscriber.deliveries[0].headers["x-hub-message-id"]


async def test_updates_wait_for_the_one_that_is_tried_again() -> None:
    async with world(retry_delays=(0.1, 0.1)) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [500, 500]
        for content in (b"1", b"2", b"3"):
            await hub.publish(TOPIC, content)
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"1", b"1", b"1", b"2", b"3"]


async def test_retry_after_is_waited_for() -> None:
    async with world(retry_delays=(0.01,)) as hub:
        answer = b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"
        async with hostile(saying(answer)) as busy:
            await _follow(hub, busy.url)
            before = time.time()
            await hub.publish(TOPIC)
            failing = await _failing(hub)
        assert failing["reason"] == "answered 503"
        assert before + 119 < seconds(failing["due_at"]) < time.time() + 121


@pytest.mark.spec("H-50")
async def test_410_ends_the_subscription() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [410]
        await hub.publish(TOPIC)
        await until(lambda: subscriber.deliveries)
        await hub.quiet()
        assert (await hub.statistics())["subscriptions"] == 0
        assert (await hub.statistics())["dead_letters"] == 0


async def test_dead_letters_are_replayed_and_dropped() -> None:
    async with world(retry_delays=(0.01,)) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        subscriber.statuses = [500] * 4
        for content in (b"first", b"second"):
            await hub.publish(TOPIC, content)
            await hub.quiet()
        letters = (await hub.get("/admin/dead-letters")).json()["dead_letters"]
        assert await hub.order("/admin/dead-letters/replay", ids=[letters[0]["id"]]) == {"replayed": 1, "unknown": []}
        await until(lambda: len(subscriber.deliveries) == 5)
        assert subscriber.deliveries[-1].body == b"first"
        assert await hub.order("/admin/dead-letters/drop", ids=[letters[1]["id"], 99_999]) == {
            "dropped": 1,
            "unknown": [99_999],
        }
        await _until_no_letters(hub)
        assert len(subscriber.deliveries) == 5


async def test_a_paused_host_gets_nothing_until_it_is_resumed() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        host = hub.peers.removeprefix("http://")
        assert await hub.order("/admin/hosts/pause", host=host) == {"paused": host}
        await hub.publish(TOPIC)
        state: dict[str, Any] = {"parked": 0}
        with anyio.fail_after(PATIENCE):
            while not state["parked"]:
                [state] = (await hub.get("/admin/hosts")).json()["hosts"]
        assert not subscriber.deliveries
        assert state["host"] == host
        assert state["paused"] is True
        await hub.order("/admin/hosts/resume", host=host)
        await until(lambda: subscriber.deliveries)


@pytest.mark.threat("BQ-2")
async def test_publishers_are_told_to_wait_when_too_much_is_waiting() -> None:
    async with world(max_backlog=3) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        await hub.order("/admin/hosts/pause", host=hub.peers.removeprefix("http://"))
        answers = [await hub.publish(TOPIC, str(number).encode()) for number in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 503]
        assert answers[-1].headers["retry-after"] == "30"
        await hub.order("/admin/hosts/resume", host=hub.peers.removeprefix("http://"))
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"0", b"1", b"2"]
        assert (await hub.publish(TOPIC, b"again")).status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 999999 ?\r\n\r\n",
        b"HTTP/1.1 200 OK and no end of the line",
        b"HTTP/1.1 200 " + b"x" * 70_000,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_an_answer_that_is_none_is_a_failure(answer: bytes) -> None:
    async with world(retry_delays=(600,), delivery_timeout=1) as hub, hostile(saying(answer)) as odd:
        await _follow(hub, odd.url)
        await hub.publish(TOPIC)
        assert (await _failing(hub))["attempts"] == 1


@pytest.mark.spec("H-49")
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: folded\r\n value\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nand then nothing",
    ],
    ids=range(7),
)
async def test_an_unsound_answer_counts_by_its_status(answer: bytes) -> None:
    async with world(retry_delays=(3000,), delivery_timeout=2) as hub, hostile(saying(answer)) as odd:
        await _follow(hub, odd.url)
        for content in (b"1", b"2"):
            await hub.publish(TOPIC, content)
        await hub.quiet()
        assert (await hub.statistics())["dead_letters"] == 0
        assert [request[-1:] for request in odd.requests] == [b"1", b"2"]


@pytest.mark.spec("H-51")
async def test_the_body_of_an_answer_is_ignored_even_if_it_never_ends() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"

    async def endless(stream: SocketStream) -> None:
        await stream.send(head)
        while True:
            await stream.send(b"x" * 4_096)

    async with world() as hub, hostile(endless) as talker:
        await _follow(hub, talker.url)
        await hub.publish(TOPIC)
        await hub.quiet()
        assert (await hub.statistics())["dead_letters"] == 0


async def test_one_subscriber_that_never_answers_delays_nobody() -> None:
    async with world(delivery_timeout=2 * PATIENCE) as hub, hostile(hang) as silent:
        healthy = hub.subscriber()
        await _follow(hub, silent.url)
        await hub.subscribe(healthy, TOPIC)
        for number in range(10):
            await hub.publish(TOPIC, str(number).encode())
        await until(lambda: len(healthy.deliveries) == 10)
        assert [int(delivery.body) for delivery in healthy.deliveries] == list(range(10))
        await until(lambda: silent.requests)
        assert (await hub.statistics())["waiting"] == 10


async def _follow(hub: World, url: str) -> None:
    answer = await hub.ask(mode="subscribe", topic=TOPIC, callback=url)
    assert answer.status_code == 202
    await hub.verified()
    subscriptions = (await hub.get("/admin/subscriptions")).json()["subscriptions"]
    assert url in [subscription["callback"] for subscription in subscriptions]


async def _failing(hub: World) -> dict[str, Any]:
    failing: list[dict[str, Any]] = []
    with anyio.fail_after(PATIENCE):
        while not failing:
            failing = (await hub.get("/admin/deliveries")).json()["failing"]
    return failing[0]


async def _until_no_letters(hub: World) -> None:
    with anyio.fail_after(PATIENCE):
        while (await hub.get("/admin/dead-letters")).json()["dead_letters"]:  # noqa: ASYNC110 - the hub does not tell
            await anyio.sleep(0.02)
