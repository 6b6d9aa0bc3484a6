"""Names are looked up beside the work, every address is checked, and connections go where was checked."""

import socket
import threading
from collections.abc import Sequence

import anyio
import pytest

from tests.waiting import PATIENCE, until
from tests.websubhub.distribution.peers import NO_CONTENT, EngineClock, answering, open_engine, peer, send, send_one
from websubhub._distribution.outcome import DeliveryFailure


class Names:
    """A resolver that knows these names below ``.test``, and remembers what it was asked."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._names = names

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        addresses = self._names.get(host.removesuffix(".test"))
        if addresses is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return addresses


async def test_name_is_looked_up_once_and_the_request_says_it() -> None:
    names = Names(a=["127.0.0.1"])
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine(look_up=names) as engine:
            outcomes = await send(engine, [f"http://a.test:{server.port}/"] * 30)
            outcomes.append(await send_one(engine, f"http://A.test:{server.port}/"))
    assert all(outcome.delivered for outcome in outcomes)
    assert names.asked == ["a.test"]
    assert f"\r\nHost: a.test:{server.port}\r\n".encode() in server.requests[0]


async def test_unknown_name_is_an_outcome_and_remembered() -> None:
    names = Names()
    async with open_engine(look_up=names) as engine:
        outcomes = await send(engine, ["http://a.test/"] * 20)
        outcomes.append(await send_one(engine, "https://a.test/"))
    assert {(outcome.failure, outcome.status) for outcome in outcomes} == {(DeliveryFailure.UNRESOLVED_NAME, 0)}
    assert names.asked == ["a.test"]


@pytest.mark.threat("SSRF-8")
async def test_one_refused_address_refuses_the_name() -> None:
    with peer(answering(NO_CONTENT)) as server:
        for refused in ("10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1%lo", "0.0.0.1", "not-an-address"):
            names = Names(a=["127.0.0.1", refused])
            async with open_engine(look_up=names) as engine:
                outcome = await send_one(engine, f"http://a.test:{server.port}/")
            assert outcome.failure is DeliveryFailure.REFUSED_ADDRESS
    assert server.connections == 0


async def test_refused_literal_is_not_called() -> None:
    with peer(answering(NO_CONTENT)) as server:
        names = Names()
        async with open_engine(look_up=names, loopback=False) as engine:
            literals = ["127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"]
            outcomes = await send(engine, [f"http://{literal}:{server.port}/" for literal in literals])
    assert [outcome.failure for outcome in outcomes] == [DeliveryFailure.REFUSED_ADDRESS] * 5
    assert names.asked == []
    assert server.connections == 0


async def test_number_that_the_system_takes_for_an_address_is_checked() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine(loopback=False) as engine:
            hosts = ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"]
            outcomes = await send(engine, [f"http://{host}:{server.port}/" for host in hosts])
    assert {outcome.delivered for outcome in outcomes} == {False}
    assert server.connections == 0


@pytest.mark.threat("SSRF-9")
async def test_rebinding_does_not_help(clock: EngineClock) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked = []

    def look_up(host: str) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    with peer(answering(NO_CONTENT)) as server:
        async with open_engine(look_up=look_up) as engine:
            for _ in range(3):
                assert (await send_one(engine, f"http://a.test:{server.port}/")).delivered
            clock.put_forward(3_600)  # the name is looked up again, and a new connection is needed
            outcome = await send_one(engine, f"http://a.test:{server.port}/")
    assert outcome.failure is DeliveryFailure.REFUSED_ADDRESS
    assert (len(asked), server.connections) == (2, 1)


async def test_next_address_is_tried() -> None:
    with peer(answering(NO_CONTENT)) as server:
        names = Names(a=["127.0.0.2", "::1", "127.0.0.3", "127.0.0.1"])
        async with open_engine(look_up=names) as engine:
            outcomes = await send(engine, [f"http://a.test:{server.port}/"] * 3)
    assert [outcome.status for outcome in outcomes] == [204] * 3


@pytest.mark.threat("SSRF-24")
async def test_no_more_than_sixteen_addresses_are_tried() -> None:
    with peer(answering(NO_CONTENT)) as server:
        names = Names(a=[f"127.0.0.{last}" for last in range(2, 18)] + ["127.0.0.1"])
        async with open_engine(look_up=names) as engine:
            outcome = await send_one(engine, f"http://a.test:{server.port}/")
    assert outcome.failure is DeliveryFailure.CONNECT


@pytest.mark.threat("SSRF-24")
async def test_dead_names_do_not_delay_a_healthy_one() -> None:
    end = threading.Event()
    asked: list[str] = []

    def look_up(host: str) -> Sequence[str]:
        if host.startswith("dead"):
            asked.append(host)
            end.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return ["127.0.0.1"]

    with peer(answering(NO_CONTENT)) as server:
        async with open_engine(look_up=look_up, lookups=40) as engine, anyio.create_task_group() as group:
            group.start_soon(send, engine, [f"http://dead{number}.test/" for number in range(29)])
            await until(lambda: len(asked) == 29)
            assert (await send_one(engine, f"http://healthy.test:{server.port}/")).delivered
            end.set()


@pytest.mark.threat("SSRF-24")
async def test_lookup_takes_no_longer_than_it_may() -> None:
    end = threading.Event()

    def look_up(_: str) -> Sequence[str]:
        end.wait(PATIENCE)
        return ["127.0.0.1"]

    async with open_engine(look_up=look_up, lookup_seconds=0.2) as engine:
        try:
            outcomes = await send(engine, ["http://dead.test/"] * 3)
            assert not end.is_set()
        finally:
            end.set()
    assert {outcome.failure for outcome in outcomes} == {DeliveryFailure.UNRESOLVED_NAME}


async def test_names_that_were_met_have_threads_of_their_own(clock: EngineClock) -> None:
    end = threading.Event()
    asked: list[str] = []

    def look_up(host: str) -> Sequence[str]:
        if host.startswith("dead"):
            asked.append(host)
            end.wait(PATIENCE)
            return []
        return ["127.0.0.1"]

    with peer(answering(NO_CONTENT)) as server:
        async with open_engine(look_up=look_up, lookups=4) as engine:
            assert (await send_one(engine, f"http://healthy.test:{server.port}/")).delivered
            clock.put_forward(3_600)  # the name is looked up again, and a new connection is needed
            async with anyio.create_task_group() as group:
                group.start_soon(send, engine, [f"http://dead{number}.test/" for number in range(100)])
                await until(lambda: asked)
                assert (await send_one(engine, f"http://healthy.test:{server.port}/")).delivered
                end.set()


async def test_resolver_may_do_anything() -> None:
    def look_up(host: str) -> Sequence[str]:
        if host == "none.test":
            return []
        if host == "label.test":
            raise UnicodeError("label too long")
        raise ZeroDivisionError

    async with open_engine(look_up=look_up) as engine:
        outcomes = await send(engine, ["http://none.test/", "http://label.test/", "http://other.test/"])
    assert [outcome.failure for outcome in outcomes] == [DeliveryFailure.UNRESOLVED_NAME] * 3


async def test_system_resolver_knows_localhost() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine:
            assert (await send_one(engine, f"http://localhost:{server.port}/")).delivered
