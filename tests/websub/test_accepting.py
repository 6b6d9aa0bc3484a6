"""How connections are taken in: many at a time, so that nobody waits behind the crowd of somebody else."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, Request, plain
from _websub.server import waiting_room
from _websub.server.waiting_room import WaitingRoom
from tests.waiting import PATIENCE, until
from tests.websub.peers import served
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

GET = b"GET / HTTP/1.1\r\nHost: hub.test\r\n\r\n"
CROWD = 200


@pytest.mark.threat("DOS-1")
async def test_a_crowd_is_taken_in_within_few_turns_of_the_loop() -> None:
    asked = turns = 0

    async def answer(_: Request) -> Answer:
        nonlocal asked
        asked += 1
        return Answer(plain(200, "ok"))

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += asked < CROWD

    async with served(AsgiEdge(answer)) as url, anyio.create_task_group() as tasks:
        parts = urlsplit(url)
        with ExitStack() as stack:
            for _ in range(CROWD):
                client = stack.enter_context(socket.create_connection((str(parts.hostname), parts.port or 0)))
                client.sendall(GET)
            tasks.start_soon(count_turns)
            await until(lambda: asked >= CROWD)  # programs of other tests may ask, too
            tasks.cancel_scope.cancel()
    assert turns < CROWD / 2


@contextmanager
def room_with(most: int, *crowds: tuple[str, int]) -> Iterator[tuple[WaitingRoom, list[socket.socket]]]:
    """A waiting room, and clients from some addresses who want in, in this order."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1_000))
        listening.setblocking(False)
        clients = [
            stack.enter_context(socket.create_connection(listening.getsockname(), source_address=(host, 0)))
            for host, number in crowds
            for _ in range(number)
        ]
        room = WaitingRoom(listening, most)
        stack.callback(room.close)
        yield room, clients


def hosts_of(taken: list[socket.socket]) -> list[str]:
    hosts = [raw.getpeername()[0] for raw in taken]
    for raw in taken:
        raw.close()
    return hosts


def test_clients_take_turns() -> None:
    with room_with(100, ("127.0.0.2", 20), ("127.0.0.3", 2), ("127.0.0.4", 1)) as (room, _):
        room.fill()
        assert hosts_of(room.take(4)) == ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.2"]
        assert hosts_of(room.take(2)) == ["127.0.0.3", "127.0.0.2"]
        assert len(room) == 17


@pytest.mark.threat("DOS-1")
def test_a_crowd_that_fills_the_room_gives_way_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "_CROWD", 10)
    with room_with(10, ("127.0.0.2", 30), ("127.0.0.3", 2)) as (room, clients):
        for _ in range(4):
            room.fill()
        assert len(room) == 10
        assert hosts_of(room.take(4)) == ["127.0.0.2", "127.0.0.3"] * 2
        assert clients


def test_in_a_small_room_a_client_that_is_alone_loses_nothing() -> None:
    with room_with(3, ("127.0.0.2", 10)) as (room, clients):
        let_in = 0
        while let_in < len(clients):
            room.fill()
            assert 0 < len(room) <= 3
            let_in += len(hosts_of(room.take(2)))


def test_whoever_comes_into_a_full_room_drives_out_the_newest_of_the_largest_crowd() -> None:
    with room_with(10, ("127.0.0.2", 9), ("127.0.0.3", 1), ("127.0.0.4", 5)) as (room, clients):
        room.fill()
        room.fill()
        assert len(room) == 10
        assert sorted(hosts_of(room.take(10))) == ["127.0.0.2"] * 4 + ["127.0.0.3"] + ["127.0.0.4"] * 5
        clients[8].settimeout(PATIENCE)
        assert clients[8].recv(1) == b""
