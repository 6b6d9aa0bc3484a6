"""Hostile servers cost one delivery its time and nothing else; whatever they do is an outcome."""

import contextlib
import socket
import threading
import time

import anyio
import pytest

from tests.ports import held_port
from tests.waiting import PATIENCE, until
from tests.websubhub.distribution.peers import (
    CONTENT,
    NO_CONTENT,
    EngineClock,
    Peer,
    answering,
    hang,
    open_engine,
    peer,
    reset,
    send,
    send_one,
)
from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


async def test_answer_may_be_cut_at_each_byte() -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        for at in range(1, len(CHUNKED)):
            server.receive(sock)
            sock.sendall(CHUNKED[:at])
            time.sleep(0.001)
            sock.sendall(CHUNKED[at:])

    with peer(script) as server:
        async with open_engine(connections_per_origin=1) as engine:
            outcomes = await send(engine, [server.url] * (len(CHUNKED) - 1))
    assert [outcome.status for outcome in outcomes] == [200] * len(outcomes)
    assert server.connections == 1


@pytest.mark.parametrize("orderly", [True, False])
async def test_connection_may_end_at_each_byte(orderly: bool) -> None:  # noqa: FBT001
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def script(server: Peer, sock: socket.socket, number: int) -> None:
        server.receive(sock)
        sock.sendall(answer[:number])
        time.sleep(0.002)
        if not orderly:
            reset(sock)

    with peer(script) as server:
        async with open_engine(connections_per_origin=1) as engine:
            outcomes = await send(engine, [server.url] * len(answer))
    line = answer.index(b"\n") + 1
    assert [outcome.failure for outcome in outcomes[:line]] == [DeliveryFailure.RESET] * line
    assert [outcome.delivered for outcome in outcomes[line:]] == [True] * (len(answer) - line)
    assert len(server.requests) == len(answer), "no delivery is repeated"


@pytest.mark.parametrize("size", [100, 9_000, 3_000_000])
async def test_large_body_reaches_a_slow_reader(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        time.sleep(0.05)
        for _ in range(2):
            server.receive(sock)
            sock.sendall(NO_CONTENT)

    with peer(script) as server:
        async with open_engine(connections_per_origin=1) as engine:
            outcomes = await send(engine, [server.url] * 2, SharedContent(body=body))
    assert [outcome.status for outcome in outcomes] == [204, 204]
    assert [request.endswith(b"\r\n\r\n" + body) for request in server.requests] == [True, True]
    assert server.connections == 1


@pytest.mark.parametrize("then", ["close", "reset", "stay"])
async def test_early_answer_counts_and_ends_the_connection(then: str) -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        if then == "stay":
            server.stopping.wait(PATIENCE)
        elif then == "reset":
            time.sleep(0.02)
            reset(sock)

    with peer(script) as server:
        async with open_engine(connections_per_origin=1) as engine:
            outcomes = await send(engine, [server.url] * 2, SharedContent(body=b"x" * 5_000_000))
    assert [(outcome.status, outcome.failure) for outcome in outcomes] == [(413, None)] * 2
    assert server.connections == 2


@pytest.mark.parametrize(
    "extra",
    [b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n", b"garbage", b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"],
)
async def test_bytes_after_an_answer_never_answer_the_next_delivery(extra: bytes) -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(NO_CONTENT + extra)
        with contextlib.suppress(ConnectionError):
            server.receive(sock)
            sock.sendall(b"HTTP/1.1 500 Not this one\r\nContent-Length: 0\r\n\r\n")

    with peer(script) as server:
        async with open_engine(connections_per_origin=1) as engine:
            outcomes = await send(engine, [server.url] * 3)
    assert [outcome.status for outcome in outcomes] == [204] * 3
    assert server.connections == 3


async def test_bytes_before_the_request_never_answer_it() -> None:
    answered, too_early = threading.Semaphore(0), threading.Semaphore(0)

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(NO_CONTENT)
        answered.acquire()
        sock.sendall(b"HTTP/1.1 500 Too early\r\nContent-Length: 0\r\n\r\n")
        too_early.release()
        server.stopping.wait(PATIENCE)

    with peer(script) as server:
        async with open_engine() as engine:
            for _ in range(2):
                assert (await send_one(engine, server.url)).status == 204
                answered.release()
                assert too_early.acquire(timeout=PATIENCE), "nobody drives the engine meanwhile"
    assert server.connections == 2


@pytest.mark.threat("SLOW-5")
async def test_endless_ignored_body_costs_nothing() -> None:
    sent = 0

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        nonlocal sent
        server.receive(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            sent += sock.send(b"x" * 65536)

    with peer(script) as server:
        async with open_engine() as engine:
            outcomes = await send(engine, [server.url] * 4)
    assert all(outcome.delivered for outcome in outcomes)
    assert sent < 100_000_000, "no more than fits between the two"


async def test_drip_in_an_ignored_body_is_not_read_to_its_end() -> None:
    dripped = 0

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        nonlocal dripped
        server.receive(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not server.stopping.wait(0.05):
            sock.sendall(b"x")
            dripped += 1

    with peer(script) as server:
        async with open_engine() as engine:
            assert (await send_one(engine, server.url)).delivered
    assert dripped < 1_000


@pytest.mark.parametrize("dripped", [b"HTTP/1.1 200 " + b"x" * 1000, b"HTTP/1.1 100 Continue\r\n\r\n" * 40])
@pytest.mark.threat("SLOW-5")
async def test_drip_ends_with_the_deadline(dripped: bytes) -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        for byte in dripped:
            sock.sendall(bytes([byte]))
            if server.stopping.wait(0.02):
                break

    with peer(script) as server:
        async with open_engine(total_seconds=0.2) as engine:
            outcome = await send_one(engine, server.url)
    assert outcome.failure is DeliveryFailure.TIMEOUT


async def test_silent_server_ends_with_the_deadline_and_no_sooner(clock: EngineClock) -> None:
    healthy_outcomes: list[DeliveryOutcome] = []
    outcomes: list[DeliveryOutcome] = []

    with peer(hang) as server, peer(answering(NO_CONTENT)) as healthy:
        async with open_engine(total_seconds=2_000) as engine, anyio.create_task_group() as group:
            silent = Delivery(callback=server.url, content=CONTENT)
            group.start_soon(engine.send, [silent], lambda _, outcome: outcomes.append(outcome))
            await until(lambda: server.connections)
            clock.put_forward(1_500)
            healthy_outcomes += await send(engine, [healthy.url] * 50)
            assert outcomes == []
            clock.put_forward(600)
    assert [outcome.failure for outcome in outcomes] == [DeliveryFailure.TIMEOUT]
    assert all(outcome.delivered for outcome in healthy_outcomes)


async def test_silent_server_ends_with_the_deadline_although_others_begin_and_end_all_the_time(
    clock: EngineClock,
) -> None:
    outcomes: list[DeliveryOutcome] = []

    async def go_on(engine: DeliveryEngine, refusing: str) -> None:
        while not outcomes:
            assert (await send_one(engine, refusing)).failure is DeliveryFailure.CONNECT

    with peer(hang) as server, held_port() as port, anyio.fail_after(PATIENCE):
        async with open_engine(total_seconds=2_000) as engine, anyio.create_task_group() as group:
            group.start_soon(go_on, engine, f"http://127.0.0.1:{port}/")
            silent = Delivery(callback=server.url, content=CONTENT)
            group.start_soon(engine.send, [silent], lambda _, outcome: outcomes.append(outcome))
            await until(lambda: server.connections)
            clock.put_forward(2_100)
    assert [outcome.failure for outcome in outcomes] == [DeliveryFailure.TIMEOUT]


async def test_deadline_of_a_delivery_is_counted_from_its_own_start(clock: EngineClock) -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        while True:
            server.receive(sock)
            clock.put_forward(1_500)
            sock.sendall(NO_CONTENT)

    with peer(script) as server:
        async with open_engine(total_seconds=2_000, connections_per_origin=1) as engine:
            outcomes = await send(engine, [server.url] * 4)
    assert [outcome.status for outcome in outcomes] == [204] * 4


async def test_reader_that_takes_nothing_ends_with_the_deadline() -> None:
    def script(server: Peer, _: socket.socket, __: int) -> None:
        server.stopping.wait(PATIENCE)

    with peer(script) as server:
        async with open_engine(total_seconds=0.2) as engine:
            outcome = await send_one(engine, server.url, SharedContent(body=b"x" * 20_000_000))
    assert outcome.failure is DeliveryFailure.TIMEOUT


async def test_oversized_head_is_an_outcome() -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(b"HTTP/1.1 200 ")
        while True:
            sock.sendall(b"x" * 500)

    with peer(script) as server:
        async with open_engine() as engine:
            outcome = await send_one(engine, server.url)
    assert outcome.failure is DeliveryFailure.TOO_LARGE


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"220 smtp ready\r\n"])
async def test_server_of_another_protocol_is_an_outcome(answer: bytes) -> None:
    def script(_: Peer, sock: socket.socket, __: int) -> None:
        sock.sendall(answer)
        sock.recv(65536)
        time.sleep(0.02)

    with peer(script) as server:
        async with open_engine() as engine:
            outcome = await send_one(engine, server.url)
    assert outcome.failure is DeliveryFailure.MALFORMED_ANSWER


@pytest.mark.threat("SSRF-12")
async def test_status_is_reported_and_redirects_are_not_followed() -> None:
    statuses = [200, 201, 202, 204, 299, 301, 307, 308, 400, 404, 410, 429, 500, 503]
    answers = [b"HTTP/1.1 %d X\r\nRetry-After: 7\r\n%b\r\n" % (status, length(status)) for status in statuses]
    with peer(answering(*answers)) as server:
        async with open_engine(connections_per_origin=1) as engine:
            outcomes = await send(engine, [server.url] * len(statuses))
    assert [outcome.status for outcome in outcomes] == statuses
    assert [outcome.delivered for outcome in outcomes] == [status < 300 for status in statuses]
    assert {(outcome.failure, outcome.retry_after) for outcome in outcomes} == {(None, "7")}
    assert (len(server.requests), server.connections) == (len(statuses), 1)


def length(status: int) -> bytes:
    return b"" if status == 204 else b"Location: /other\r\nContent-Length: 0\r\n"


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.0 200 OK\r\n\r\nbody", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody"]
)
async def test_server_that_closes_after_each_answer_is_served(answer: bytes) -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(answer)

    with peer(script) as server:
        async with open_engine(connections_per_origin=2) as engine:
            outcomes = await send(engine, [server.url] * 20)
            kept = SharedContent(body=b"", kept_body_bytes=100)
            assert (await send_one(engine, server.url, kept)).body == b"body"
    assert all(outcome.delivered for outcome in outcomes)
    assert server.connections == 21


async def test_remembered_answer_is_not_used_where_a_body_is_wanted() -> None:
    with peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")) as server:
        async with open_engine() as engine:
            bodies = [(await send_one(engine, server.url, content)).body for content in (CONTENT, CONTENT)]
            kept = SharedContent(body=b"", kept_body_bytes=5)
            bodies += [(await send_one(engine, server.url, kept)).body for _ in range(2)]
    assert bodies == [b"", b"", b"hello", b"hello"]


async def test_refused_connection_is_an_outcome() -> None:
    async with open_engine() as engine:
        with held_port() as port:
            outcomes = await send(engine, [f"http://127.0.0.1:{port}/"] * 30)
    assert {outcome.failure for outcome in outcomes} == {DeliveryFailure.CONNECT}


async def test_connection_that_is_never_made_is_an_outcome() -> None:
    # A full backlog: the kernel drops what comes after it, as a filtered port does.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            async with open_engine(connect_seconds=0.2) as engine:
                outcome = await send_one(engine, f"http://127.0.0.1:{full.getsockname()[1]}/")
    assert outcome.failure is DeliveryFailure.CONNECT_TIMEOUT


async def test_what_failed_says_how_long_it_took_and_what_was_answered() -> None:
    answer = b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\nsorry"
    with peer(answering(answer)) as failing, peer(answering(NO_CONTENT)) as well:
        async with open_engine() as engine:
            for timed in (False, True):
                content = SharedContent(body=b"x", error_body_bytes=100, timed=timed)
                error = await send_one(engine, failing.url, content)
                success = await send_one(engine, well.url, content)
                assert (error.status, error.body) == (500, b"sorry")
                assert 0 < error.seconds < PATIENCE
                assert (success.body, success.seconds > 0) == (b"", timed)
