"""Serving in a process of its own, which signals end."""

import signal
import subprocess
import sys

import anyio
import pytest

from tests.waiting import PATIENCE
from tests.websub.peers import connected, read_message, status_of

GET = b"GET / HTTP/1.1\r\nHost: hub.test\r\n\r\n"
STALLED = b"POST / HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 20\r\n\r\nhub.mode="
PROGRAM = """
from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, plain
from _websub.server.serving import Binding, run, serve

async def handle(request):
    return Answer(plain(200, "ok"))

async def main(stop):
    binding = Binding(port=0, graceful_seconds=0.3)
    await serve(AsgiEdge(handle), binding, stop=stop, ready=lambda url: print(url, flush=True))

run(main, backend={backend!r})
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.threat("SLOW-6")
async def test_signals_stop_a_program_even_when_a_body_stalls(number: signal.Signals, anyio_backend: str) -> None:
    program = [sys.executable, "-W", "error", "-c", PROGRAM.format(backend=anyio_backend)]
    with anyio.fail_after(PATIENCE):
        async with await anyio.open_process(program, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None
            url = (await process.stdout.receive()).decode().strip()
            async with connected(url) as stream:
                await stream.send(GET)
                assert status_of(await read_message(stream)) == 200
                await stream.send(STALLED)
                process.send_signal(number)
                assert await process.wait() == 0
            assert b"".join([chunk async for chunk in process.stdout]).strip() == b""
