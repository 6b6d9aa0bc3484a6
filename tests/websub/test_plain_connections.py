"""Connections of uvicorn: none stays counted that is over, and none is over while its client still reads."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, Request, plain
from _websub.limits import Patience
from _websub.server.connections import Connections
from _websub.server.plain.connection import PlainConnection
from _websub.server.plain.opening import PlainOpening
from _websub.server.turns import Turns
from tests.waiting import PATIENCE
from tests.websub.attacks import SMALL_BUFFER

#: On which uvicorn runs, each of which treats a connection that ends early in its own way.
LOOPS = [("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})]


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    if request.param[1]["use_uvloop"]:
        pytest.importorskip("uvloop")
    return request.param


@contextmanager
def accepted() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a connection over loopback; the client's has little room for what it does not read."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        client.connect(listening.getsockname())
        raw, _ = listening.accept()
        raw.setblocking(False)
        client.setblocking(False)
        yield raw, client


async def answer(_: Request) -> Answer:
    return Answer(plain(200, "ok"))


async def test_a_stop_while_connections_are_opened_leaves_none_counted() -> None:
    connections = Connections(10, 60.0)
    opening = PlainOpening(AsgiEdge(answer), {}, Patience(idle=600), connections, Turns())
    with accepted() as (raw, client):
        async with anyio.create_task_group() as accepting:
            accepting.start_soon(opening.open, raw, accepting)
            await anyio.lowlevel.checkpoint()
            accepting.cancel_scope.cancel()
        connections.finish_idle()
        with anyio.fail_after(PATIENCE):
            await connections.none_left()
            await anyio.wait_readable(client)
        assert client.recv(1) == b""


async def test_a_client_that_reads_slowly_gets_the_whole_answer_after_the_connection_was_idle_for_too_long() -> None:
    gone = asyncio.Event()

    class Quiet(asyncio.Protocol):
        def connection_lost(self, _: Exception | None) -> None:
            gone.set()

    with accepted() as (raw, client):
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(Quiet, raw)
        connection = PlainConnection(
            transport, "", Patience(idle=0, write=600), leave=lambda: None, ended=lambda _: None
        )
        sent = 0
        while not transport.get_write_buffer_size():
            connection.write(b"x" * 10_000)
            sent += 10_000
            await anyio.lowlevel.checkpoint()
        connection.rest()
        await connection.expire()
        received = 0
        with anyio.fail_after(PATIENCE):
            while True:
                await anyio.wait_readable(client)
                piece = client.recv(65_536)
                received += len(piece)
                if not piece:
                    break
            await gone.wait()
        assert received == sent
