"""A listener that starts, attaches, detaches and stops never gives a final no to who is only early or late."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import anyio
import httpx
import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, Request, plain
from _websub.server.listening import AppListener, run_listener
from _websub.server.serving import Binding
from tests.waiting import PATIENCE
from tests.websub.conversation import converse, scope_of
from tests.websub.peers import connected, read_message, status_of


def site(name: str) -> AsgiEdge:
    async def answer(_: Request) -> Answer:
        return Answer(plain(200, name))

    return AsgiEdge(answer)


class Door:
    """A context that is entered, and left, once the test lets it."""

    def __init__(self, error: Exception | None = None, *, holds_leaving: bool = False) -> None:
        self.reached, self.open = anyio.Event(), anyio.Event()
        self.leaving, self.may_leave = anyio.Event(), anyio.Event()
        self._error = error
        if not holds_leaving:
            self.may_leave.set()

    @asynccontextmanager
    async def context(self) -> AsyncIterator[None]:
        self.reached.set()
        await self.open.wait()
        if self._error is not None:
            raise self._error
        yield
        self.leaving.set()
        await self.may_leave.wait()


@asynccontextmanager
async def listening(**binding: Any) -> AsyncIterator[tuple[AppListener, httpx.AsyncClient]]:
    with anyio.fail_after(PATIENCE):
        async with AppListener(Binding(port=0, **binding)) as listener, httpx.AsyncClient(trust_env=False) as client:
            yield listener, client


async def check_closed(client: httpx.AsyncClient, url: str) -> None:
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        answer = await client.request(method, url, content=b"x" if method == "POST" else None)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0


async def test_until_it_has_started_nothing_is_a_404() -> None:
    async with listening() as (listener, client):
        url = await listener.listen()
        for path in ("/", "/a", "/nowhere"):
            await check_closed(client, url + path)
        app = site("a")
        listener.attach("/a", app, app)
        assert await listener.start() == url
        assert (await client.get(f"{url}/a")).text == "a"
        assert (await client.get(f"{url}/nowhere")).status_code == 404


async def test_an_application_that_is_still_entered_is_waited_for_and_the_others_answer() -> None:
    door = Door()
    async with listening() as (listener, client), anyio.create_task_group() as tasks:
        quick = site("quick")
        listener.attach("/quick", quick, quick)
        listener.attach("/slow", site("slow"), door.context())
        tasks.start_soon(listener.start)
        await door.reached.wait()
        url = str(listener.url)
        assert (await client.get(f"{url}/quick")).text == "quick"
        for path in ("/slow", "/slow/below", "/nowhere"):
            await check_closed(client, url + path)
        door.open.set()
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(f"{url}/slow")).text == "slow"
        assert (await client.get(f"{url}/nowhere")).status_code == 404


async def test_one_that_is_attached_later_is_503_until_it_was_entered() -> None:
    door = Door()
    async with listening() as (listener, client):
        url = await listener.start()
        assert (await client.get(f"{url}/late")).status_code == 404
        listener.attach("/late", site("late"), door.context())
        await check_closed(client, f"{url}/late")
        door.open.set()
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(f"{url}/late")).text == "late"


async def test_one_that_cannot_be_entered_ends_the_start_with_its_error() -> None:
    door = Door(OSError("The store is locked."))
    door.open.set()

    async def start() -> None:
        async with listening() as (listener, _):
            listener.attach("/fine", site("fine"), nullcontext())
            listener.attach("/broken", site("broken"), door.context())
            await listener.start()

    with pytest.raises(OSError, match="The store is locked"):
        await start()


async def test_one_that_cannot_be_entered_later_ends_the_block_with_its_error() -> None:
    door = Door(OSError("The store is locked."))

    async def run() -> None:
        async with listening() as (listener, client):
            url = await listener.start()
            listener.attach("/broken", site("broken"), door.context())
            await check_closed(client, f"{url}/broken")
            door.open.set()
            await anyio.sleep_forever()

    with pytest.raises(OSError, match="The store is locked"):
        await run()


async def test_one_that_cannot_be_made_is_an_error_of_the_start_or_of_the_attaching() -> None:
    def refuse(url: str) -> Any:
        raise ValueError(f"Not at {url}.")

    async with listening() as (listener, _):
        listener.reserve("/broken", refuse)
        with pytest.raises(ValueError, match="Not at http://127"):
            await listener.start()
    async with listening() as (listener, _):
        await listener.start()
        with pytest.raises(ValueError, match="Not at http://127"):
            listener.reserve("/broken", refuse)
        listener.attach("/broken", site("mended"), nullcontext())


async def test_one_that_is_detached_is_503_until_it_is_gone_and_then_404() -> None:
    door = Door(holds_leaving=True)
    door.open.set()
    async with listening() as (listener, client), anyio.create_task_group() as tasks:
        below = site("below")
        listener.attach("/", below, below)
        listener.attach("/a", site("a"), door.context())
        url = await listener.start()
        assert (await client.get(f"{url}/a")).text == "a"
        tasks.start_soon(listener.detach, "/a")
        await door.leaving.wait()
        await check_closed(client, f"{url}/a")
        with pytest.raises(ValueError, match="Nothing is attached"):
            await listener.detach("/a")
        door.may_leave.set()
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(f"{url}/a")).text == "below"


async def test_a_new_one_may_come_while_the_old_one_goes() -> None:
    door = Door(holds_leaving=True)
    door.open.set()
    async with listening() as (listener, client), anyio.create_task_group() as tasks:
        listener.attach("/a", site("old"), door.context())
        url = await listener.start()
        tasks.start_soon(listener.detach, "/a")
        await door.leaving.wait()
        new = site("new")
        listener.attach("/a", new, new)
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(f"{url}/a")).text == "new"
        door.may_leave.set()
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(f"{url}/a")).text == "new"


async def test_one_that_is_detached_before_it_was_entered_is_gone() -> None:
    door = Door()
    async with listening() as (listener, client), anyio.create_task_group() as tasks:
        url = await listener.start()
        listener.attach("/a", site("a"), door.context())
        await door.reached.wait()
        tasks.start_soon(listener.detach, "/a")
        await anyio.wait_all_tasks_blocked()
        await check_closed(client, f"{url}/a")
        door.open.set()
        await anyio.wait_all_tasks_blocked()
        assert (await client.get(f"{url}/a")).status_code == 404


class Holding:
    """An application whose requests to ``/held`` wait until they are let go."""

    def __init__(self) -> None:
        self.reached, self.release = anyio.Event(), anyio.Event()
        self.edge = AsgiEdge(self._answer)

    async def _answer(self, request: Request) -> Answer:
        if request.path == "/held":
            self.reached.set()
            await self.release.wait()
        return Answer(plain(200, "served"))


async def test_what_comes_while_it_stops_is_503_and_what_came_before_is_answered() -> None:
    holding = Holding()
    async with listening() as (listener, _), anyio.create_task_group() as tasks:
        listener.attach("/", holding.edge, holding.edge)
        url = await listener.start()
        async with connected(url) as stream:
            await stream.send(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n")
            await holding.reached.wait()
            tasks.start_soon(listener.graceful_stop)
            await anyio.wait_all_tasks_blocked()
            for path in ("/", "/nowhere"):
                late = await converse(listener, scope_of("POST", path))
                assert (late.status, late.headers["connection"]) == (503, "close")
            holding.release.set()
            assert status_of(await read_message(stream)) == 200
    assert (await converse(listener, scope_of())).status == 503


async def test_a_stop_comes_before_a_start_that_hangs() -> None:
    door, stop = Door(), anyio.Event()
    async with listening(graceful_seconds=0.01) as (listener, _), anyio.create_task_group() as tasks:
        listener.attach("/a", site("a"), door.context())
        tasks.start_soon(run_listener, listener, stop.wait, lambda _: pytest.fail("It is not ready."))
        await door.reached.wait()
        stop.set()


async def test_what_goes_on_after_a_stop_has_a_limit() -> None:
    stop = anyio.Event()
    async with listening(graceful_seconds=0.01) as (listener, _):
        with listener.until(stop.wait) as stopped:
            await listener.start()
            stop.set()
            await stopped()
            await anyio.sleep_forever()
