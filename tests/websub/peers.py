"""Peers on real sockets: a server for an application, raw requests to it, and servers that misbehave."""

import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import anyio
import attrs
from anyio.abc import SocketAttribute, SocketStream

from _websub.asgi.edge import AsgiApp
from _websub.server.serving import Binding, serve
from tests.waiting import PATIENCE

#: Which server serves where nothing else is asked for; tests.websub.servers says more.
SERVER = "auto"

Behaviour = Callable[[SocketStream], Awaitable[object]]


@asynccontextmanager
async def served(app: AsgiApp, **binding: Any) -> AsyncIterator[str]:
    """Serve an application on a free port of loopback, and give its base URL."""
    started, stop, urls = anyio.Event(), anyio.Event(), list[str]()

    def ready(url: str) -> None:
        urls.append(url)
        started.set()

    if not {"certfile", "cleartext_http2"} & set(binding):
        binding.setdefault("server", SERVER)

    async def run() -> None:
        await serve(app, Binding(port=0, **binding), stop=stop.wait, ready=ready)

    with anyio.fail_after(2 * PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await started.wait()
            try:
                yield urls[0]
            finally:
                stop.set()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[SocketStream]:
    """Open a connection to where a URL leads."""
    parts = urlsplit(url)
    with anyio.fail_after(PATIENCE):
        stream = await anyio.connect_tcp(str(parts.hostname), parts.port or 80)
    async with stream:
        yield stream


async def read_until(stream: SocketStream, end: bytes) -> bytes:
    """Read until some bytes came, or nothing comes any more."""
    received = b""
    with anyio.fail_after(PATIENCE):
        while end not in received:
            try:
                received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                break
    return received


async def read_all(stream: SocketStream) -> bytes:
    """Read until the other side closes."""
    received = b""
    with anyio.fail_after(PATIENCE):
        while True:
            try:
                received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return received


async def exchange(url: str, request: bytes) -> bytes:
    """Send some bytes, and give all that comes back until the other side closes or is done with its body."""
    async with connected(url) as stream:
        await stream.send(request)
        return await read_message(stream)


async def read_message(stream: SocketStream) -> bytes:
    """Read one message: its head, and as much as its Content-Length says."""
    received = await read_until(stream, b"\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length:")]
    with anyio.fail_after(PATIENCE):
        while lengths and len(body) < lengths[0]:
            try:
                body += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                break
    return head + b"\r\n\r\n" + body


def status_of(answer: bytes) -> int:
    """Read the status of an answer; 0 if there is none."""
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/") else 0


@attrs.define
class Peer:
    """A server that behaves as a test says."""

    url: str
    port: int
    requests: list[bytes] = attrs.field(factory=list)
    connections: int = 0
    closed: anyio.Event = attrs.field(factory=anyio.Event)


@asynccontextmanager
async def peer(behaviour: Behaviour, *, rounds: int = 1, reads: bool = True) -> AsyncIterator[Peer]:
    """Accept connections on loopback, read requests and behave; ``closed`` says when a client has gone."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - of anyio, not of Django
        running = Peer(url=f"http://127.0.0.1:{port}", port=port)

        async def handle(stream: SocketStream) -> None:
            running.connections += 1
            async with stream:
                try:
                    for _ in range(rounds):
                        running.requests.append(await read_message(stream) if reads else b"")
                        await behaviour(stream)
                    await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                    running.closed.set()

        tasks.start_soon(listener.serve, handle)
        yield running
        tasks.cancel_scope.cancel()


def saying(answer: bytes) -> Behaviour:
    """Answer with some bytes."""

    async def say(stream: SocketStream) -> None:
        await stream.send(answer)

    return say


def saying_for_ever(beginning: bytes, piece: bytes, *, pause: float = 0) -> Behaviour:
    """Answer with a beginning and then a piece without end."""

    async def say(stream: SocketStream) -> None:
        await stream.send(beginning)
        while True:
            await stream.send(piece)
            await anyio.sleep(pause)

    return say


async def hang(stream: SocketStream) -> None:
    """Answer nothing, until the client goes."""
    await stream.receive()


async def reset(stream: SocketStream) -> None:
    """Close with a reset."""
    raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - of anyio, not of Django
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await anyio.aclose_forcefully(stream)
