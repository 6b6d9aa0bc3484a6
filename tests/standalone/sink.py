"""Many subscribers in one process of their own: good ones, and bad ones of every sort.

Callbacks are ``/KIND/NUMBER``. All but ``refuse`` confirm verification requests, and answer deliveries like this:

ok          204 at once.
signed      204 to what its secret has signed, else 403.
slow        confirms after half a second, and is good then.
fail        500.
hang        never.
reset       closes with a reset.
drip        a byte of an endless head every half second.
garbage     what is no HTTP.
flaky       500 to every ninth, else 204.
lost        closes every ninth time after it took the content, else 204.
absurd      503 with a ``Retry-After`` that no calendar knows.
"""

import asyncio
import hashlib
import hmac
import multiprocessing
import os
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import BinaryIO

import attrs

_CHALLENGE = re.compile(rb"[?&]hub\.challenge=([^& ]+)")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_MESSAGE = re.compile(rb"x-hub-message-id: (\S+)", re.IGNORECASE)
_SIGNATURE = re.compile(rb"x-hub-signature: sha256=([0-9a-f]{64})\r?\n", re.IGNORECASE)
_OK = b"HTTP/1.1 204 No Content\r\n\r\n"
_FAIL = b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"
_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
_ABSURD = (
    b"HTTP/1.1 503 Later\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 +99999999999999999999\r\nContent-Length: 0\r\n\r\n"
)
_HEAD_LIMIT = 65_536


def secret_of(target: str) -> str:
    """The secret of the subscriber whose callback has this path."""
    return f"secret of {target}"


@attrs.frozen
class Sink:
    """Where the subscribers are.

    Attributes:
        port: Their port; any address of 127.0.0.0/8 leads to them, so that they can be many hosts.
        log: The file of what arrived at good ones, a line each: time, callback, message id, answer, content.
    """

    port: int
    log: str

    @property
    def url(self) -> str:
        """The base URL of the first host."""
        return f"http://127.0.0.1:{self.port}"

    def callback(self, kind: str, number: int, host: str = "127.0.0.1") -> str:
        """The callback of a subscriber."""
        return f"http://{host}:{self.port}/{kind}/{number}"


class _Subscribers(asyncio.Protocol):
    """One connection to a subscriber."""

    def __init__(self, log: BinaryIO, counts: Counter[bytes]) -> None:
        self._log = log
        self._counts = counts
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._behaviour: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self._behaviour is not None:
            self._behaviour.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._take():
            pass

    def _take(self) -> bool:
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return False
        match = _LENGTH.search(head)
        length = int(match[1]) if match else 0
        if len(rest) < length:
            return False
        self._received = rest[length:]
        method, target, _ = head.split(b" ", 2)
        kind = target.split(b"/")[1].decode()
        if method == b"GET":
            self._confirm(kind, target)
        else:
            self._deliver(kind, target, head, rest[:length])
        return True

    def _confirm(self, kind: str, target: bytes) -> None:
        match = _CHALLENGE.search(target)
        body = match[1] if match and kind != "refuse" else b""
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        if kind == "slow":
            asyncio.get_running_loop().call_later(0.5, self._write, answer)
        else:
            self._write(answer)

    def _deliver(self, kind: str, target: bytes, head: bytes, body: bytes) -> None:
        self._counts[target] += 1
        ninth = self._counts[target] % 9 == 0
        if kind == "signed" and not _is_signed(target, head, body):
            self._note(target, head, body, b"forged")
            self._write(_FORBIDDEN)
        elif kind in {"ok", "signed", "slow"} or (kind in {"flaky", "lost"} and not ninth):
            self._note(target, head, body, b"answered")
            self._write(_OK)
        elif kind == "lost":
            self._note(target, head, body, b"unanswered")
            self._reset()
        elif kind in {"fail", "flaky"}:
            self._write(_FAIL)
        elif kind == "absurd":
            self._write(_ABSURD)
        elif kind == "garbage":
            self._write(b"\x00\x01 this is no HTTP \r\n\r\n")
        elif kind == "reset":
            self._reset()
        elif kind == "drip":
            self._behaviour = asyncio.get_running_loop().create_task(self._drip())

    def _note(self, target: bytes, head: bytes, body: bytes, answer: bytes) -> None:
        match = _MESSAGE.search(head)
        # Written before it is answered: what the hub takes for delivered stands here.
        identity = match[1] if match else b"-"
        self._log.write(b"%.6f %s %s %s %s\n" % (time.time(), target, identity, answer, body[:64]))
        self._log.flush()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def _reset(self) -> None:
        assert self._transport is not None
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def _drip(self) -> None:
        self._write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            await asyncio.sleep(0.5)
            self._write(b"x")


def _is_signed(target: bytes, head: bytes, body: bytes) -> bool:
    match = _SIGNATURE.search(head + b"\r\n")
    expected = hmac.new(secret_of(target.decode()).encode(), body, hashlib.sha256).hexdigest()
    return match is not None and hmac.compare_digest(match[1].decode(), expected)


def _serve(pipe: Connection, log: str) -> None:
    counts = Counter[bytes]()

    async def run() -> None:
        with open(log or os.devnull, "ab") as file:  # noqa: ASYNC230, PTH123 - before anything is served
            listening = socket.create_server(("", 0), backlog=4_096)
            server = await asyncio.get_running_loop().create_server(lambda: _Subscribers(file, counts), sock=listening)
            pipe.send(listening.getsockname()[1])
            await server.serve_forever()

    asyncio.run(run())


@contextmanager
def sink(log: str = "") -> Iterator[Sink]:
    """Run the subscribers while the block runs."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(theirs, log), daemon=True)
    process.start()
    try:
        yield Sink(ours.recv(), log)
    finally:
        process.kill()
        process.join()
