"""Hosts that mean no good: topics that never end or cannot be read, and callbacks that confirm and then misbehave.

They listen on one port of all addresses of loopback, so that they are as many hosts as are needed. What they do is the
first part of the path; every callback confirms its verification request, but for those whose name begins with
``verify``.
"""

import asyncio
import gzip
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

PIECE = 16_384
LARGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % (9 * 1_048_576)
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
ABSURD = (
    "Sun, 06 Nov 1994 08:49:37 +99999999999999999999",
    "Sun, 99 Nov 9999999999 08:49:37 GMT",
    "9" * 5_000,
    "-1",
    "Infinity",
    "\u0663",
)

_CHALLENGE = re.compile(rb"[?&]hub\.challenge=([^& ]+)")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


def _head(status: str, *lines: str, length: int = 0) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, f"Content-Length: {length}", "", ""]).encode("latin-1", "replace")


def _say(head: bytes, body: bytes = b"") -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)
        await writer.drain()

    return behave


def _say_for_ever(beginning: bytes, piece: bytes, pause: float = 0.0) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


async def _hang(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        await writer.wait_closed()


async def _reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def _document(document: bytes, content_type: str = "application/atom+xml", *further: str) -> Behaviour:
    return _say(_head("200 OK", f"Content-Type: {content_type}", *further, length=len(document)), document)


ATTLIST = b'<!DOCTYPE f [<!ATTLIST a b CDATA "%s">]><f xmlns="http://www.w3.org/2005/Atom">%s</f>' % (
    b"x" * 100_000,
    b"<a/>" * 3_000,
)
ENTRIES = b'<feed xmlns="http://www.w3.org/2005/Atom">%s</feed>' % (b"<entry><id>1</id></entry>" * 300_000)
DEEP = b"<a>" * 2_000_000
BASES = b'<feed xmlns="http://www.w3.org/2005/Atom">%s' % (b'<a xml:base="b/">' * 100_000)
LINKS = ", ".join(f'<https://h{n}.example/{"x" * 500}>; rel="hub"' for n in range(20))

#: What a topic, or a callback at a delivery, may do; names with ``verify`` do it to verification requests.
BEHAVIOURS: dict[str, Behaviour] = {
    "hang": _hang,
    "reset": _reset,
    "drip": _say_for_ever(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.5),
    "chunks": _say_for_ever(CHUNKED, b"1\r\nx\r\n" * (PIECE // 6)),
    "interim": _say_for_ever(b"", b"HTTP/1.1 102 P\r\n\r\n" * (PIECE // 18)),
    "head": _say_for_ever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * (PIECE // 6)),
    "large": _say(LARGE, b"x" * (9 * 1_048_576)),
    "endless": _say_for_ever(CHUNKED, b"4000\r\n" + b"x" * PIECE + b"\r\n"),
    "bomb": _document(gzip.compress(b"\0" * 50_000_000, 1), "text/plain", "Content-Encoding: gzip"),
    "euro": _document(b"euro", "text/plain; x=\u20ac", 'ETag: "\u20ac"'),
    "long": _document(b"long", f"text/plain; x={'x' * 30_000}"),
    "links": _document(b"links", "text/plain", f"Link: {LINKS}"),
    "attlist": _document(ATTLIST),
    "entries": _document(ENTRIES),
    "deep": _document(DEEP),
    "bases": _document(BASES),
    "circle": _say(_head("302 Found", "Location: /circle/again")),
    "inside": _say(_head("302 Found", "Location: http://169.254.169.254/latest/meta-data/")),
    "garbage": _say(b"\x00\x01 this is no HTTP \r\n\r\n"),
    "late": _say(_head("503 Later", "Retry-After: 86400")),
    **{f"absurd{n}": _say(_head("503 Later", f"Retry-After: {value}")) for n, value in enumerate(ABSURD)},
}


class Peers:
    """The hosts.

    Attributes:
        port: Their port.
        asked: How often each behaviour was asked for, verification requests apart.
    """

    def __init__(self) -> None:
        self.port = 0
        self.asked = Counter[str]()

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        self._server = await asyncio.start_server(self._converse, "0.0.0.0", 0, backlog=4_096, limit=2**20)  # noqa: S104
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Serve no more."""
        self._server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is not None:
            await reader.readexactly(int(length[1]))
        kind = head.split(b" ", 2)[1].split(b"/")[1].decode()
        challenge = _CHALLENGE.search(head)
        if challenge is not None and not kind.startswith("verify"):
            await _say(_head("200 OK", length=len(challenge[1])), challenge[1])(writer)
            return True
        self.asked[kind] += 1
        behave = BEHAVIOURS.get(kind.removeprefix("verify"))
        if behave is None:
            await _say(_head("404 Not Found"))(writer)
            return True
        await behave(writer)
        return False
