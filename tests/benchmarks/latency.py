"""How long an update is on its way through an idle hub, and how soon the next one follows the one before."""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Self

import anyio

from tests.benchmarks.measuring import Reading, Table
from tests.benchmarks.publisher import Publisher
from tests.benchmarks.sink import sink
from tests.benchmarks.small import load
from tests.standalone.process import served

_TOPIC = "https://publisher.example/feed"
_CONTENT = b"x" * 1024
_PUBLISHES = 40
_PAUSE_SECONDS = 0.03
_QUEUED = 60
_SLOW_SECONDS = 0.05
_PAGES = b"x" * 8_192  # about what a publish adds to the log of the database
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Subscriber:
    """A subscriber on a connection that the hub keeps, a context manager.

    Args:
        seconds: How long it takes for each update before it answers.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connection: socket.socket | None = None
        self._read = b""
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def wait(self) -> float:
        """Wait for an update; returns when it was here, once it is answered."""
        while True:
            if self._connection is None:
                self._connection, _ = self._listener.accept()
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not _is_whole(self._read):
                received = self._connection.recv(65_536)
                if not received:
                    self._connection = None
                    break
                self._read += received
            else:
                arrived = time.perf_counter()
                self._read = b""
                if self._seconds:
                    time.sleep(self._seconds)
                self._connection.sendall(_ANSWER)
                return arrived


def _is_whole(request: bytes) -> bool:
    head, found, body = request.partition(b"\r\n\r\n")
    if not found:
        return False
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return len(body) >= int(length.split(b":")[1])


@contextmanager
def _hub(subscriber: _Subscriber) -> Iterator[str]:
    """A hub that has one subscription; gives its URL."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        anyio.run(load, Path(name) / "hub.db", [_TOPIC], [subscriber.url], 1)
        yield stack.enter_context(served(Path(name), "--log-level", "error")).url


def _arrival(publisher: Publisher, subscriber: _Subscriber) -> float:
    """Publish once; the seconds until the update was there, whenever the answer was."""
    time.sleep(_PAUSE_SECONDS)
    started = time.perf_counter()
    publisher.send_content(_TOPIC, _CONTENT)
    arrived = subscriber.wait()
    publisher.read_answer()
    return arrived - started


def _floor(file: int, peer: Publisher) -> float:
    """Write to the disk and post twice; the seconds that this takes."""
    time.sleep(_PAUSE_SECONDS)
    started = time.perf_counter()
    os.write(file, _PAGES)
    os.fdatasync(file)
    for _ in range(2):
        peer.post(_CONTENT)
    return time.perf_counter() - started


def _follow(hub: str, subscriber: _Subscriber) -> float:
    """Queue updates for a subscriber that takes its time; the seconds between an answer and the next update."""
    arrivals: list[float] = []

    def take() -> None:
        arrivals.extend(subscriber.wait() for _ in range(_QUEUED))

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    with Publisher(hub) as publisher:
        for _ in range(_QUEUED):
            publisher.publish(_TOPIC, _CONTENT)
    taking.join()
    return (arrivals[-1] - arrivals[0]) / (_QUEUED - 1) - _SLOW_SECONDS


def _latency(rounds: int) -> Table:
    floors: list[float] = []
    arrivals: list[float] = []
    follows: list[float] = []
    with (
        sink() as sunk,
        _Subscriber() as subscriber,
        _hub(subscriber) as hub,
        _Subscriber(_SLOW_SECONDS) as slow,
        _hub(slow) as queueing,
        tempfile.TemporaryFile() as file,
    ):
        for _ in range(rounds):
            with Publisher(hub) as publisher, Publisher(sunk.urls[0]) as peer:
                for _ in range(_PUBLISHES):
                    floors.append(_floor(file.fileno(), peer))
                    arrivals.append(_arrival(publisher, subscriber))
            follows.append(_follow(queueing, slow))
    least = median(floors)
    rows = [
        ("one fsync and two POSTs", least),
        ("from a publish to its arrival", median(arrivals)),
        ("from an answer to the next update", median(follows)),
    ]
    return Table(
        ("ms", "ratio"),
        [(name, f"{seconds * 1000:.2f}", f"{seconds / least:.2f}") for name, seconds in rows],
        [seconds * 1000 for _, seconds in rows],
        "milliseconds",
    )


BENCHMARKS = (
    Reading("latency", "How long an update takes through an idle hub, and how soon the next one follows.", _latency),
)
