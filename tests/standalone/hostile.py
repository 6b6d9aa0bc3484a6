"""Subscribers on raw sockets that confirm their subscription as they should, and then misbehave."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketAttribute, SocketStream

from tests.websub.peers import Behaviour, Peer, read_message

_CHALLENGE = re.compile(rb"[?&]hub\.challenge=([^& ]+)")


@asynccontextmanager
async def hostile(behaviour: Behaviour) -> AsyncIterator[Peer]:
    """Confirm every verification request, and answer every delivery by behaving; ``requests`` are the deliveries."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - of anyio, not of Django
        running = Peer(url=f"http://127.0.0.1:{port}/", port=port)

        async def handle(stream: SocketStream) -> None:
            running.connections += 1
            async with stream:
                try:
                    await _converse(stream, running, behaviour)
                except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                    return

        tasks.start_soon(listener.serve, handle)
        yield running
        tasks.cancel_scope.cancel()


async def _converse(stream: SocketStream, running: Peer, behaviour: Behaviour) -> None:
    while True:
        request = await read_message(stream)
        if request.startswith(b"GET "):
            match = _CHALLENGE.search(request)
            challenge = match[1] if match else b""
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(challenge), challenge))
        elif request.startswith(b"POST "):
            running.requests.append(request)
            await behaviour(stream)
            return
        else:
            return
