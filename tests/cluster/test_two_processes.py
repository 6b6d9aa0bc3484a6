"""Two processes on NATS are one hub: either takes any request, and one goes on without the other."""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.cluster.servers import PROGRAM, WHY_NOT, one_server
from tests.ports import held_port
from tests.standalone.process import ADMIN, Served, run, served
from tests.waiting import PATIENCE, until
from websubhub.testing import RecordingSubscriber

TOPIC = "https://topic.example/"
# Each callback has an address of its own, since the processes share out hosts.
_EVERYWHERE = Binding(host="0.0.0.0", port=0, graceful_seconds=0.5)  # noqa: S104
pytestmark = pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)


@pytest.fixture
def anyio_backend() -> str:
    """Each hub has a loop of its own; one for the test is enough."""
    return "asyncio"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PATIENCE, headers={"Authorization": f"Bearer {ADMIN}"}) as client:
        yield client


@pytest.fixture
def hubs(tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    """Two processes of one hub."""
    folders = [tmp_path / name for name in ("nats", "first", "second")]
    for folder in folders:
        folder.mkdir()
    with one_server(folders[0]) as server:
        store = ("--store", f"{server}?gib=0.01")
        with served(folders[1], *store) as first, served(folders[2], *store) as second:
            yield first, second


async def ask(client: httpx.AsyncClient, hub: Served, path: str) -> Any:
    answer = await client.get(f"{hub.base}{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def publish(client: httpx.AsyncClient, hub: Served, content: bytes) -> str:
    where = {"hub.mode": "publish", "hub.topic": TOPIC}
    answer = await client.post(hub.url, params=where, content=content, headers={"Content-Type": "text/plain"})
    assert answer.is_success, answer.text
    return answer.headers["X-Hub-Message-Id"]


async def test_either_takes_any_request_and_goes_on_without_the_other(
    hubs: tuple[Served, Served], client: httpx.AsyncClient
) -> None:
    subscriber = RecordingSubscriber()
    first, second = hubs
    async with AppListener(_EVERYWHERE) as listener:
        port = (await listener.start()).rpartition(":")[2]
        listener.attach("/sub", subscriber, nullcontext())
        for number in range(8):
            form = {
                "hub.mode": "subscribe",
                "hub.topic": TOPIC,
                "hub.callback": f"http://127.0.1.{number + 1}:{port}/sub",
            }
            answer = await client.post((first, second)[number % 2].url, data=form)
            assert answer.status_code == 202, answer.text

        async def subscribed() -> bool:
            counts = [(await ask(client, hub, "/admin/statistics"))["subscriptions"] for hub in (first, second)]
            return counts == [8, 8]

        await _until(subscribed)
        await _delivered(client, subscriber, first, second, b"by the first")
        await _delivered(client, subscriber, second, first, b"by the second")
        first.kill()
        await publish(client, second, b"by the one that is left")
        await until(lambda: len(_got(subscriber, b"by the one that is left")) == 8)
        second.stop()


async def _delivered(
    client: httpx.AsyncClient, subscriber: RecordingSubscriber, publisher: Served, other: Served, content: bytes
) -> None:
    """Publish at one hub, see it arrive once for each, and look at it through the other."""
    message_id = await publish(client, publisher, content)
    await until(lambda: len(_got(subscriber, content)) == 8)

    async def counted() -> bool:
        [message] = (await ask(client, other, f"/admin/messages/{message_id}"))["messages"]
        return (message["recipients"], message["delivered"], message["waiting"]) == (8, 8, 0)

    await _until(counted)
    assert len(_got(subscriber, content)) == 8


async def test_a_process_that_does_not_answer_is_told_wherever_something_may_be_missing(
    hubs: tuple[Served, Served], client: httpx.AsyncClient
) -> None:
    first, second = hubs
    await client.post(f"{second.base}/sign-in", data={"token": ADMIN, "next": "/"}, headers={"Origin": second.base})

    signs = {
        "/admin/hosts": '"partial": true',
        "/admin/deliveries": '"partial": true',
        "/metrics": "websubhub_store_complete 0.0",
        **dict.fromkeys(("/", "/hosts", "/retries"), "A process of the hub does not answer"),
    }

    async def told() -> set[str]:
        found = set[str]()

        async def look(path: str) -> None:
            answer = await client.get(second.base + path)
            assert answer.status_code == 200, answer.text
            if signs[path] in answer.text:
                found.add(path)

        async with anyio.create_task_group() as tasks:  # at once, since the other is soon taken for dead
            for path in signs:
                tasks.start_soon(look, path)
        return found

    async def nothing_is_missing() -> bool:
        return not await told()

    await _until(nothing_is_missing)
    first.process.send_signal(signal.SIGSTOP)
    try:
        assert await told() == set(signs)
        listed = run("deliveries", "--hub", second.url, "--token", ADMIN)
        assert "A process of the hub does not answer" in listed.stderr
        await _until(nothing_is_missing)
        assert not run("deliveries", "--hub", second.url, "--token", ADMIN).stderr
    finally:
        first.process.send_signal(signal.SIGCONT)


def _got(subscriber: RecordingSubscriber, content: bytes) -> list[object]:
    return [each for each in subscriber.deliveries if each.body == content]


async def _until(is_so: Any) -> None:
    with anyio.fail_after(PATIENCE):
        while not await is_so():  # noqa: ASYNC110 - it is asked over HTTP
            await anyio.sleep(0.05)


def test_a_server_that_is_not_there_is_told_in_one_sentence() -> None:
    with held_port() as port:
        place = f"127.0.0.1:{port}"
        result = run("serve", "--port", "0", "--store", f"nats://user:s3cret@{place}")
        assert result.returncode == 2
        assert f"No NATS server answers at {place}" in result.stderr
        assert "Traceback" not in result.stderr
        assert "s3cret" not in result.stderr
