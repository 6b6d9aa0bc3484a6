"""Events as they happen: a stream that begins where its reader has stopped, and ends with the hub."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from tests.standalone.hub import ADMIN, World, world
from tests.waiting import PATIENCE
from websubhub import Headers
from websubhub.standalone.admin.events import EventOperations
from websubhub.standalone.admin.http import event_stream
from websubhub.standalone.admin.http.access import Access
from websubhub.standalone.admin.http.event_stream import EventStream
from websubhub.standalone.events.events import Events
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Tokens

TOPIC = "https://topic.example/"


@asynccontextmanager
async def _stream(hub: World, **headers: str) -> AsyncIterator[httpx.Response]:
    url = hub.hub.removesuffix("/hub") + "/admin/events"
    shown = {"Accept": "text/event-stream", "Authorization": f"Bearer {ADMIN}", **headers}
    async with hub.client.stream("GET", url, headers=shown) as answer:
        yield answer


async def _events(answer: httpx.Response, until: str) -> list[dict[str, Any]]:
    """Read events up to the first one of a kind."""
    found = []
    with anyio.fail_after(PATIENCE):
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                if found[-1]["name"] == until:
                    return found
    return found


# On trio, a generator of httpx that is not read to its end is a warning.
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_happens_is_sent_at_once_and_again_from_where_a_reader_stopped() -> None:
    async with world() as hub:
        async with _stream(hub) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            await hub.subscribe(hub.subscriber(), TOPIC)
            await hub.publish(TOPIC)
            seen = await _events(answer, "published")
        assert [event["name"] for event in seen] == ["subscribed", "published"]
        await hub.order("/admin/hosts/pause", host="a.example")
        async with _stream(hub, **{"Last-Event-ID": str(seen[0]["id"])}) as answer:
            again = await _events(answer, "host_paused")
        assert [event["name"] for event in again] == ["published", "host_paused"]
        assert again[0] == seen[1]
        listed = (await hub.get("/admin/events", after=seen[0]["id"])).json()["events"]
        assert listed == again


async def test_a_stream_needs_a_token_and_ends_with_the_hub() -> None:
    async with world() as hub:
        async with _stream(hub, Authorization="Bearer wrong-token-of-the-tests") as answer:
            assert answer.status_code == 401
        async with _stream(hub) as answer:
            hub.stop()
            await _events(answer, "nothing has this name")  # ends, since the stream does


async def test_there_are_only_so_many_streams_and_a_closed_one_leaves_its_place() -> None:
    hub = "http://127.0.0.1:8080/hub"
    events = Events()
    access = Access(Tokens((), "admin"), Tokens((), "viewer"), Reach(hub, "127.0.0.1"))

    async def nobody(*_: object) -> None:
        raise AssertionError

    stream = EventStream(EventOperations(events), access, nobody)
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(b"accept", b"text/event-stream"), (b"host", b"127.0.0.1")],
    }
    assert access.refusal_to_read(Headers([("Host", "127.0.0.1")])) is None
    statuses: list[int] = []
    left = anyio.Event()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Any:
        await left.wait()
        return {"type": "http.disconnect"}

    async with anyio.create_task_group() as tasks:
        for _ in range(event_stream._STREAMS):
            tasks.start_soon(stream, dict(scope), receive, send)
        await anyio.wait_all_tasks_blocked()
        await stream(dict(scope), receive, send)
        assert statuses == [200] * event_stream._STREAMS + [503]
        left.set()
    assert not stream._streams


async def test_a_reader_that_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "_SEND_SECONDS", 0.01)
    access = Access(Tokens((), "admin"), Tokens((), "viewer"), Reach("http://127.0.0.1/hub", "127.0.0.1"))
    stream = EventStream(EventOperations(Events()), access, lambda *_: anyio.lowlevel.checkpoint())

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()

    async def receive() -> Any:
        await anyio.sleep_forever()

    with anyio.fail_after(PATIENCE):
        await stream._stream(0, receive, send)
    assert not stream._streams
