"""A proxy on a real socket: it forwards requests with an absolute URL, and opens tunnels for CONNECT."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
import attrs
from anyio.abc import SocketAttribute, SocketStream

from tests.websub.peers import read_message

_GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


@attrs.define
class Proxy:
    """What a proxy was asked, and how it behaves.

    Attributes:
        url: Its URL.
        names: Where the names lead that only this proxy knows.
        credentials: User and password that it asks for.
        refuses: The status it answers everything with, if it refuses.
        lines: The first line of each request.
        most: The most connections that were open at a time.
    """

    url: str
    names: dict[str, str] = attrs.field(factory=dict)
    credentials: str | None = None
    refuses: int = 0
    lines: list[str] = attrs.field(factory=list)
    open: int = 0
    most: int = 0

    async def handle(self, stream: SocketStream) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            async with stream:
                while (request := await read_message(stream)).strip():
                    if not await self._answer(stream, request):
                        break
        except _GONE:
            pass
        finally:
            self.open -= 1

    async def _answer(self, stream: SocketStream, request: bytes) -> bool:
        line, _, rest = request.partition(b"\r\n")
        method, target, _ = line.decode().split(" ")
        self.lines.append(line.decode())
        if self.refuses or not self._is_known(rest):
            await stream.send(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % (self.refuses or 407))
            return True
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            await self._tunnel(stream, host.strip("[]"), int(port))
            return False
        parts = urlsplit(target)
        host = parts.hostname or ""
        exact = target.partition("://")[2]
        path = exact[exact.index("/") :]
        async with await anyio.connect_tcp(self.names.get(host, host), parts.port or 80) as server:
            await server.send(f"{method} {path} HTTP/1.1\r\n".encode() + rest)
            await stream.send(await read_message(server))
        return True

    def _is_known(self, rest: bytes) -> bool:
        if self.credentials is None:
            return True
        wanted = b"Basic " + base64.b64encode(self.credentials.encode())
        return b"proxy-authorization: " + wanted.lower() in rest.lower()

    async def _tunnel(self, stream: SocketStream, host: str, port: int) -> None:
        async with await anyio.connect_tcp(self.names.get(host, host), port) as server:
            await stream.send(b"HTTP/1.1 200 Connected\r\n\r\n")
            async with anyio.create_task_group() as tasks:
                for source, target in ((stream, server), (server, stream)):
                    tasks.start_soon(self._pass_on, source, target, tasks.cancel_scope)

    async def _pass_on(self, source: SocketStream, target: SocketStream, scope: anyio.CancelScope) -> None:
        try:
            while True:
                await target.send(await source.receive())
        except _GONE:
            scope.cancel()


@asynccontextmanager
async def a_proxy(**settings: object) -> AsyncIterator[Proxy]:
    """Run a proxy on a free port of loopback."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - of anyio, not of Django
        proxy = Proxy(url=f"http://127.0.0.1:{port}", **settings)  # type: ignore[arg-type]
        tasks.start_soon(listener.serve, proxy.handle)
        yield proxy
        tasks.cancel_scope.cancel()
