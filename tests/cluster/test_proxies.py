"""The proxies that partition a cluster: a cut lets nothing through, and what is mended goes on."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.cluster.proxies import Link, proxies
from tests.ports import HOST
from tests.waiting import PATIENCE, until_in_thread

_BRIEFLY = 0.05  # for which a socket is read that nothing may come from


class Echo:
    """Sends back what it is sent.

    Attributes:
        port: Where it listens.
        heard: What it was sent.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        self.heard = b""

    def run(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._answer, args=self._listener.accept()[:1], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while data := connection.recv(1024):
                self.heard += data
                connection.sendall(data)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with socket.create_server((HOST, 0)) as listener:
        echo = Echo(listener)
        threading.Thread(target=echo.run, daemon=True).start()
        yield echo


@pytest.fixture
def link(echo: Echo) -> Iterator[Link]:
    with proxies() as made:
        yield made.link(echo.port)


@contextmanager
def connected(link: Link) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, link.port), PATIENCE) as connection:
        yield connection


def asked(connection: socket.socket, question: bytes) -> bytes:
    connection.sendall(question)
    return connection.recv(1024)


def comes_nothing(connection: socket.socket) -> bool:
    connection.settimeout(_BRIEFLY)
    try:
        return not connection.recv(1024)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PATIENCE)


def test_a_silent_cut_lets_nothing_through_until_it_is_mended(link: Link, echo: Echo) -> None:
    with ExitStack() as stack:
        old = stack.enter_context(connected(link))
        assert asked(old, b"before") == b"before"
        link.cut()
        old.sendall(b"old")
        new = stack.enter_context(connected(link))
        new.sendall(b"new")
        assert comes_nothing(old)
        assert comes_nothing(new)
        assert echo.heard == b"before"
        link.mend()
        assert (old.recv(1024), new.recv(1024)) == (b"old", b"new")


@pytest.mark.parametrize(("way", "heard"), [("there", b"before"), ("back", b"beforehalf")])
def test_a_cut_may_be_of_one_direction(link: Link, echo: Echo, way: str, heard: bytes) -> None:
    with connected(link) as connection:
        assert asked(connection, b"before") == b"before"
        link.cut(there=way == "there", back=way == "back")
        connection.sendall(b"half")
        until_in_thread(lambda: echo.heard == heard)
        assert comes_nothing(connection)
        assert echo.heard == heard
        link.mend()
        assert connection.recv(1024) == b"half"


def test_a_cut_with_resets_ends_every_connection_and_refuses_new_ones(link: Link) -> None:
    with connected(link) as old:
        assert asked(old, b"before") == b"before"
        link.reset()
        with pytest.raises(ConnectionError):
            old.recv(1024)
        with pytest.raises(ConnectionError), connected(link) as new:  # the reset may come before `connect` returns
            new.recv(1024)
    link.mend()
    with connected(link) as mended:
        assert asked(mended, b"after") == b"after"


def test_the_end_of_a_connection_is_carried_too_but_not_through_a_cut(link: Link) -> None:
    with connected(link) as connection:
        assert asked(connection, b"before") == b"before"
        link.cut()
        connection.sendall(b"last")
        connection.shutdown(socket.SHUT_WR)
        assert comes_nothing(connection)
        link.mend()
        assert (connection.recv(1024), connection.recv(1024)) == (b"last", b"")
    until_in_thread(lambda: link.connections == 0)


def test_whoever_gave_up_while_a_connection_hung_is_not_connected_later(link: Link, echo: Echo) -> None:
    link.cut()
    with connected(link):
        until_in_thread(lambda: link.connections == 1)
    link.mend()
    until_in_thread(lambda: link.connections == 0)
    assert echo.heard == b""
