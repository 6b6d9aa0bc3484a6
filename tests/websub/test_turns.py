"""The time of the event loop is shared among clients, and nobody waits while there is enough of it."""

import gc
import weakref
from collections import Counter

import anyio
import anyio.lowlevel
import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, Request, plain
from _websub.server.connections import Connection, Connections
from _websub.server.rounds import Rounds
from _websub.server.turns import Turns
from tests.waiting import until
from tests.websub.attacks import asked, with_closed_window
from tests.websub.peers import connected, read_until, reset, served
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

CROWD = 1_000
AT_ONCE = 10


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_each_client_has_one_in_a_round() -> None:
    rounds = Rounds[str]()
    for client, number in (("a", 5), ("b", 2), ("c", 1)):
        for each in range(number):
            rounds.add(client, f"{client}{each}")
    assert (len(rounds), rounds.clients) == (8, 3)
    assert rounds.take(4) == ["a0", "b0", "c0", "a1"]
    assert rounds.take_newest_of_largest() == "a4"
    assert rounds.take(10) == ["b1", "a2", "a3"]
    assert (len(rounds), rounds.clients) == (0, 0)


async def test_what_is_little_passes_at_once() -> None:
    clock = Time()
    turns = Turns(AT_ONCE, clock)
    passed = 0
    with anyio.CancelScope() as scope:
        scope.cancel()  # whoever waited would be cancelled: nobody gives turns here
        for _ in range(20):
            for _ in range(AT_ONCE):
                await turns.take("a")
                passed += 1
            clock.now += 1
    assert passed == 20 * AT_ONCE


@pytest.mark.threat("DOS-1", "DOS-12")
async def test_a_client_alone_waits_for_no_crowd_and_a_crowd_takes_many_steps() -> None:
    turns, order = Turns(AT_ONCE, Time()), list[str]()
    steps = 0

    async def bring(client: str) -> None:
        await turns.take(client)
        order.append(client)

    async def count() -> None:
        nonlocal steps
        while True:
            await anyio.lowlevel.checkpoint()
            steps += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(CROWD):
            tasks.start_soon(bring, "crowd")
        await anyio.wait_all_tasks_blocked()
        assert Counter(order) == {"crowd": AT_ONCE}, "what may begin in one step, and no more"
        tasks.start_soon(bring, "alone")
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(turns.run)
        tasks.start_soon(count)
        await until(lambda: len(order) == CROWD + 1)
        tasks.cancel_scope.cancel()
    assert order.index("alone") <= 2 * AT_ONCE
    assert steps >= CROWD / AT_ONCE / 2


async def test_whoever_waits_and_goes_leaves_the_turns_of_others_alone() -> None:
    turns, passed = Turns(1, Time()), list[int]()
    await turns.take("a")

    async def bring(number: int, scope: anyio.CancelScope) -> None:
        with scope:
            await turns.take("a")
            passed.append(number)

    async with anyio.create_task_group() as tasks:
        scopes = [anyio.CancelScope() for _ in range(5)]
        for number, scope in enumerate(scopes):
            tasks.start_soon(bring, number, scope)
        await anyio.wait_all_tasks_blocked()
        scopes[0].cancel()
        scopes[3].cancel()
        tasks.start_soon(turns.run)
        await until(lambda: len(passed) == 3)
        tasks.cancel_scope.cancel()
    assert sorted(passed) == [1, 2, 4]


@pytest.mark.threat("DOS-2")
async def test_requests_that_come_in_one_piece_wait_for_their_turns_like_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = 0
    take = Turns.take

    async def counted(turns: Turns, client: str) -> None:
        nonlocal taken
        taken += 1
        await take(turns, client)

    async def answer(_: Request) -> Answer:
        return Answer(plain(200, "ok"))

    monkeypatch.setattr(Turns, "take", counted)
    async with served(AsgiEdge(answer)) as url, connected(url) as client:
        await client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
        received = b""
        while received.count(b"HTTP/1.1 200") < 20:
            received += await client.receive()
        assert taken >= 20


@pytest.mark.threat("DOS-2")
async def test_a_client_that_goes_while_its_requests_wait_for_their_turns_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken, answered = 0, list[str]()
    gone, turn = anyio.Event(), anyio.Event()

    async def held(_: Turns, __: str) -> None:
        nonlocal taken
        taken += 1
        if taken > 1:
            await turn.wait()

    async def answer(request: Request) -> Answer:
        await gone.wait()
        answered.append(request.url)
        return Answer(plain(200, "ok"))

    monkeypatch.setattr(Turns, "take", held)
    client = with_closed_window()
    asked(client, 5)
    async with served(AsgiEdge(answer), cleartext_http2=True) as url:
        async with connected(url) as connection:
            await connection.send(client.data_to_send())
            await until(lambda: taken > 1)
            await reset(connection)
        gone.set()
        await until(lambda: len(answered) == 1)
        await anyio.wait_all_tasks_blocked()
        turn.set()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
    ids=["nothing", "half a head", "a request", "half a body", "its last request"],
)
async def test_a_connection_that_has_ended_leaves_nothing_for_the_collector_of_garbage(
    sent: bytes, anyio_backend_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if anyio_backend_name == "trio":
        pytest.skip("trio keeps what its tasks have raised")
    opened, add = list[weakref.ref[Connection]](), Connections.add

    def watched(connections: Connections, connection: Connection) -> None:
        opened.append(weakref.ref(connection))
        add(connections, connection)

    async def answer(_: Request) -> Answer:
        return Answer(plain(200, "ok"))

    monkeypatch.setattr(Connections, "add", watched)
    async with served(AsgiEdge(answer)) as url:
        gc.disable()
        try:
            for number in range(1, 4):
                async with connected(url) as client:
                    await client.send(sent or b"")
                    await until(lambda: len(opened) == number)  # noqa: B023 - of this round
                    if sent.endswith(b"\r\n\r\n"):
                        await read_until(client, b"ok")
            await until(lambda: not any(connection() for connection in opened))
        finally:
            gc.enable()
