"""Several applications on one address."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.calls.client import ExchangeError, HttpClient
from _websub.grammar.addresses import AddressPolicy
from _websub.http import Answer, Request, plain
from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.waiting import PATIENCE


def site(name: str, then: Callable[[], Awaitable[None]] | None = None) -> AsgiEdge:
    async def answer(_: Request) -> Answer:
        return Answer(plain(200, name), then)

    return AsgiEdge(answer)


@asynccontextmanager
async def browser() -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    client = HttpClient(addresses=AddressPolicy(loopback=True))

    async def get(url: str) -> str:
        response = await client.send(Request(method="GET", url=url))
        return response.body.decode()

    try:
        yield get
    finally:
        await client.aclose()


async def test_the_longest_path_that_fits_answers() -> None:
    async with browser() as get, AppListener(Binding(port=0)) as listener:
        for path in ("/", "/hub", "/hub/inner"):
            app = site(path)
            listener.attach(path, app, app)
        url = await listener.start()
        assert listener.url == url
        assert await get(f"{url}/hub") == "/hub"
        assert await get(f"{url}/hub/other") == "/hub"
        assert await get(f"{url}/hub/inner/x") == "/hub/inner"
        assert await get(f"{url}/hubs") == "/"


async def test_what_is_detached_answers_no_more_and_can_come_back() -> None:
    async with browser() as get, AppListener(Binding(port=0)) as listener:
        url = await listener.start()
        assert await get(f"{url}/a") == "There is nothing here."
        app = site("a")
        listener.attach("/a", app, app)
        assert await get(f"{url}/a") == "a"
        await listener.detach("/a")
        assert await get(f"{url}/a") == "There is nothing here."
        listener.attach("/a", app, app)
        assert await get(f"{url}/a") == "a"


async def test_detaching_waits_for_what_is_under_way() -> None:
    done = anyio.Event()

    async def then() -> None:
        await anyio.sleep(0.1)
        done.set()

    async with browser() as get, AppListener(Binding(port=0)) as listener:
        url = await listener.start()
        app = site("a", then)
        listener.attach("/a", app, app)
        await get(f"{url}/a")
        await listener.detach("/a")
        assert done.is_set()


async def test_a_stop_at_once_cancels_what_is_under_way() -> None:
    begun, cancelled = anyio.Event(), anyio.Event()

    async def then() -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    with anyio.fail_after(PATIENCE):
        async with browser() as get, AppListener(Binding(port=0)) as listener:
            url = await listener.start()
            app = site("a", then)
            listener.attach("/a", app, app)
            await get(f"{url}/a")
            await begun.wait()
            await listener.immediate_stop()
            assert cancelled.is_set()
            with pytest.raises(ExchangeError):
                await get(f"{url}/a")


async def test_wrong_uses_are_named() -> None:
    listener = AppListener(Binding(port=0))
    app = site("a")
    with pytest.raises(RuntimeError, match="async with"):
        listener.attach("/a", app, app)
    async with listener:
        listener.attach("/a", app, app)
        with pytest.raises(ValueError, match="already"):
            listener.attach("/a", app, app)
        with pytest.raises(ValueError, match="slash"):
            listener.attach("b", app, app)
        with pytest.raises(ValueError, match="Nothing"):
            await listener.detach("/b")
        await listener.start()
        with pytest.raises(RuntimeError, match="started"):
            await listener.start()


async def test_the_error_of_the_block_comes_out_as_it_is() -> None:
    async def fail() -> None:
        async with AppListener(Binding(port=0)) as listener:
            await listener.start()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_a_port_that_is_taken_is_an_error_of_the_start() -> None:
    async with AppListener(Binding(port=0)) as first:
        port = int((await first.start()).rpartition(":")[2])
        async with AppListener(Binding(port=port)) as second:
            with pytest.raises(OSError, match="in use"):
                await second.start()
