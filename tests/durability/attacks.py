"""What one client on loopback does to a hub to stop it for everybody, a function for each way; each takes seconds.

Every function is called with the hub's port, the ports of hostile peers, and chance. It may be refused, cut off or left
alone; what it may not do is to matter.
"""

import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlencode

import attrs

from tests.durability.topics import KINDS
from tests.websub.attacks import STALLED, asked, with_closed_window

_HOLD_SECONDS = 4.0
_MALFORMED = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /hub HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)


@attrs.frozen
class Victim:
    """Where an attack goes.

    Attributes:
        port: The hub's port.
        sink: The port of subscribers, see ``tests.standalone.sink``.
        topics: The port of hostile topics, see ``tests.durability.topics``.
    """

    port: int
    sink: int
    topics: int


Attack = Callable[[Victim, random.Random], None]


@contextmanager
def _connections(port: int, number: int, beginning: bytes = b"") -> Iterator[list[socket.socket]]:
    """Open as many connections as the hub takes, and begin each with some bytes."""
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            with suppress(OSError):
                connection = stack.enter_context(socket.socket())
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                connection.settimeout(1)
                connection.connect(("127.0.0.1", port))
                connection.sendall(beginning)
                opened.append(connection)
        yield opened


def _request(port: int, head: str, body: bytes = b"") -> None:
    text = f"{head}\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with _connections(port, 1, text.encode() + body) as opened, suppress(OSError):
        for connection in opened:
            connection.recv(4_096)


def _form(port: int, fields: list[tuple[str, str]]) -> None:
    head = "POST /hub HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded"
    _request(port, head, urlencode(fields).encode())


def unread_answers(victim: Victim, _: random.Random) -> None:
    """Ask again and again, and read nothing."""
    with _connections(victim.port, 100, b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 100):
        time.sleep(_HOLD_SECONDS)


def closed_windows(victim: Victim, _: random.Random) -> None:
    """Speak HTTP/2 by prior knowledge, and leave no window for the answers."""
    client = with_closed_window()
    asked(client, 100)
    with _connections(victim.port, 10, client.data_to_send()):
        time.sleep(_HOLD_SECONDS)


def stalled_bodies(victim: Victim, _: random.Random) -> None:
    """Begin bodies, and never end them."""
    with _connections(victim.port, 300, STALLED.replace(b"hub.test", b"127.0.0.1")):
        time.sleep(_HOLD_SECONDS)


def dripping_heads(victim: Victim, _chance: random.Random) -> None:
    """Send heads byte by byte."""
    with _connections(victim.port, 50, b"GET / HTTP/1.1\r\nX: ") as opened:
        for _ in range(10):
            time.sleep(_HOLD_SECONDS / 10)
            for connection in opened:
                with suppress(OSError):
                    connection.sendall(b"x")


def malformed_requests(victim: Victim, chance: random.Random) -> None:
    """Send what is no request, or two at once."""
    for _ in range(50):
        with _connections(victim.port, 1, chance.choice(_MALFORMED) + chance.randbytes(chance.randrange(64))):
            pass


def idle_connections(victim: Victim, _: random.Random) -> None:
    """Open connections, and say nothing."""
    with _connections(victim.port, 400):
        time.sleep(_HOLD_SECONDS)


def unconfirmed_subscriptions(victim: Victim, chance: random.Random) -> None:
    """Subscribe callbacks that confirm nothing, or that nobody listens at."""
    for number in range(100):
        host, port = f"127.0.9.{chance.randrange(1, 20)}", chance.choice((victim.sink, victim.port, 1))
        fields = [("hub.mode", "subscribe"), ("hub.topic", f"https://topic.example/{number % 4}")]
        _form(victim.port, [*fields, ("hub.callback", f"http://{host}:{port}/refuse/{number}")])


def useless_topics(victim: Victim, chance: random.Random) -> None:
    """Follow topics that never end, or that hang, and announce them all in one form."""
    topics = [
        f"http://127.0.8.{chance.randrange(1, 5)}:{victim.topics}/{chance.choice(KINDS)}/{number}"
        for number in range(20)
    ]
    for number, topic in enumerate(topics):
        callback = f"http://127.0.8.9:{victim.sink}/ok/{number}"
        fields = [("hub.mode", "subscribe"), ("hub.topic", topic), ("hub.callback", callback)]
        _form(victim.port, [*fields, ("hub.lease_seconds", "300")])
    _form(victim.port, [("hub.mode", "publish"), *(("hub.url", topic) for topic in topics)])


def foreign_pages(victim: Victim, _chance: random.Random) -> None:
    """Be a page in a browser of this machine, and a stranger who guesses tokens."""
    for _ in range(20):
        _request(victim.port, "POST /hub HTTP/1.1\r\nOrigin: https://evil.example\r\nContent-Type: text/plain", b"x")
        _request(victim.port, "GET /admin/topics HTTP/1.1\r\nAuthorization: Bearer guessed")


ATTACKS: tuple[Attack, ...] = (
    unread_answers,
    closed_windows,
    stalled_bodies,
    dripping_heads,
    malformed_requests,
    idle_connections,
    unconfirmed_subscriptions,
    useless_topics,
    foreign_pages,
)
