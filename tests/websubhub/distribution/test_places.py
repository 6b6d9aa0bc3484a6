"""Many names for one address are one place: it has so many connections, and fails so often, and no more."""

import socket
import threading
from collections.abc import Sequence

import anyio
import pytest

from _websub.grammar.addresses import AddressPolicy
from tests.waiting import PATIENCE, until
from tests.websubhub.distribution.peers import NO_CONTENT, Peer, answering, peer, send
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.origins.places import Places
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome

REFUSED = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def _wildcard(_: str) -> Sequence[str]:
    return ["127.0.0.1"]


def _engine(*, at_home: bool = False, **limits: int) -> DeliveryEngine:
    """An engine for which this machine is a place like others, unless it is at home here."""
    patient = EngineLimits(connect_seconds=PATIENCE, total_seconds=PATIENCE, lookup_seconds=PATIENCE, **limits)
    policy = AddressPolicy(loopback=at_home, networks=("127.0.0.0/8",))
    return DeliveryEngine(limits=patient, addresses=policy, look_up=_wildcard)


@pytest.mark.threat("AMP-1", "DOS-9")
async def test_names_for_one_address_share_its_connections_and_all_are_served() -> None:
    released, answer = threading.Event(), answering(NO_CONTENT)

    def held(server: Peer, sock: socket.socket, number: int) -> None:
        released.wait(PATIENCE)
        answer(server, sock, number)

    with peer(held) as server:
        callbacks = [f"http://a{number}.test:{server.port}/" for number in range(12)]
        async with _engine(connections_per_address=3) as engine, anyio.create_task_group() as tasks:

            async def deliver() -> None:
                assert all(outcome.delivered for outcome in await send(engine, callbacks))

            tasks.start_soon(deliver)
            await until(lambda: server.connections >= 3)
            for _ in range(10):
                await anyio.sleep(0.01)
            assert server.connections == 3
            released.set()
    assert len(server.requests) == 12


@pytest.mark.threat("AMP-1", "DOS-9")
async def test_an_address_has_no_more_connections_when_it_is_the_second_of_names_whose_first_refuses() -> None:
    released = threading.Event()

    def held(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        released.wait(PATIENCE)
        sock.sendall(NO_CONTENT)

    def look_up(name: str) -> Sequence[str]:
        return [f"127.0.7.{name.removeprefix('a').partition('.')[0]}", "127.0.0.1"]

    with peer(held) as server:
        limits = EngineLimits(connections_per_address=2, connect_seconds=PATIENCE, total_seconds=PATIENCE)
        policy = AddressPolicy(networks=("127.0.0.0/8",))
        callbacks = [f"http://a{number}.test:{server.port}/" for number in range(12)]
        outcomes: list[DeliveryOutcome] = []
        engine = DeliveryEngine(limits=limits, addresses=policy, look_up=look_up)
        async with engine, anyio.create_task_group() as tasks:

            async def deliver() -> None:
                outcomes.extend(await send(engine, callbacks))

            tasks.start_soon(deliver)
            await until(lambda: server.connections >= 2)
            for _ in range(10):
                await anyio.sleep(0.01)
            most = server.connections
            released.set()
    assert most == 2
    assert sum(outcome.delivered for outcome in outcomes) >= 2
    failures = {outcome.failure for outcome in outcomes if not outcome.delivered}
    assert failures <= {DeliveryFailure.HELD_BACK, DeliveryFailure.CONNECT}


async def test_a_longer_line_than_is_allowed_is_told_to_come_back() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with _engine(connections_per_address=1) as engine:
            outcomes = await send(engine, [f"http://a{number}.test:{server.port}/" for number in range(30)])
    held_back = [outcome for outcome in outcomes if outcome.failure is DeliveryFailure.HELD_BACK]
    assert {outcome.failure for outcome in outcomes} <= {None, DeliveryFailure.HELD_BACK}
    assert len(held_back) + len(server.requests) == 30


@pytest.mark.threat("AMP-1", "AMP-10")
async def test_an_address_that_takes_nothing_is_called_so_often_whatever_its_names() -> None:
    with peer(answering(REFUSED)) as server:
        async with _engine(failing_per_minute=5) as engine:
            for number in range(20):
                await send(engine, [f"http://a{number}.test:{server.port}/"])
    assert len(server.requests) == 5


async def test_a_hub_at_home_bounds_nobody_by_the_address_of_its_machine() -> None:
    with peer(answering(REFUSED)) as server:
        async with _engine(at_home=True, failing_per_minute=5, connections_per_address=1) as engine:
            for number in range(20):
                await send(engine, [f"http://a{number}.test:{server.port}/"])
    assert len(server.requests) == 20


def test_an_address_that_took_something_lately_may_fail_for_those_that_do_not() -> None:
    places = Places(EngineLimits(failing_per_minute=2))
    shared = places.at("192.0.2.1")
    shared.taken_at = 100.0
    for _ in range(10):
        places.failed(shared, 200.0)
    assert not places.is_held_back(shared, 200.0)
    assert places.is_held_back(shared, 100.0 + 3601) is False, "failures are forgotten by then"
    for _ in range(10):
        places.failed(shared, 4_000.0)
    assert places.is_held_back(shared, 4_000.0)


def test_the_places_that_are_remembered_are_bounded_and_a_network_of_ipv6_is_one() -> None:
    places = Places(EngineLimits(origins=10))
    for number in range(1_000):
        places.at(f"192.0.2.{number % 256}") if number % 2 else places.at(f"198.51.100.{number % 256}")
    assert len(places._places) <= 20
    assert places.at("2001:db8::1") is places.at("2001:db8::ffff")
    assert places.at("2001:db8::1") is not places.at("2001:db8:0:1::1")
