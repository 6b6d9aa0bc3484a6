"""Connections that count the work of reading, since a server can send many bytes with little content."""

import ssl
from typing import Any

import anyio
import anyio.lowlevel
import httpcore

# How much may arrive before the head is complete, and between two pieces of a body. The parser processes it in one go:
# informational responses, header fields, chunk extensions, trailers.
HEAD_BYTES = 96 * 1024
_HEAD_LINES = 2_000
_BETWEEN_BYTES = 16 * 1024
_HEAD_PIECE_BYTES = 4 * 1024
_BODY_PIECE_BYTES = 16 * 1024
# A chunk with one byte of content takes six bytes.
_FOR_EACH_BYTE = 8


class MeteredStream(httpcore.AsyncNetworkStream):
    """A connection that is read in small pieces, and fails if too many bytes bring too little content.

    Args:
        inner: The connection.
    """

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._received = 0
        self._fruitless = self._fruitful = 0
        self._lines = 0
        self._limit, self._piece = HEAD_BYTES, _HEAD_PIECE_BYTES

    def note_head(self) -> None:
        """Note that the head of the response is complete."""
        self._fruitless = self._lines = 0
        self._limit, self._piece = _BETWEEN_BYTES, _BODY_PIECE_BYTES

    def note_piece(self, number: int) -> None:
        """Note that a piece of the body is complete.

        Args:
            number: Its size in bytes.
        """
        self._fruitless = 0
        self._fruitful += number

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the interface
        """Read what has arrived.

        Raises:
            httpcore.RemoteProtocolError: Too many bytes arrived with too little content.
        """
        most = HEAD_BYTES + _BETWEEN_BYTES + _FOR_EACH_BYTE * self._fruitful
        if self._fruitless >= self._limit or self._received > most or self._lines > _HEAD_LINES:
            raise httpcore.RemoteProtocolError("Too many bytes with too little content.")
        data = await self._inner.read(min(max_bytes, self._piece), timeout)
        self._received += len(data)
        self._fruitless += len(data)
        if self._limit == HEAD_BYTES:
            self._lines += data.count(b"\n")
        # Bytes that TLS has buffered are read without waiting, so give other tasks a turn.
        await anyio.lowlevel.checkpoint()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the interface
        """Send a part of a request, and count the next response from zero."""
        self._received = self._fruitless = self._fruitful = self._lines = 0
        self._limit, self._piece = HEAD_BYTES, _HEAD_PIECE_BYTES
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS on the connection."""
        try:
            return MeteredStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except anyio.get_cancelled_exc_class():  # httpcore closes a failed connection, but not a cancelled one
            with anyio.CancelScope(shield=True):
                await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        """Return what is known about the connection."""
        try:
            return self._inner.get_extra_info(info)
        except (OSError, AttributeError):  # the other side has already closed the transport's socket
            return None


class MeteredBackend(httpcore.AsyncNetworkBackend):
    """A backend that connects to any host, for the proxy that the user chose."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        """Connect to a host."""
        return MeteredStream(await self._inner.connect_tcp(*args, **kwargs))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)
