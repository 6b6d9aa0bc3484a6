"""TLS: certificates are checked against the name, sessions are used again, and failures are outcomes."""

import datetime as dt
import socket
import ssl
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from tests.waiting import PATIENCE
from tests.websubhub.distribution.peers import NO_CONTENT, Peer, answering, hang, open_engine, peer, send, send_one
from websubhub._distribution.delivery import SharedContent
from websubhub._distribution.outcome import DeliveryFailure
from websubhub._distribution.wire.tls import default_tls_context

AUTHORITY = trustme.CA()


def server_context(*names: str, authority: trustme.CA = AUTHORITY, expired: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ended = dt.datetime(2020, 1, 1, tzinfo=dt.UTC) if expired else None
    authority.issue_cert(*names, not_after=ended).configure_cert(context)
    return context


@pytest.fixture
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def to_loopback(_: str) -> list[str]:
    return ["127.0.0.1"]


async def test_delivery_over_tls(trusting: ssl.SSLContext) -> None:
    with peer(answering(NO_CONTENT), server_context("a.test")) as server:
        async with open_engine(tls=trusting, look_up=to_loopback) as engine:
            outcomes = await send(engine, [f"https://a.test:{server.port}/x"] * 20)
    assert [outcome.status for outcome in outcomes] == [204] * 20
    assert server.connections <= 8
    assert f"\r\nHost: a.test:{server.port}\r\n".encode() in server.requests[0]


async def test_address_is_checked_against_the_certificate(trusting: ssl.SSLContext) -> None:
    with peer(answering(NO_CONTENT), server_context("127.0.0.1")) as server:
        async with open_engine(tls=trusting) as engine:
            assert (await send_one(engine, f"https://127.0.0.1:{server.port}/")).delivered


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (server_context("other.test"), "Hostname mismatch"),
        (server_context("a.test", expired=True), "expired"),
        (server_context("a.test", authority=trustme.CA()), "unable to get local issuer"),
    ],
)
@pytest.mark.threat("SSRF-20")
async def test_bad_certificate_is_an_outcome(context: ssl.SSLContext, words: str, trusting: ssl.SSLContext) -> None:
    with peer(answering(NO_CONTENT), context) as server:
        async with open_engine(tls=trusting, look_up=to_loopback) as engine:
            outcome = await send_one(engine, f"https://a.test:{server.port}/")
    assert outcome.failure is DeliveryFailure.TLS
    assert words in outcome.detail
    assert server.requests == []


async def test_certificate_of_nobody_is_refused_by_default() -> None:
    with peer(answering(NO_CONTENT), server_context("a.test")) as server:
        async with open_engine(look_up=to_loopback) as engine:
            outcome = await send_one(engine, f"https://a.test:{server.port}/")
    assert outcome.failure is DeliveryFailure.TLS
    assert server.requests == []


@pytest.mark.threat("SSRF-20")
def test_old_versions_are_refused() -> None:
    context = default_tls_context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert default_tls_context() is context


async def test_server_without_tls_is_an_outcome(trusting: ssl.SSLContext) -> None:
    def script(_: Peer, sock: socket.socket, __: int) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with peer(script) as server:
        async with open_engine(tls=trusting) as engine:
            outcome = await send_one(engine, f"https://127.0.0.1:{server.port}/")
    assert outcome.failure is DeliveryFailure.TLS


async def test_handshake_that_never_ends_is_an_outcome(trusting: ssl.SSLContext) -> None:
    with peer(hang) as server:
        async with open_engine(tls=trusting, connect_seconds=0.2) as engine:
            outcome = await send_one(engine, f"https://127.0.0.1:{server.port}/")
    assert outcome.failure is DeliveryFailure.CONNECT_TIMEOUT


async def test_connection_that_ends_in_the_handshake_is_an_outcome(trusting: ssl.SSLContext) -> None:
    def script(_: Peer, sock: socket.socket, __: int) -> None:
        sock.recv(100)

    with peer(script) as server:
        async with open_engine(tls=trusting) as engine:
            outcome = await send_one(engine, f"https://127.0.0.1:{server.port}/")
    assert outcome.failure is DeliveryFailure.TLS


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_session_is_used_again(version: ssl.TLSVersion, trusting: ssl.SSLContext) -> None:
    resumed: list[bool | None] = []

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        assert isinstance(sock, ssl.SSLSocket)
        resumed.append(sock.session_reused)
        server.receive(sock)
        sock.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    context = server_context("127.0.0.1")
    context.minimum_version = context.maximum_version = version
    with peer(script, context) as server:
        async with open_engine(tls=trusting) as engine:
            for _ in range(3):
                assert (await send_one(engine, f"https://127.0.0.1:{server.port}/")).delivered
    assert resumed == [False, True, True]


async def test_session_is_used_again_where_all_servers_give_the_same_answer(trusting: ssl.SSLContext) -> None:
    resumed: list[bool | None] = []

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        assert isinstance(sock, ssl.SSLSocket)
        resumed.append(sock.session_reused)
        server.receive(sock)
        sock.sendall(NO_CONTENT)

    with peer(answering(NO_CONTENT)) as plain, peer(script, server_context("127.0.0.1")) as server:
        async with open_engine(tls=trusting, idle_connections=0) as engine:
            for url in (plain.url, *[server.url] * 4):
                assert (await send_one(engine, url)).delivered
    assert resumed == [False, False, True, True], "read once it is known that the server is called again"


async def test_session_that_has_run_out_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    authority, resumed = trustme.CA(), []
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        assert isinstance(sock, ssl.SSLSocket)
        resumed.append(sock.session_reused)
        server.receive(sock)
        sock.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    with peer(script, server_context("127.0.0.1", authority=authority)) as server:
        async with open_engine(tls=trusting) as engine:
            for days in (0, 0, 30):
                ahead = days * 86_400
                later = SimpleNamespace(time=lambda ahead=ahead: time.time() + ahead)
                monkeypatch.setattr("websubhub._distribution.wire.tls.time", later)
                assert (await send_one(engine, server.url)).delivered
    assert resumed == [False, True, False]


@pytest.mark.parametrize("size", [20_000, 2_000_000])
async def test_large_bodies_go_both_ways(size: int, trusting: ssl.SSLContext) -> None:
    body = bytes(range(256)) * (size // 256)

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        for _ in range(2):
            request = server.receive(sock)
            echoed = request.partition(b"\r\n\r\n")[2]
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(echoed) + echoed)

    with peer(script, server_context("127.0.0.1")) as server:
        async with open_engine(tls=trusting) as engine:
            content = SharedContent(body=body, kept_body_bytes=size)
            for _ in range(2):
                outcome = await send_one(engine, f"https://127.0.0.1:{server.port}/", content)
                assert (outcome.failure, outcome.body == body) == (None, True)
    assert server.connections == 1


async def test_body_without_length_must_end_in_order(trusting: ssl.SSLContext) -> None:
    """Whoever can cut a connection must not be able to cut a body unseen."""

    def script(server: Peer, sock: socket.socket, number: int) -> None:
        assert isinstance(sock, ssl.SSLSocket)
        server.receive(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf a body")
        if number:
            sock.unwrap()

    with peer(script, server_context("127.0.0.1")) as server:
        async with open_engine(tls=trusting) as engine:
            content = SharedContent(body=b"", kept_body_bytes=100)
            url = f"https://127.0.0.1:{server.port}/"
            outcomes = [await send_one(engine, url, content) for _ in range(2)]
    assert [outcome.body for outcome in outcomes] == [b"half a body"] * 2
    assert [outcome.body_failure for outcome in outcomes] == [DeliveryFailure.RESET, None]


async def test_bytes_after_an_answer_in_another_record_do_not_answer_the_next(trusting: ssl.SSLContext) -> None:
    smuggled = threading.Semaphore(0)

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(NO_CONTENT)
        sock.sendall(b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n")
        smuggled.release()
        server.stopping.wait(PATIENCE)

    with peer(script, server_context("127.0.0.1")) as server:
        async with open_engine(tls=trusting, connections_per_origin=1) as engine:
            for _ in range(3):
                assert (await send_one(engine, f"https://127.0.0.1:{server.port}/")).status == 204
                assert smuggled.acquire(timeout=PATIENCE), "nobody drives the engine meanwhile"
    assert server.connections == 3


def test_context_finds_the_certificates_of_the_system() -> None:
    paths = ssl.get_default_verify_paths()
    present = any(Path(path or "/nowhere").exists() for path in (paths.cafile, paths.capath))
    assert present or default_tls_context().cert_store_stats()["x509_ca"] > 0
