"""Bodies that are arriving take no slot, and give way to each other by a rule that whoever sends in one piece wins."""

import logging

import anyio
import pytest

from _websub.asgi.bodies import Arrival, Bodies
from _websub.asgi.edge import AsgiEdge
from _websub.asgi.refusals import Refusals
from _websub.http import Answer, Request, plain
from _websub.limits import EdgeLimits
from tests.waiting import PATIENCE
from tests.websub.attacks import HEAD, STALLED
from tests.websub.peers import connected, exchange, read_message, served, status_of
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

POST = HEAD + b"Content-Length: 3\r\n\r\nabc"


def bodies(**limits: int) -> Bodies:
    return Bodies(EdgeLimits(**limits), Refusals(logging.getLogger("websub")))


async def test_the_oldest_body_of_the_busiest_client_gives_way() -> None:
    all_of_them = bodies(bodies=4)
    polite = all_of_them.begin("192.0.2.1")
    greedy = [all_of_them.begin("192.0.2.2") for _ in range(3)]
    newcomer = all_of_them.begin("192.0.2.3")
    assert [each.gave_way for each in (polite, *greedy, newcomer)] == [False, True, False, False, False]
    assert all_of_them.arriving == 4


async def test_a_client_that_is_alone_gives_way_to_itself() -> None:
    all_of_them = bodies(bodies=2)
    arrivals = [all_of_them.begin("proxy") for _ in range(5)]
    assert [each.gave_way for each in arrivals] == [True, True, True, False, False]


def grown(all_of_them: Bodies, *sizes: int) -> list[Arrival]:
    arrivals = []
    for size in sizes:
        arrivals.append(all_of_them.begin("client"))
        arrivals[-1].grow(size)
    return arrivals


async def test_the_largest_body_gives_way_when_memory_is_short() -> None:
    arrivals = grown(bodies(memory_bytes=1000, body_bytes=600), 100, 500, 300, 200, 300)
    assert [each.gave_way for each in arrivals] == [False, True, False, False, False]


async def test_bodies_that_are_worked_on_count_until_they_are_released() -> None:
    all_of_them = bodies(memory_bytes=1000, body_bytes=600)
    first, second = grown(all_of_them, 600, 300)
    first.complete()
    second.complete()
    (late,) = grown(all_of_them, 200)
    assert (first.gave_way, second.gave_way, late.gave_way) == (False, False, True)
    first.release()
    first.release()
    (later,) = grown(all_of_them, 200)
    assert not later.gave_way


async def test_a_body_that_is_there_whole_displaces_nobody_but_its_bytes_count() -> None:
    all_of_them = bodies(bodies=1, memory_bytes=1000, body_bytes=600)
    (stalled,) = grown(all_of_them, 500)
    small, large, late = (all_of_them.begin("client", whole=True) for _ in range(3))
    small.grow(300)
    assert (all_of_them.arriving, stalled.gave_way, small.gave_way) == (1, False, False)
    large.grow(600)
    assert (stalled.gave_way, small.gave_way, large.gave_way) == (False, False, True)
    late.grow(400)
    assert (stalled.gave_way, late.gave_way) == (True, False)
    for each in (small, large, late):
        each.complete()
        each.release()
    assert all_of_them.arriving == 0


async def test_one_body_of_the_largest_size_always_fits() -> None:
    (only,) = grown(bodies(memory_bytes=10, body_bytes=600), 600)
    assert not only.gave_way


# --- over sockets -----------------------------------------------------------------------------------------------------


async def echo(request: Request) -> Answer:
    return Answer(plain(200, str(len(request.body))))


async def until_arriving(edge: AsgiEdge, number: int) -> None:
    with anyio.fail_after(PATIENCE):
        while edge.load.arriving < number:  # noqa: ASYNC110 - it tells nobody
            await anyio.sleep(0.01)


@pytest.mark.parametrize("number", [8, 40])
@pytest.mark.threat("SLOW-3", "DOS-3")
async def test_stalled_bodies_stop_nobody(number: int, caplog: pytest.LogCaptureFixture) -> None:
    """Fewer than may be arriving, and many more."""
    edge = AsgiEdge(echo, limits=EdgeLimits(body_seconds=600, bodies=10, pending=5))
    async with served(edge) as url, anyio.create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(_stall, url)
        await until_arriving(edge, min(number, 10))
        for _ in range(5):
            assert status_of(await exchange(url, POST)) == 200
        assert edge.load.pending == 0
        assert edge.load.arriving <= 10
        tasks.cancel_scope.cancel()
    assert caplog.messages == (["10 bodies are arriving: refusing the oldest with 503."] if number > 10 else [])


async def _stall(url: str) -> None:
    async with connected(url) as stream:
        await stream.send(STALLED)
        await anyio.sleep_forever()


async def test_a_body_that_gives_way_is_answered_503_and_may_come_again() -> None:
    edge = AsgiEdge(echo, limits=EdgeLimits(body_seconds=600, bodies=1))
    async with served(edge) as url, connected(url) as stream:
        await stream.send(STALLED)
        await until_arriving(edge, 1)
        async with connected(url) as other:
            await other.send(STALLED)
            answer = await read_message(stream)
        assert status_of(answer) == 503
        assert b"retry-after: 5" in answer.lower()
        assert status_of(await exchange(url, POST)) == 200


@pytest.mark.threat("SLOW-3", "DOS-3")
async def test_memory_is_bounded_whatever_arrives() -> None:
    limits = EdgeLimits(body_seconds=600, body_bytes=100_000, memory_bytes=250_000)
    edge = AsgiEdge(echo, limits=limits)
    statuses: list[int] = []

    async def send_most(url: str) -> None:
        async with connected(url) as stream:
            await stream.send(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 99_999)
            statuses.append(status_of(await read_message(stream)))

    async with served(edge) as url, anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(send_most, url)
        with anyio.fail_after(PATIENCE):
            while len(statuses) < 4:  # noqa: ASYNC110 - two of them fit, and wait
                await anyio.sleep(0.01)
        assert status_of(await exchange(url, POST)) == 200
        tasks.cancel_scope.cancel()
    assert set(statuses) == {503}


async def test_what_is_worked_on_is_refused_beyond_the_slots_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    release = anyio.Event()

    async def wait(_: Request) -> Answer:
        await release.wait()
        return Answer(plain(200, "ok"))

    edge = AsgiEdge(wait, limits=EdgeLimits(pending=2))
    async with served(edge) as url, anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(exchange, url, POST)
        with anyio.fail_after(PATIENCE):
            while edge.load.pending < 2:  # noqa: ASYNC110 - it tells nobody
                await anyio.sleep(0.01)
        assert edge.load.saturated
        assert [status_of(await exchange(url, POST)) for _ in range(3)] == [503] * 3
        assert edge.load.refused == 3
        release.set()
    assert not edge.load.saturated
    assert caplog.messages == ["2 requests are under way: refusing more with 503."]


def test_refusals_are_logged_the_first_time_and_then_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    refusals = Refusals(logging.getLogger("websub"), clock=lambda: now[0])
    for seconds in (0, 1, 30, 59, 60, 61, 200):
        now[0] = seconds
        refusals.note("%d is too much.", 7)
    refusals.note("Something else.")
    assert refusals.count == 8
    assert caplog.messages == [
        "7 is too much.",
        "7 is too much. (3 more since the last line)",
        "7 is too much. (1 more since the last line)",
        "Something else.",
    ]
