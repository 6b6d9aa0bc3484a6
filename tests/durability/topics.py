"""Topics that mean no good, in a process of their own: what a hub is made to fetch from them never ends, or is no use.

Topics are ``/KIND/NUMBER``; any address of 127.0.0.0/8 leads to them.

trickle      a body in chunks of one byte, without end.
processing   informational answers without end.
absurd       503 with a ``Retry-After`` that no calendar knows.
nasty        content with an ``ETag``, a ``Content-Type`` and a ``Link`` that no header can carry on.
hang         nothing.
"""

import asyncio
import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

KINDS = ("trickle", "processing", "absurd", "nasty", "hang")

_HEAD_LIMIT = 65_536
_NASTY = (
    b'HTTP/1.1 200 OK\r\nETag: "\xe2\x82\xac"\r\nContent-Type: text/\xe2\x82\xac%s\r\n'
    b"Link: %s\r\nContent-Length: 5\r\n\r\nnasty"
) % (b"x" * 10_000, b", ".join([b'<https://hub.example/>; rel="hub"'] * 500))
_ABSURD = (
    b"HTTP/1.1 503 Later\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 +99999999999999999999\r\nContent-Length: 0\r\n\r\n"
)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        head = await reader.readuntil(b"\r\n\r\n")
        kind = head.split(b" ")[1].split(b"/")[1].decode()
        if kind == "hang":
            await reader.read()
        elif kind in {"absurd", "nasty"}:
            writer.write(_ABSURD if kind == "absurd" else _NASTY)
            await writer.drain()
        else:
            await _go_on(writer, is_body=kind == "trickle")
    writer.close()


async def _go_on(writer: asyncio.StreamWriter, *, is_body: bool) -> None:
    if is_body:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"1\r\nx\r\n" if is_body else b"HTTP/1.1 102 Processing\r\n\r\n"
    while not writer.is_closing():
        writer.write(piece * 100)
        await writer.drain()
        await asyncio.sleep(0.01)


def _serve(pipe: Connection) -> None:
    async def run() -> None:
        listening = socket.create_server(("", 0), backlog=1_024)
        server = await asyncio.start_server(_answer, sock=listening, limit=_HEAD_LIMIT)
        pipe.send(listening.getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def hostile_topics() -> Iterator[int]:
    """Serve them while the block runs, and give their port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()
