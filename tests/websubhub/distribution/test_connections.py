"""Connections are kept, shared, bounded, checked before they are used again, and never leaked."""

import socket
import threading
import time
from pathlib import Path

import anyio
import pytest

from tests.ports import held_port
from tests.waiting import PATIENCE
from tests.waiting import until_in_thread as until
from tests.websubhub.distribution.peers import (
    CONTENT,
    NO_CONTENT,
    EngineClock,
    Peer,
    answering,
    open_engine,
    peer,
    reset,
    send,
    send_one,
)
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.wire import poller


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


async def test_connection_is_kept_for_the_next_call() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine:
            for _ in range(5):
                assert (await send_one(engine, server.url)).delivered
    assert server.connections == 1


async def test_engine_needs_no_context_manager() -> None:
    before = open_files()
    with peer(answering(NO_CONTENT)) as server:
        engine = open_engine()
        assert (await send_one(engine, server.url)).delivered
        engine.close()
    until(lambda: open_files() <= before)


async def test_forgotten_engine_closes_its_connections_silently() -> None:
    with peer(answering(NO_CONTENT)) as server:
        engine = open_engine()
        assert (await send_one(engine, server.url)).delivered
        del engine
        until(lambda: server.open == 0)


async def test_origin_gets_no_more_connections_than_agreed() -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        while True:
            server.receive(sock)
            time.sleep(0.005)
            sock.sendall(NO_CONTENT)

    with peer(script) as server:
        async with open_engine(connections_per_origin=3) as engine:
            outcomes = await send(engine, [server.url] * 60)
    assert all(outcome.delivered for outcome in outcomes)
    assert (server.most, server.connections) == (3, 3)


async def test_all_origins_together_get_no_more_connections_than_agreed() -> None:
    servers = [Peer(answering(NO_CONTENT)) for _ in range(8)]
    try:
        async with open_engine(connections=3, idle_connections=0) as engine:
            most = 0

            def settled(_: Delivery, outcome: DeliveryOutcome) -> None:
                nonlocal most
                assert outcome.delivered
                # A server notices the end of a connection a little later than the engine, so the engine is asked.
                now = engine.statistics()
                assert now.connections == now.busy
                most = max(most, now.busy + 1)  # the one that has just ended

            callbacks = [server.url for server in servers] * 10
            await engine.send([Delivery(callback=callback, content=CONTENT) for callback in callbacks], settled)
            until(lambda: sum(server.open for server in servers) <= 3)
    finally:
        for server in servers:
            server.close()
    assert most == 3


async def test_idle_connection_is_closed_after_its_time(clock: EngineClock) -> None:
    with peer(answering(NO_CONTENT)) as first, peer(answering(NO_CONTENT)) as second:
        async with open_engine(idle_seconds=3_000) as engine:
            for seconds in (2_900, 3_100):
                assert (await send_one(engine, first.url)).delivered
                clock.put_forward(seconds)
            assert (await send_one(engine, first.url)).delivered
            assert (await send_one(engine, second.url)).delivered
    assert first.connections == 2


async def test_connection_that_was_closed_while_idle_is_not_used() -> None:
    closed = threading.Event()

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(NO_CONTENT)
        sock.close()
        closed.set()

    with peer(script) as server:
        async with open_engine() as engine:
            for _ in range(5):
                closed.clear()
                assert (await send_one(engine, server.url)).delivered
                assert closed.wait(PATIENCE)
    assert (len(server.requests), server.connections) == (5, 5)


async def send_stale(engine: DeliveryEngine, url: str, done: threading.Event) -> list[DeliveryOutcome]:
    """Let the engine send a second delivery over a connection of which it cannot know yet what happened to it."""
    outcomes: list[DeliveryOutcome] = []

    def settled(_: Delivery, outcome: DeliveryOutcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 1:
            assert done.wait(PATIENCE)
            time.sleep(0.02)

    await engine.send([Delivery(callback=url, content=CONTENT) for _ in range(2)], settled)
    return outcomes


@pytest.mark.parametrize("end", [socket.socket.close, reset])
async def test_delivery_that_was_certainly_not_processed_is_repeated_once(end: object) -> None:
    done = threading.Event()

    def script(server: Peer, sock: socket.socket, number: int) -> None:
        server.receive(sock)
        sock.sendall(NO_CONTENT)
        if number == 0:
            time.sleep(0.01)
            assert callable(end)
            end(sock)
            done.set()
        else:
            server.receive(sock)

    with peer(script) as server:
        async with open_engine(connections_per_origin=1) as engine:
            outcomes = await send_stale(engine, server.url, done)
    assert [outcome.status for outcome in outcomes] == [204, 204]
    assert (len(server.requests), server.connections) == (2, 2)


@pytest.mark.parametrize("end", [socket.socket.close, reset])
async def test_delivery_that_may_have_been_processed_is_not_repeated(end: object) -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(NO_CONTENT)
        server.receive(sock)
        assert callable(end)
        end(sock)

    with peer(script) as server:
        async with open_engine(connections_per_origin=1) as engine:
            outcomes = await send(engine, [server.url] * 2)
    assert [outcome.failure for outcome in outcomes] == [None, DeliveryFailure.RESET]
    assert (len(server.requests), server.connections) == (2, 1)


async def test_delivery_on_a_fresh_connection_is_not_repeated() -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        reset(sock)

    with peer(script) as server:
        async with open_engine() as engine:
            outcome = await send_one(engine, server.url)
    assert outcome.failure is DeliveryFailure.RESET
    assert server.connections == 1


async def test_no_descriptor_is_leaked() -> None:
    def script(server: Peer, sock: socket.socket, number: int) -> None:
        server.receive(sock)
        sock.sendall((NO_CONTENT, b"garbage", b"HTTP/1.1 200 OK\r\n\r\n", b"", NO_CONTENT + b"x")[number % 5])
        if number % 3 == 0:
            reset(sock)

    before = open_files()
    with peer(script) as server:
        async with open_engine() as engine:
            await send(engine, [server.url] * 200)
            await send(engine, ["http://127.0.0.1:1/", "http://0.0.0.0:1/", "http://[::1]:1/"] * 5)
            with anyio.move_on_after(0.01):
                await send(engine, [server.url] * 200)
        until(lambda: server.open == 0)
    until(lambda: open_files() <= before)


@pytest.mark.threat("BQ-1")
async def test_thousands_of_origins_are_forgotten() -> None:
    async with open_engine(origins=50, connections=20) as engine:
        await send(engine, [f"http://127.0.{number // 250 + 1}.{number % 250 + 1}:1/" for number in range(300)])
        assert 0 < engine.statistics().origins <= 100


async def test_engine_runs_on_other_selectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websubhub._distribution.engine.open_poller", poller.SelectorPoller)

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        while True:
            server.receive(sock)
            time.sleep(0.01)
            sock.sendall(NO_CONTENT)

    with peer(script) as server, held_port() as port:
        dead = f"http://127.0.0.1:{port}/"
        async with open_engine(connections_per_origin=2) as engine:
            outcomes = await send(engine, [dead, *[server.url] * 10, "http://localhost:1/"])
    assert outcomes[0].failure is DeliveryFailure.CONNECT
    assert [outcome.status for outcome in outcomes[1:-1]] == [204] * 10
    assert outcomes[-1].failure is DeliveryFailure.CONNECT
