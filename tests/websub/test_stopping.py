"""A server that is told to stop ends, in order and with few words, whatever its clients hold open (R16, SLOW-6)."""

import signal
import socket
import ssl
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from tests.waiting import PATIENCE
from tests.websub.attacks import asked, with_closed_window
from tests.websub.programs import BACKENDS, LOOPS, Program, program

CLIENTS = 100
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nhub"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
UNREAD = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"


def closed_window() -> bytes:
    client = with_closed_window()
    asked(client, 5, "/large")
    return client.data_to_send()


KINDS = {
    "nothing": b"",
    "half a head": GET[:10],
    "stalled": POST,
    "idle": GET,
    "does not read": UNREAD,
    "closed window": closed_window(),
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def connect(running: Program, first: bytes, context: ssl.SSLContext | None = None) -> socket.socket:
    parts = urlsplit(running.url)
    client = socket.create_connection((str(parts.hostname), int(parts.port or 0)))
    try:
        if context is not None:
            client = context.wrap_socket(client)
        client.sendall(first)
    except OSError:
        client.close()
        raise
    return client


def answered(client: socket.socket) -> bool:
    """Whether the server has said something; only then is it known to have read."""
    client.settimeout(PATIENCE)
    return client.recv(1) != b""


def assert_ends_well(running: Program) -> None:
    assert running.wait() == 0
    assert len(running.log) <= 10, "\n".join(running.log)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.threat("SLOW-6")
def test_it_ends_whatever_a_hundred_clients_hold_open(backend: str, kind: str) -> None:
    with program(backend) as running, ExitStack() as stack:
        # What is not read fills the memory that the system has for sockets.
        number = 20 if kind == "does not read" else CLIENTS
        clients = [stack.enter_context(connect(running, KINDS[kind])) for _ in range(number)]
        if kind in {"idle", "does not read"}:
            assert all(answered(client) for client in clients[-10:])
        running.process.send_signal(signal.SIGTERM)
        assert_ends_well(running)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("kind", ["nothing", "stalled", "idle", "does not read", "no handshake"])
@pytest.mark.parametrize("backend", LOOPS)
def test_it_ends_over_tls(backend: str, kind: str, authority: trustme.CA, tmp_path: Path) -> None:
    certificate = str(tmp_path / "server.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    context = ssl.create_default_context()
    context.check_hostname = False
    authority.configure_trust(context)
    with program(backend, certificate=certificate) as running, ExitStack() as stack:
        for _ in range(10):
            first = KINDS.get(kind, b"\x16\x03\x01")
            stack.enter_context(connect(running, first, None if kind == "no handshake" else context))
        running.process.send_signal(signal.SIGTERM)
        assert_ends_well(running)


def test_it_ends_under_load(backend: str) -> None:
    """Clients of all kinds come and go, and some come while it stops."""
    with program(backend) as running, ExitStack() as stack:
        for number in range(CLIENTS):
            first = list(KINDS.values())[number % len(KINDS)]
            client = stack.enter_context(connect(running, first))
            if number % 7 == 0:
                client.close()
        running.process.send_signal(signal.SIGTERM)
        while running.process.poll() is None:
            with suppress(OSError):
                stack.enter_context(connect(running, GET))
            time.sleep(0.01)
        assert_ends_well(running)


def test_a_signal_before_anything_else_ends_it(backend: str) -> None:
    with program(backend) as running:
        running.process.send_signal(signal.SIGTERM)
        assert_ends_well(running)
