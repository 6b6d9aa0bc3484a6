"""Connections that are kept for the next delivery: how many, for how long, and which of them give way."""

import gc
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import trustme

from _websub.grammar.addresses import AddressPolicy
from tests.waiting import PATIENCE, until
from tests.websubhub.distribution.peers import (
    NO_CONTENT,
    EngineClock,
    Peer,
    answering,
    open_engine,
    peer,
    send,
    send_one,
)
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.origins.origin import Origin

_AUTHORITY = trustme.CA()


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    _AUTHORITY.configure_trust(context)
    return context


@contextmanager
def peers(number: int) -> Iterator[list[Peer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(peer(answering(NO_CONTENT))) for _ in range(number)]


async def call(engine: DeliveryEngine, servers: list[Peer], order: str) -> list[int]:
    """Deliver to servers one after the other, and return how many connections each of them has had."""
    for number in order:
        assert (await send_one(engine, servers[int(number)].url)).delivered
    return [server.connections for server in servers]


@pytest.mark.parametrize("most", [0, 1, 5])
async def test_no_more_are_kept_than_agreed(most: int) -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine(idle_connections=most, connections_per_origin=8) as engine:
            for _ in range(2):
                assert all(outcome.delivered for outcome in await send(engine, [server.url] * 40))
                now = engine.statistics()
                assert (now.busy, now.idle, now.connections) == (0, most, most)


async def test_more_servers_than_exchanges_at_a_time_are_all_kept() -> None:
    with peers(6) as servers:
        async with open_engine(connections=2, connections_per_origin=1) as engine:
            for _ in range(5):
                assert all(outcome.delivered for outcome in await send(engine, [server.url for server in servers]))
        assert [server.connections for server in servers] == [1] * 6


async def test_calling_more_servers_in_turn_than_are_kept_finds_those_connected_that_are() -> None:
    with peers(6) as servers:
        async with open_engine(idle_connections=4) as engine:
            connections = await call(engine, servers, "012345" * 5)
    assert sorted(connections) == [1, 1, 1, 1, 5, 5]


@pytest.mark.parametrize("number", [1, 2])
async def test_deliveries_that_come_together_are_no_sign_of_a_server_that_is_called_often(number: int) -> None:
    with peers(6) as servers:
        async with open_engine(idle_connections=4 * number, connections_per_origin=number) as engine:
            for _ in range(5):
                for server in servers:
                    assert all(outcome.delivered for outcome in await send(engine, [server.url] * number))
            connected = [server.connections for server in servers]
    assert sorted(connected)[:4] == [number] * 4


async def test_a_server_that_is_called_often_takes_the_place_of_one_that_is_called_seldom(clock: EngineClock) -> None:
    with peers(3) as servers:
        async with open_engine(idle_connections=2, idle_seconds=10_000) as engine:
            assert await call(engine, servers, "01") == [1, 1, 0]
            clock.put_forward(1_000)
            assert await call(engine, servers, "2") == [1, 1, 1]
            clock.put_forward(100)
            assert await call(engine, servers, "2") == [1, 1, 2], "it was called a second time since, and is kept"
            assert await call(engine, servers, "222") == [1, 1, 2]
            assert await call(engine, servers, "1") == [1, 1, 2]
            assert await call(engine, servers, "0") == [2, 1, 2]


async def test_servers_that_are_called_in_another_order_each_time_are_kept() -> None:
    number = 24
    with peers(number) as servers:
        async with open_engine(idle_connections=number // 2) as engine:
            for turn in range(9):
                order = random.Random(turn).sample(servers, number)  # noqa: S311 - no secret
                assert all([(await send_one(engine, server.url)).delivered for server in order])
    new = sum(server.connections for server in servers) - number
    assert new < 8 * number * 3 // 4, "half of them are kept, and nearly all of these are found"


async def test_those_with_tls_stay_where_others_give_way() -> None:
    with peers(2) as plain, peer(answering(NO_CONTENT), server_context()) as secure:
        async with open_engine(idle_connections=1, tls=client_context()) as engine:
            assert await call(engine, [*plain, secure], "002" + "01" * 5) == [6, 5, 1]
            assert await call(engine, [*plain, secure], "2") == [6, 5, 1]


async def test_those_with_tls_are_kept_for_longer(clock: EngineClock) -> None:
    with peer(answering(NO_CONTENT)) as plain, peer(answering(NO_CONTENT), server_context()) as secure:
        async with open_engine(idle_seconds=3_000, tls=client_context()) as engine:
            for seconds in (2_900, 3_100, 12_100):
                await call(engine, [plain, secure], "01")
                clock.put_forward(seconds)
            assert await call(engine, [plain, secure], "01") == [3, 2]


async def test_those_that_were_idle_for_too_long_are_closed_without_another_delivery(clock: EngineClock) -> None:
    with peers(2) as servers:
        async with open_engine(idle_seconds=100) as engine:
            await call(engine, servers, "0")
            clock.put_forward(60)
            await call(engine, servers, "1")
            engine.close_idle()
            assert engine.statistics().idle == 2
            clock.put_forward(60)
            engine.close_idle()
            assert engine.statistics().idle == 1


async def test_one_that_its_server_has_closed_is_closed_without_another_delivery() -> None:
    leave = threading.Event()

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(NO_CONTENT)
        leave.wait(PATIENCE)

    with peer(script) as server:
        async with open_engine() as engine:
            assert (await send_one(engine, server.url)).delivered
            engine.close_idle()
            assert engine.statistics().idle == 1
            leave.set()

            def is_closed() -> bool:
                engine.close_idle()
                return engine.statistics().idle == 0

            await until(is_closed)


async def test_servers_without_a_connection_are_forgotten() -> None:
    most, closing = 20, b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        for answer in (NO_CONTENT, closing):  # the second delivery takes a connection that was kept
            server.receive(sock)
            sock.sendall(answer)

    with peer(script) as server:
        policy = AddressPolicy(networks=("127.0.0.1/32",))
        async with DeliveryEngine(
            limits=EngineLimits(origins=most), addresses=policy, look_up=lambda _: ["127.0.0.1"]
        ) as engine:
            gc.collect()
            before = count_origins()
            for number in range(5 * most):
                for _ in range(2):
                    assert (await send_one(engine, f"http://a{number}.test:{server.port}/")).delivered
            gc.collect()
            assert count_origins() - before <= 2 * most


def count_origins() -> int:
    return sum(isinstance(each, Origin) for each in gc.get_objects())


async def test_one_at_an_address_that_has_all_it_may_have_gives_way_to_another_name_there() -> None:
    with peer(answering(NO_CONTENT)) as server:
        names = {f"{letter}.test": ["127.0.0.1"] for letter in "abc"}
        limits = EngineLimits(connections_per_address=2)
        policy = AddressPolicy(networks=("127.0.0.1/32",))
        async with DeliveryEngine(limits=limits, addresses=policy, look_up=names.__getitem__) as engine:
            for letter in "abcab":
                assert (await send_one(engine, f"http://{letter}.test:{server.port}/")).delivered
                assert engine.statistics().connections <= 2
    assert server.connections == 5
