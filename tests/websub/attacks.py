"""Clients that mean no good, on real sockets: they hold what they were given, and take nothing."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import anyio
import h2.config
import h2.connection
import h2.settings
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

HEAD = b"POST /hub HTTP/1.1\r\nHost: hub.test\r\n"
STALLED = HEAD + b"Content-Length: 20\r\n\r\nhub.mode="
SMALL_BUFFER = 4_096


class Deaf(ByteStream):
    """A connection that reads nothing by itself, as streams on asyncio do, and has next to no room for what it is sent.

    Args:
        raw: A socket that does not block.
    """

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw

    async def send(self, item: bytes) -> None:
        """Send bytes."""
        left = memoryview(item)
        while left:
            await anyio.wait_writable(self._raw)
            left = left[self._raw.send(left) :]

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        """Read what is there."""
        await anyio.wait_readable(self._raw)
        try:
            received = self._raw.recv(max_bytes)
        except OSError as error:
            raise anyio.BrokenResourceError from error
        if not received:
            raise anyio.EndOfStream
        return received

    async def send_eof(self) -> None:
        """Send no more."""
        self._raw.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        """Go away."""
        self._raw.close()


@asynccontextmanager
async def deaf(url: str, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[ByteStream]:
    """Open a connection that reads only when it is told to."""
    parts = urlsplit(url)
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        raw.setblocking(False)
        with suppress(BlockingIOError):
            raw.connect((parts.hostname, parts.port))
        stream = Deaf(raw)
        if tls is None:
            yield stream
        else:
            yield await TLSStream.wrap(stream, hostname=parts.hostname, ssl_context=tls, standard_compatible=False)


def with_closed_window() -> h2.connection.H2Connection:
    """Begin to speak HTTP/2 with a window of nothing."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.local_settings = h2.settings.Settings(
        client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0}
    )
    client.initiate_connection()
    return client


def asked(client: h2.connection.H2Connection, number: int, path: str = "/hub") -> list[int]:
    """Ask for something several times, and give the streams."""
    streams = []
    for _ in range(number):
        stream = client.get_next_available_stream_id()
        headers = [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "hub.test")]
        client.send_headers(stream, headers, end_stream=True)
        streams.append(stream)
    return streams
