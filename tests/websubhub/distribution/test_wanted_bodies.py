"""Wanted bodies come whole: small ones from the engine, large ones piece by piece from their connection."""

import socket
import ssl
import threading
from collections.abc import Callable

import anyio
import pytest
import trustme

from _websub.calls.exchange import ExchangeError, ExchangeLimits, Failure, Incoming
from _websub.grammar.addresses import AddressPolicy
from _websub.http import Request
from tests.waiting import PATIENCE, until
from tests.websubhub.distribution.peers import Peer, Script, answering, open_engine, peer, reset, send_one
from websubhub._distribution.delivery import SharedContent
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryFailure
from websubhub._distribution.requests import EngineRequests
from websubhub._distribution.wanted import LargeBody, WantedBody
from websubhub._distribution.wire.content import ContentReader

OK = frozenset({200})
KEPT = 256 * 1024
LARGE = bytes(range(256)) * 8 * 1024  # 2 MiB
LIMITS = ExchangeLimits(seconds=PATIENCE, connect_seconds=PATIENCE)


def _chunked(body: bytes) -> bytes:
    return (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"


PIECES: dict[str, Callable[[bytes], bytes]] = {"with its length": bytes, "chunked": _chunked}
FRAMING = {"with its length": "Content-Length: {}", "chunked": "Transfer-Encoding: chunked"}


def answer(body: bytes, framing: str = "with its length", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{FRAMING[framing].format(len(body))}\r\n\r\n".encode() + PIECES[framing](body)


def get(url: str) -> Request:
    return Request(method="GET", url=url)


def requests(limits: ExchangeLimits = LIMITS) -> EngineRequests:
    return EngineRequests(AddressPolicy(loopback=True), limits)


async def read(incoming: Incoming) -> bytes:
    return b"".join([piece async for piece in incoming.chunks])


def ending(data: bytes, *, orderly: bool = True) -> Script:
    """Answer with some bytes, and close."""

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(data)
        if not orderly:
            reset(sock)

    return script


@pytest.mark.parametrize("framing", FRAMING)
@pytest.mark.parametrize("size", [0, 1, KEPT, KEPT + 65_536, len(LARGE)])
async def test_a_body_of_any_size_comes_whole(size: int, framing: str) -> None:
    with peer(answering(answer(LARGE[:size], framing))) as server:
        client = requests()
        for _ in range(2):
            async with client.open(get(server.url), OK) as incoming:
                assert (incoming.status, incoming.url) == (200, server.url)
                assert await read(incoming) == LARGE[:size]
        await client.aclose()
    # What the engine has kept leaves its connection to the next request. Another one has a connection of its own.
    assert server.connections == (1 if size <= KEPT else 2)


async def test_a_body_may_end_with_its_connection_and_then_it_is_not_known_whether_it_was_cut() -> None:
    with peer(ending(b"HTTP/1.1 200 OK\r\n\r\n" + LARGE)) as server:
        client = requests()
        async with client.open(get(server.url), OK) as incoming:
            assert await read(incoming) == LARGE
        await client.aclose()


@pytest.mark.parametrize("size", [1_000, len(LARGE)])
@pytest.mark.parametrize("orderly", [True, False])
async def test_a_body_that_is_cut_is_a_failure(size: int, orderly: bool) -> None:  # noqa: FBT001 - one of a pair
    with peer(ending(answer(LARGE[:size])[:-1], orderly=orderly)) as server:
        client = requests()
        with pytest.raises(ExchangeError) as raised:
            async with client.open(get(server.url), OK) as incoming:
                await read(incoming)
        await client.aclose()
    assert raised.value.failure is Failure.BROKEN


@pytest.mark.parametrize("status", ["404 Not Found", "302 Found", "206 Partial Content"])
async def test_a_body_with_another_status_is_ignored(status: str) -> None:
    with peer(answering(answer(b"x", status=status), answer(LARGE, status=status))) as server:
        client = requests()
        for _ in range(2):
            async with client.open(get(server.url), OK) as incoming:
                assert incoming.status == int(status[:3])
                assert await read(incoming) == b""
        await client.aclose()
    assert server.connections == 1


@pytest.mark.threat("DOS-9", "DOS-10")
async def test_a_large_body_that_nobody_reads_stays_with_its_server() -> None:
    sent = [0]

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent[0] += sock.send(LARGE[:65_536])

    with peer(script) as server:
        client = requests()
        async with client.open(get(server.url), OK) as incoming:
            await until(lambda: sent[0] > KEPT)
            taken = len(await anext(incoming.chunks))
            assert KEPT < taken <= KEPT + 32 * 1024
            assert len(await anext(incoming.chunks)) <= 16 * 1024
        await until(lambda: not server.open)  # what is not read to its end is closed
        await client.aclose()


async def test_a_large_body_has_the_deadline_of_its_exchange() -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(answer(LARGE)[:-1])
        while sock.recv(65_536):
            pass

    with peer(script) as server:
        client = requests(ExchangeLimits(seconds=0.5, connect_seconds=PATIENCE))
        with pytest.raises(ExchangeError) as raised:
            async with client.open(get(server.url), OK) as incoming:
                await read(incoming)
        assert raised.value.failure is Failure.TIMEOUT
        await until(lambda: not server.open)
        await client.aclose()


async def test_closing_ends_a_large_body() -> None:
    told, failures = threading.Event(), list[Failure]()

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(answer(LARGE)[:-1])
        told.set()
        server.stopping.wait(PATIENCE)

    async def fetch(client: EngineRequests, url: str) -> None:
        with pytest.raises(ExchangeError) as raised:
            async with client.open(get(url), OK) as incoming:
                await read(incoming)
        failures.append(raised.value.failure)

    with peer(script) as server:
        client = requests()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fetch, client, server.url)
            await until(told.is_set)
            await client.aclose()
    assert failures == [Failure.BROKEN]


async def test_a_large_body_comes_whole_over_tls() -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    bodies: list[LargeBody] = []
    content = SharedContent(method="GET", body=b"", kept_body_bytes=KEPT, wanted=WantedBody(OK, bodies.append))
    with peer(answering(answer(LARGE)), theirs) as server:
        async with open_engine(tls=ours) as engine:
            outcome = await send_one(engine, server.url, content)
            assert (outcome.status, outcome.body_failure) == (200, DeliveryFailure.TOO_LARGE)
            assert b"".join([piece async for piece in bodies[0]]) == LARGE
            assert bodies[0].failure is None
            assert engine.statistics().connections == 0, "it belongs to the body"
        bodies[0].close()


@pytest.mark.threat("DOS-5")
@pytest.mark.parametrize(
    ("beginning", "again"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"a: b\r\n"),
    ],
    ids=["many small pieces", "an extension of a chunk", "trailers"],
)
@pytest.mark.parametrize("kept", [1_000, KEPT])
def test_work_with_little_content_is_bounded(beginning: bytes, again: bytes, kept: int) -> None:
    wanted = WantedBody(OK, lambda _: None)
    reader = ContentReader(EngineLimits(), kept, "GET", wanted)
    assert reader.feed(beginning) is None
    outcome, received = None, 0
    while outcome is None and received < 200_000:
        outcome = reader.feed(again * (10_000 // len(again)))
        received += 10_000
        reader.take()
    assert outcome is not None
    assert outcome.body_failure is DeliveryFailure.TOO_LARGE
