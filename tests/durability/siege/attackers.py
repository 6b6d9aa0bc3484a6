"""What one client does to a hub to stop it for everybody else, all of it at once, in a process of its own."""

import asyncio
import multiprocessing
import random
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from urllib.parse import urlencode, urlsplit

from tests.durability.siege.peers import BEHAVIOURS, Peers
from tests.websub.attacks import asked, with_closed_window

_FORM = "Content-Type: application/x-www-form-urlencoded"
_CALLBACKS = ("hang", "drip", "chunks", "interim", "head", "endless", "reset", "garbage", "late")
_HOSTS = 2_000
_UNVERIFIABLE = 10_000
_ANSWER_BYTES = 1_024
#: The names of all attacks.
ATTACKS = (
    "windows",
    "deaf",
    "stalled",
    "dripping",
    "idle",
    "smugglers",
    "trickles",
    "pages",
    "guesses",
    "unverifiable",
    "verifications",
    "names",
    "origins",
    "hanging",
    "topics",
    "types",
)


class Attackers:
    """All attacks on one hub.

    Args:
        hub: The hub's URL.
        peers: The hosts that it is led to.
        only: The names of the attacks to carry out; all of them if there are none.

    Attributes:
        sent: How often each attack was carried out.
        answered: The statuses of the answers to it.
    """

    def __init__(self, hub: str, peers: Peers, only: Sequence[str] = ()) -> None:
        parts = urlsplit(hub)
        self._host, self._port, self._path = str(parts.hostname), parts.port or 80, parts.path
        self._peers = peers
        self._only = only
        self._chance = random.Random(7)  # noqa: S311 - load
        self.sent = Counter[str]()
        self.answered = Counter[tuple[str, int]]()

    async def attack(self) -> None:
        """Do all of it, for ever."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._only or ATTACKS:
                tasks.create_task(self._for_ever(getattr(self, name)))

    async def _for_ever(self, attack: Callable[[], Awaitable[None]]) -> None:
        while True:
            with suppress(OSError, EOFError, ValueError, asyncio.TimeoutError):
                await attack()
            await asyncio.sleep(0.1)

    # --- connections

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        raw.setblocking(False)
        try:
            async with asyncio.timeout(10):
                await asyncio.get_running_loop().sock_connect(raw, (self._host, self._port))
                return await asyncio.open_connection(sock=raw, limit=2)
        except BaseException:
            raw.close()
            raise

    async def _hold(self, name: str, number: int, first: bytes, seconds: float, drip: bytes = b"") -> None:
        """Open many connections, send something, and keep them, with a byte now and then."""
        writers = []
        try:
            for count in range(number):
                self.sent[name] += 1
                with suppress(OSError, asyncio.TimeoutError):
                    _, writer = await self._open()
                    writers.append(writer)
                    writer.transport.pause_reading()  # type: ignore[attr-defined]  # of transports that read
                    writer.write(first)
                if count % 20 == 0:
                    await asyncio.sleep(0.02)
            for _ in range(int(seconds)):
                await asyncio.sleep(1)
                for writer in writers if drip else ():
                    if not writer.is_closing():
                        writer.write(drip)
        finally:
            for writer in writers:
                writer.transport.abort()

    def _request(self, method: str, path: str, *lines: str) -> bytes:
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}", *lines, "", ""]).encode()

    async def windows(self) -> None:
        """HTTP/2 in the clear, with a window of nothing and a hundred requests, and away."""
        for _ in range(10):
            self.sent["windows"] += 1
            client = with_closed_window()
            asked(client, 100, "/metrics")
            _, writer = await self._open()
            writer.write(client.data_to_send())
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.transport.abort()
        await asyncio.sleep(5)

    async def deaf(self) -> None:
        """Ask for much, and read nothing of it."""
        await self._hold("deaf", 200, self._request("GET", "/metrics") * 40, 20)

    async def stalled(self) -> None:
        """Begin a body in more requests than the hub takes."""
        head = self._request("POST", self._path, _FORM, "Content-Length: 2000")
        await self._hold("stalled", 1_100, head + b"hub.mode=", 20, b"x")

    async def dripping(self) -> None:
        """Send heads byte by byte."""
        await self._hold("dripping", 200, b"POST /hub HTTP/1.1\r\nHost: ", 10, b"x")

    async def idle(self) -> None:
        """Open connections, and send nothing."""
        await self._hold("idle", 1_000, b"", 10)

    async def smugglers(self) -> None:
        """Send what can be read in two ways."""
        head = self._request("POST", self._path).removesuffix(b"\r\n")
        for lines in (
            b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
            b"X: \0\r\n\r\n",
            b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n",
            b"X: " + b"y" * 100_000,
        ):
            self.sent["smugglers"] += 1
            with suppress(OSError):
                _, writer = await self._open()
                writer.write(head + lines)
                await asyncio.sleep(0.2)
                writer.transport.abort()

    async def trickles(self) -> None:
        """Send bodies in the smallest chunks."""
        head = self._request("POST", self._path, _FORM, "Transfer-Encoding: chunked")
        await self._hold("trickles", 1, head + b"1\r\nx\r\n" * 20_000, 1)

    # --- requests

    async def _exchange(self, name: str, request: bytes) -> int:
        """Send a request, and give the status of the answer; 0 if there is none."""
        self.sent[name] += 1
        status = 0
        try:
            async with asyncio.timeout(20):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                try:
                    writer.write(request)
                    answer = await reader.read(_ANSWER_BYTES)
                    status = int(answer[9:12]) if answer[:5] == b"HTTP/" else 0
                finally:
                    writer.transport.abort()
        except (TimeoutError, OSError, ValueError):
            pass
        self.answered[name, status] += 1
        return status

    async def _form(self, name: str, *fields: tuple[str, str], headers: Sequence[str] = ()) -> int:
        body = urlencode(fields).encode()
        head = self._request("POST", self._path, _FORM, f"Content-Length: {len(body)}", "Connection: close", *headers)
        return await self._exchange(name, head + body)

    async def _subscribe(self, name: str, topic: str, callback: str) -> int:
        fields = ("hub.mode", "subscribe"), ("hub.topic", topic), ("hub.callback", callback)
        return await self._form(name, *fields, ("hub.lease_seconds", "86400"))

    async def _publish(self, name: str, topic: str, body: bytes, content_type: str = "text/plain") -> int:
        target = f"{self._path}?{urlencode({'hub.mode': 'publish', 'hub.topic': topic})}"
        lines = f"Content-Type: {content_type}", f"Content-Length: {len(body)}", "Connection: close"
        return await self._exchange(name, self._request("POST", target, *lines) + body)

    def _peer(self, behaviour: str, number: int, host: str | None = None) -> str:
        host = host or f"127.{100 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"
        return f"http://{host}:{self._peers.port}/{behaviour}/{number}"

    async def pages(self) -> None:
        """Be a web page that talks to a hub of this machine."""
        inside = f"http://127.0.0.1:{self._port}/metrics"
        fields = ("hub.mode", "subscribe"), ("hub.topic", inside), ("hub.callback", "https://evil.example/")
        for headers in (["Origin: https://evil.example"], ["Sec-Fetch-Site: cross-site"], ["Origin: null"], []):
            await self._form("pages", *fields, headers=headers)
            await asyncio.sleep(0.1)

    async def guesses(self) -> None:
        """Guess tokens."""
        lines = f"Authorization: Bearer {self._chance.random()}", "Connection: close"
        for path in ("/admin/topics", "/admin/subscriptions"):
            await self._exchange("guesses", self._request("GET", path, *lines))
        await self._exchange("guesses", self._request("GET", "/admin/topics", "Forwarded: for=1.1.1.1"))

    async def unverifiable(self) -> None:
        """Subscribe with callbacks of many hosts that never confirm."""
        for number in range(_UNVERIFIABLE):
            kind = ("verify", "verifyhang", "verifyreset")[number % 3]
            await self._subscribe("unverifiable", f"https://t.example/{number}", self._peer(kind, number % 50_000))
            await asyncio.sleep(0.01)

    async def verifications(self) -> None:
        """Subscribe with callbacks that answer verification requests without end, or with nonsense."""
        for number, behaviour in enumerate(BEHAVIOURS):
            await self._subscribe("verifications", "https://t.example/", self._peer(f"verify{behaviour}", 20 + number))
            await asyncio.sleep(0.2)

    async def names(self) -> None:
        """Subscribe with names that lead nowhere."""
        callback = f"https://n{self._chance.randrange(10**6)}.invalid/"
        await self._subscribe("names", "https://t.example/", callback)

    async def origins(self) -> None:
        """Follow a topic from many hosts that confirm and then misbehave, and publish to it."""
        topic = "https://evil.example/origins"
        for number in range(_HOSTS):
            await self._subscribe("origins", topic, self._peer(self._origin(number), number))
            if number % 100 == 99:
                await self._publish("content", topic, b"x" * 10_000)
        while True:
            await self._publish("content", topic, b"x" * 10_000)
            await asyncio.sleep(2)

    def _origin(self, number: int) -> str:
        return "hang" if number % 2 else (*_CALLBACKS, *(f"absurd{n}" for n in range(6)))[number // 2 % 15]

    async def hanging(self) -> None:
        """Follow many topics of one host that hangs, and announce them all."""
        topics = [self._peer("hang", number, "127.8.8.8") for number in range(300)]
        for number, topic in enumerate(topics):
            await self._subscribe("hanging", topic, self._peer("late", number, "127.8.8.9"))
        while True:
            for start in range(0, len(topics), 40):
                fields = [("hub.mode", "publish"), *(("hub.url", topic) for topic in topics[start : start + 40])]
                await self._form("pings", *fields)
            await asyncio.sleep(1)

    async def topics(self) -> None:
        """Follow topics that are endless, enormous or malformed, 14 of each, and announce them all."""
        topics = [
            self._peer(behaviour, number, f"127.9.{number}.{index + 1}")
            for index, behaviour in enumerate(BEHAVIOURS)
            for number in range(14)
        ]
        for number, topic in enumerate(topics):
            await self._subscribe("topics", topic, self._peer("late", number, "127.8.8.9"))
        while True:
            self._chance.shuffle(topics)
            for start in range(0, len(topics), 40):
                fields = [("hub.mode", "publish"), *(("hub.url", topic) for topic in topics[start : start + 40])]
                await self._form("pings", *fields)
            await asyncio.sleep(2)

    async def types(self) -> None:
        """Publish to topics that nobody follows, with types and charsets that nobody knows."""
        number = self._chance.randrange(10**9)
        charset = f"text/plain; charset=x{number}"
        await self._publish("types", f"https://t.example/{number}", b"\xff", charset)
        await self._publish("types", "https://evil.example/origins", b"<a/>", "x" * 10_000)
        await self._form("types", ("hub.mode", "publish"), ("hub.url", f"https://t.example/{number}"))


def _run(hub: str, only: Sequence[str], pipe: Connection) -> None:
    async def main() -> None:
        async with Peers() as peers:
            attackers = Attackers(hub, peers, only)
            attacking = asyncio.create_task(attackers.attack())
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
            attacking.cancel()
            pipe.send((attackers.sent, attackers.answered, peers.asked))

    asyncio.run(main())


class Siege:
    """The attacks under way; ``end`` says what was sent, what was answered, and what the peers were asked."""

    def __init__(self, hub: str, only: Sequence[str] = ()) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_run, args=(hub, only, theirs), daemon=True)
        self._process.start()

    def end(self) -> tuple[Counter[str], Counter[tuple[str, int]], Counter[str]]:
        """End the attacks."""
        self._ours.send("enough")
        counts: tuple[Counter[str], Counter[tuple[str, int]], Counter[str]] = self._ours.recv()
        return counts

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()


@contextmanager
def siege(hub: str, only: Sequence[str] = ()) -> Iterator[Siege]:
    """Attack a hub while the block runs, in all ways or only in some."""
    attacks = Siege(hub, only)
    try:
        yield attacks
    finally:
        attacks.kill()
