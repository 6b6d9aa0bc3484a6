"""Servers that do what a test tells them, byte by byte, on real sockets."""

import contextlib
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from _websub.grammar.addresses import AddressPolicy
from tests.waiting import PATIENCE
from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.origins.names import Resolve, resolve
from websubhub._distribution.outcome import DeliveryOutcome

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
CONTENT = SharedContent(body=b"<feed/>", headers=(("Content-Type", "application/atom+xml"),))

Script = Callable[["Peer", socket.socket, int], None]


class Peer:
    """A server on a port of its own; every connection is a thread that follows the script.

    Attributes:
        requests: What was received, complete requests only.
        connections: How many connections were accepted.
        most: The most connections that were open at a time.
    """

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.most = 0
        self.open = 0
        self._script = script
        self._tls = tls
        self._lock = threading.Lock()
        self._listener = socket.create_server((address, 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.stopping = threading.Event()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:  # the end, or a test has left no descriptor
                time.sleep(0.01)
                continue
            with self._lock:
                number = self.connections
                self.connections += 1
                self.open += 1
                self.most = max(self.most, self.open)
            threading.Thread(target=self._follow, args=(sock, number), daemon=True).start()

    def _follow(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True)
            self._script(self, sock, number)
        with self._lock:
            self.open -= 1
        sock.close()

    def receive(self, sock: socket.socket) -> bytes:
        """The next complete request; raises ``ConnectionError`` when there is none."""
        received = bytearray()
        end = -1
        while end < 0 or len(received) < end:
            more = sock.recv(256 * 1024)
            if not more:
                raise ConnectionResetError
            received += more
            head = received.find(b"\r\n\r\n") if end < 0 else -1
            if head >= 0:
                end = head + 4 + _length(bytes(received[:head]))
        with self._lock:
            self.requests.append(bytes(received))
        return bytes(received)

    def close(self) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        # Its number may be given to another listener once it is closed, whose connections this thread would take.
        self._accepting.join()
        self._listener.close()


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length: ")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


@contextmanager
def peer(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """A server that follows the script for each connection."""
    server = Peer(script, tls)
    try:
        yield server
    finally:
        server.close()


def answering(*answers: bytes, then: Callable[[socket.socket], None] | None = None) -> Script:
    """Give these answers in turn, the last one for ever, or do something else after it."""

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        for answer in answers:
            server.receive(sock)
            sock.sendall(answer)
        if then is not None:
            then(sock)
            return
        while True:
            server.receive(sock)
            sock.sendall(answers[-1])

    return script


def reset(sock: socket.socket) -> None:
    """Close with a reset instead of an orderly end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def hang(server: Peer, sock: socket.socket, _: int) -> None:
    """Take everything and say nothing."""
    while sock.recv(65536):
        pass
    server.stopping.wait(PATIENCE)


def open_engine(
    *, tls: ssl.SSLContext | None = None, look_up: Resolve = resolve, loopback: bool = True, **limits: float
) -> DeliveryEngine:
    """An engine that may call this machine, and gives up only where a test says when."""
    patient = {"connect_seconds": PATIENCE, "total_seconds": PATIENCE, "lookup_seconds": PATIENCE} | limits
    return DeliveryEngine(
        limits=EngineLimits(**patient),  # type: ignore[arg-type]  # fields of whole numbers get whole numbers
        addresses=AddressPolicy(loopback=loopback),
        tls=tls,
        look_up=look_up,
    )


async def send(
    engine: DeliveryEngine, callbacks: Iterable[str], content: SharedContent = CONTENT
) -> list[DeliveryOutcome]:
    """The outcomes of one delivery to each callback, in their order."""
    outcomes: dict[object, DeliveryOutcome] = {}

    def settled(delivery: Delivery, outcome: DeliveryOutcome) -> None:
        assert delivery.key not in outcomes, "settled twice"
        outcomes[delivery.key] = outcome

    numbered = [Delivery(callback=callback, content=content, key=key) for key, callback in enumerate(callbacks)]
    await engine.send(numbered, settled)
    return [outcomes[key] for key in range(len(numbered))]


async def send_one(engine: DeliveryEngine, callback: str, content: SharedContent = CONTENT) -> DeliveryOutcome:
    """The outcome of one delivery."""
    (outcome,) = await send(engine, [callback], content)
    return outcome


async def deliver(engine: DeliveryEngine, delivery: Delivery) -> DeliveryOutcome:
    """The outcome of one delivery that a test has made."""
    outcomes: list[DeliveryOutcome] = []
    await engine.send((delivery,), lambda _, outcome: outcomes.append(outcome))
    return outcomes[0]


class EngineClock:
    """The clock of all engines, which a test puts forward instead of waiting; also from the thread of a server."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead

    def put_forward(self, seconds: float) -> None:
        self._ahead += seconds


def replace_clock(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]) -> None:
    """Let every module of the engine look at this clock."""
    package = "websubhub._distribution."
    looking = [each for name, each in sys.modules.items() if name.startswith(package) and hasattr(each, "monotonic")]
    assert looking
    for module in looking:
        monkeypatch.setattr(module, "monotonic", clock)
