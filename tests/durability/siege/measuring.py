"""What somebody else notices of it: how long the hub takes to answer, to verify, and to deliver."""

import asyncio
import itertools
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import attrs

from tests.standalone.process import ADMIN

#: Good clients and hosts are at another address than the attackers.
GOOD_HOST = "127.0.0.77"
#: What did not come in this time, in seconds, is counted as if it had come then.
LONGEST = 120.0
_FORM = "Content-Type: application/x-www-form-urlencoded"
_TURN_SECONDS = 2.0
#: A subscription counts once the answer of its subscriber is stored, which the subscriber is not told.
_SETTLING_SECONDS = 3.0
_HEALTH_SECONDS = 0.2
_CHALLENGE = re.compile(rb"[?&]hub\.challenge=([^& ]+)")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@attrs.define
class Measures:
    """What was measured, in seconds, each in its order; ``LONGEST`` for what did not come.

    Attributes:
        health: Answers of ``/health``.
        ready: Answers of ``/ready``.
        verified: From a subscription request until its verification request has come.
        published: From the beginning of a publish until its content has come.
        announced: From the beginning of a ping until the content has come.
        unready: How often ``/ready`` answered anything but 200.
        memory: The memory of the hub, in bytes.
        descriptors: Its open descriptors.
        busy: The share of a processor that it took.
        starved: The share of the time for which it waited for a processor: what other programs took is not its doing.
    """

    health: list[float] = attrs.field(factory=list)
    ready: list[float] = attrs.field(factory=list)
    verified: list[float] = attrs.field(factory=list)
    published: list[float] = attrs.field(factory=list)
    announced: list[float] = attrs.field(factory=list)
    unready: int = 0
    memory: list[int] = attrs.field(factory=list)
    descriptors: list[int] = attrs.field(factory=list)
    busy: float = 0.0
    starved: float = 0.0


class Bystander:
    """A good subscriber, its publisher, and a good topic, at an address of their own.

    Args:
        hub: The hub's URL.
        process: The number of its process.
    """

    def __init__(self, hub: str, process: int) -> None:
        parts = urlsplit(hub)
        self._hub, self._port, self._path = str(parts.hostname), parts.port or 80, parts.path
        self._process = Path("/proc") / str(process)
        self._own = 0
        self._content = b"0"
        self._arrived: dict[bytes, asyncio.Event] = {}
        self._numbers = itertools.count(1)
        self.measures = Measures()

    async def watch(self, seconds: float) -> Measures:
        """Measure for so long, and give what was measured."""
        server = await asyncio.start_server(self._serve, GOOD_HOST, 0, backlog=1_024)
        self._own = server.sockets[0].getsockname()[1]
        # Not "async with", which waits for connections that the hub keeps open.
        try:
            await self._verify(self._topic, b"good")
            await self._verify(self._site, b"site")
            self.measures.verified.clear()
            await asyncio.sleep(_SETTLING_SECONDS)
            began, (ran, waited) = time.monotonic(), self._scheduled()
            end = began + seconds
            async with asyncio.TaskGroup() as tasks:
                for measure, pause in (
                    (self._health, _HEALTH_SECONDS),
                    (self._ready, 1.0),
                    (self._verify_another, _TURN_SECONDS),
                    (self._publish, _TURN_SECONDS),
                    (self._announce, _TURN_SECONDS),
                    (self._weigh, _TURN_SECONDS),
                ):
                    tasks.create_task(_repeat(measure, pause, end))
            now, took = self._scheduled(), time.monotonic() - began
            self.measures.busy, self.measures.starved = (now[0] - ran) / took, (now[1] - waited) / took
        finally:
            server.close()
        return self.measures

    @property
    def _base(self) -> str:
        return f"http://{GOOD_HOST}:{self._own}"

    @property
    def _topic(self) -> str:
        return "https://good.example/topic"

    @property
    def _site(self) -> str:
        return f"{self._base}/site"

    # --- what is measured

    async def _health(self) -> None:
        _, took = await self._timed("GET", "/health")
        self.measures.health.append(took)

    async def _ready(self) -> None:
        status, took = await self._timed("GET", "/ready")
        self.measures.ready.append(took)
        self.measures.unready += status != 200

    async def _verify_another(self) -> None:
        await self._verify(self._topic + "/other", b"other%d" % next(self._numbers))

    async def _verify(self, topic: str, name: bytes) -> None:
        form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": f"{self._base}/{name.decode()}"}
        began, arrived = time.monotonic(), self._expect(b"verify " + name)
        # Whoever is answered 503 asks again, as every subscriber does.
        while not arrived.is_set() and time.monotonic() - began < LONGEST:
            status, _ = await self._timed("POST", self._path, _FORM, body=urlencode(form).encode())
            if status == 202:
                break
            await asyncio.sleep(1)
        self.measures.verified.append(await _until(arrived, began))

    async def _publish(self) -> None:
        content = b"published %d" % next(self._numbers)
        target = f"{self._path}?{urlencode({'hub.mode': 'publish', 'hub.topic': self._topic})}"
        began, arrived = time.monotonic(), self._expect(content)
        await self._insist("POST", target, "Content-Type: text/plain", body=content)
        self.measures.published.append(await _until(arrived, began))

    async def _announce(self) -> None:
        self._content = b"announced %d" % next(self._numbers)
        form = urlencode({"hub.mode": "publish", "hub.url": self._site}).encode()
        began, arrived = time.monotonic(), self._expect(self._content)
        await self._insist("POST", self._path, _FORM, body=form)
        self.measures.announced.append(await _until(arrived, began))

    async def _weigh(self) -> None:
        status = (self._process / "status").read_text()
        [memory] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        self.measures.memory.append(int(memory) * 1_024)
        self.measures.descriptors.append(len(os.listdir(self._process / "fd")))  # noqa: PTH208

    def _scheduled(self) -> tuple[float, float]:
        """For how long the hub has run, and has waited to run, in seconds."""
        ran, waited, _ = (self._process / "schedstat").read_text().split()
        return int(ran) / 1e9, int(waited) / 1e9

    # --- requests

    async def _insist(self, method: str, target: str, *lines: str, body: bytes = b"") -> None:
        began = time.monotonic()
        while time.monotonic() - began < LONGEST:
            status, _ = await self._timed(method, target, *lines, body=body)
            if status == 200:
                return
            await asyncio.sleep(1)

    async def _timed(self, method: str, target: str, *lines: str, body: bytes = b"") -> tuple[int, float]:
        began, status = time.monotonic(), 0
        head = [f"{method} {target} HTTP/1.1", f"Host: {self._hub}:{self._port}", f"Authorization: Bearer {ADMIN}"]
        head += [*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""]
        try:
            async with asyncio.timeout(LONGEST):
                reader, writer = await asyncio.open_connection(self._hub, self._port, local_addr=(GOOD_HOST, 0))
                try:
                    writer.write("\r\n".join(head).encode() + body)
                    answer = await reader.read(1_024)
                    status = int(answer[9:12]) if answer else 0
                finally:
                    writer.transport.abort()
        except (TimeoutError, OSError, ValueError):
            pass
        return status, time.monotonic() - began if status else LONGEST

    # --- the good host

    def _expect(self, what: bytes) -> asyncio.Event:
        return self._arrived.setdefault(what, asyncio.Event())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        challenge = _CHALLENGE.search(head)
        if challenge is not None:
            self._expect(b"verify " + head.split(b"?")[0].rpartition(b"/")[2]).set()
            content = challenge[1]
        elif head.startswith(b"POST"):
            self._expect(body).set()
            content = b""
        else:
            content = self._content
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(content) + content
        )
        await writer.drain()


async def _repeat(measure: Callable[[], Awaitable[None]], pause: float, end: float) -> None:
    while time.monotonic() < end:
        began = time.monotonic()
        await measure()
        await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))


async def _until(arrived: asyncio.Event, began: float) -> float:
    try:
        async with asyncio.timeout(max(0.0, began + LONGEST - time.monotonic())):
            await arrived.wait()
    except TimeoutError:
        return LONGEST
    return time.monotonic() - began
