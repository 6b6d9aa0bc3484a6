"""How connections are taken in: many at a time, so that nobody waits behind the crowd of somebody else."""

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import pytest

from _websub.asgi import AsgiEdge
from _websub.http import Answer, Request, plain
from tests.waiting import until
from tests.websub.peers import served

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
            await until(lambda: asked == CROWD)
            tasks.cancel_scope.cancel()
    assert turns < CROWD / 2
