"""Many senders share one engine: whoever waits drives it for all, and nobody is left behind."""

import itertools
import logging
import socket
import threading
import time
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import pytest

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
    replace_clock,
    send,
    send_one,
)
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.engine import DeliveryEngine, EngineClosedError
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.statistics import EngineStatistics


def slow(seconds: float) -> object:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        while True:
            server.receive(sock)
            time.sleep(seconds)
            sock.sendall(NO_CONTENT)

    return script


def ignore(_: Delivery, __: DeliveryOutcome) -> None: ...


async def test_empty_batch_returns() -> None:
    async with open_engine() as engine:
        assert await send(engine, []) == []


async def test_hundreds_of_callers_share_the_engine() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine, anyio.create_task_group() as group:
            for _ in range(300):
                group.start_soon(send_one, engine, server.url)
    assert len(server.requests) == 300
    assert server.connections <= 8


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})], ids=["uvloop"])
async def test_uvloop_drives_it_as_well(anyio_backend: object, clock: EngineClock) -> None:
    assert anyio_backend
    silent_outcomes: list[DeliveryOutcome] = []

    with peer(answering(NO_CONTENT)) as server, peer(hang) as silent:
        async with open_engine(total_seconds=2_000) as engine, anyio.create_task_group() as group:
            to_silent = Delivery(callback=silent.url, content=CONTENT)
            group.start_soon(engine.send, [to_silent], lambda _, outcome: silent_outcomes.append(outcome))
            async with anyio.create_task_group() as others:
                for _ in range(20):
                    others.start_soon(send, engine, [server.url] * 20)
            clock.put_forward(2_100)
    assert [outcome.delivered for outcome in silent_outcomes] == [False]
    assert len(server.requests) == 400


async def test_short_batch_overtakes_a_long_one() -> None:
    order: list[str] = []

    async def run(engine: DeliveryEngine, url: str, number: int) -> None:
        await send(engine, [url] * number)
        order.append(f"{number}")

    with peer(answering(NO_CONTENT)) as server, peer(answering(NO_CONTENT)) as other:
        async with open_engine(connections=4, connections_per_origin=2) as engine, anyio.create_task_group() as group:
            group.start_soon(run, engine, server.url, 3000)
            await until(lambda: server.requests)
            group.start_soon(run, engine, other.url, 20)
    assert order == ["20", "3000"]


async def test_batch_for_a_slow_origin_does_not_stop_the_others() -> None:
    with peer(hang) as silent, peer(answering(NO_CONTENT)) as healthy:
        async with open_engine(connections_per_origin=1, waiting=4) as engine, anyio.create_task_group() as group:
            group.start_soon(send, engine, [silent.url] * 8)
            await until(lambda: silent.connections)
            outcomes = await send(engine, [healthy.url] * 200)
            group.cancel_scope.cancel()
    assert all(outcome.delivered for outcome in outcomes)


async def test_slow_origin_does_not_stop_its_own_batch() -> None:
    done: list[object] = []
    others_are_done = threading.Event()

    def settled(delivery: Delivery, _: DeliveryOutcome) -> None:
        done.append(delivery.key)
        if len(done) == 50:
            others_are_done.set()

    def script(server: Peer, sock: socket.socket, _: int) -> None:
        while True:
            server.receive(sock)
            others_are_done.wait(PATIENCE)
            sock.sendall(NO_CONTENT)

    with peer(script) as server, peer(answering(NO_CONTENT)) as healthy:
        deliveries = [
            Delivery(callback=url, content=CONTENT, key=key)
            for key, url in [("slow", server.url)] * 6 + [("healthy", healthy.url)] * 50
        ]
        async with open_engine(connections_per_origin=2) as engine:
            await engine.send(deliveries, settled)
    assert done == ["healthy"] * 50 + ["slow"] * 6


async def test_driver_that_leaves_hands_over() -> None:
    with peer(hang) as silent, peer(slow(0.05)) as server:  # type: ignore[arg-type]
        async with open_engine(connections_per_origin=1) as engine, anyio.create_task_group() as group:
            driver = anyio.CancelScope()

            async def drive() -> None:
                with driver:
                    await send_one(engine, silent.url)

            finished = []

            async def follow() -> None:
                finished.append(await send(engine, [server.url] * 4))

            group.start_soon(drive)
            await until(lambda: silent.connections)
            group.start_soon(follow)
            group.start_soon(follow)
            await until(lambda: server.requests)
            driver.cancel()
    assert all(outcome.delivered for outcomes in finished for outcome in outcomes)


async def test_cancelled_caller_drops_its_connections_and_hears_nothing() -> None:
    heard: list[DeliveryOutcome] = []

    with peer(hang) as silent, peer(answering(NO_CONTENT)) as server:
        async with open_engine(connections_per_origin=2) as engine:
            async with anyio.create_task_group() as group:
                deliveries = [Delivery(callback=silent.url, content=CONTENT) for _ in range(10)]
                group.start_soon(engine.send, deliveries, lambda _, outcome: heard.append(outcome))
                await until(lambda: silent.connections == 2)
                group.cancel_scope.cancel()
            assert (await send_one(engine, server.url)).delivered
            assert engine.statistics().connections == 1
    assert heard == []


async def test_room_of_a_cancelled_caller_goes_to_those_who_wait() -> None:
    scope = anyio.CancelScope()
    heard = anyio.Event()

    async def occupy(engine: DeliveryEngine, url: str) -> None:
        with scope:
            await send(engine, [url] * 3)

    async def wait(engine: DeliveryEngine, url: str) -> None:
        assert (await send_one(engine, url)).delivered
        heard.set()

    with peer(hang) as silent, peer(answering(NO_CONTENT)) as server:
        async with open_engine(connections=2) as engine, anyio.create_task_group() as group:
            group.start_soon(send, engine, [silent.url])
            await until(lambda: silent.connections == 1)
            group.start_soon(occupy, engine, silent.url)
            await until(lambda: silent.connections == 2)
            group.start_soon(wait, engine, server.url)
            await anyio.wait_all_tasks_blocked()
            assert server.connections == 0
            scope.cancel()
            with anyio.fail_after(PATIENCE):
                await heard.wait()
            group.cancel_scope.cancel()


async def test_deliveries_are_taken_only_when_there_is_room() -> None:
    taken = settled = most = 0

    def deliveries(url: str) -> Iterator[Delivery]:
        nonlocal taken, most
        for _ in range(500):
            taken += 1
            most = max(most, taken - settled)
            yield Delivery(callback=url, content=CONTENT)

    def count(_: Delivery, outcome: DeliveryOutcome) -> None:
        nonlocal settled
        assert outcome.delivered
        settled += 1

    with peer(answering(NO_CONTENT)) as server:
        async with open_engine(connections=4, connections_per_origin=2, waiting=10) as engine:
            await engine.send(deliveries(server.url), count)
    assert settled == 500
    assert most <= 2 + 10 + 1


async def test_error_of_the_iterable_reaches_its_own_caller_after_the_rest() -> None:
    heard: list[DeliveryOutcome] = []

    def deliveries(url: str) -> Iterator[Delivery]:
        yield Delivery(callback=url, content=CONTENT)
        yield Delivery(callback=url, content=CONTENT)
        raise LookupError("no more")

    with peer(slow(0.02)) as server:  # type: ignore[arg-type]
        async with open_engine() as engine, anyio.create_task_group() as group:
            group.start_soon(send, engine, [server.url] * 3)
            with pytest.raises(LookupError, match="no more"):
                await engine.send(deliveries(server.url), lambda _, outcome: heard.append(outcome))
    assert [outcome.status for outcome in heard] == [204, 204]
    assert len(server.requests) == 5


async def test_failing_receiver_is_logged_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Delivery, __: DeliveryOutcome) -> None:
        raise LookupError("of the receiver")

    with peer(answering(NO_CONTENT)) as server, caplog.at_level(logging.ERROR):
        async with open_engine() as engine:
            await engine.send([Delivery(callback=server.url, content=CONTENT) for _ in range(3)], fail)
            assert (await send_one(engine, server.url)).delivered
    assert len(caplog.records) == 3
    assert server.url not in caplog.text


async def test_closed_engine_says_so() -> None:
    engine = open_engine()
    await engine.aclose()
    with pytest.raises(EngineClosedError, match="closed"):
        await send(engine, [])


async def test_closing_ends_those_who_wait() -> None:
    errors: list[BaseException] = []

    async def run(engine: DeliveryEngine, url: str) -> None:
        try:
            await send_one(engine, url)
        except EngineClosedError as error:
            errors.append(error)

    with peer(hang) as silent:
        engine = open_engine()
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(run, engine, silent.url)
                await until(lambda: silent.connections == 3)
                engine.close()
    assert len(errors) == 3
    assert engine.statistics() == EngineStatistics()


async def test_engine_belongs_to_one_event_loop(anyio_backend_name: str) -> None:
    problems: list[str] = []

    def elsewhere(engine: DeliveryEngine, url: str) -> None:
        try:
            anyio.run(send_one, engine, url, backend=anyio_backend_name)
        except RuntimeError as error:
            problems.append(str(error))

    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine:
            assert (await send_one(engine, server.url)).delivered
            thread = threading.Thread(target=elsewhere, args=(engine, server.url))
            thread.start()
            thread.join(PATIENCE)
            assert (await send_one(engine, server.url)).delivered
    assert problems == ["A delivery engine belongs to the event loop that used it first; make one for each loop."]


async def test_turn_ends_with_its_time_whatever_there_is_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each look at the clock takes half a millisecond, so a turn of two is over after a few looks.
    looks = itertools.count()
    replace_clock(monkeypatch, lambda: next(looks) / 2_000)
    settled = most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            before = settled
            await anyio.lowlevel.checkpoint()
            most = max(most, settled - before)

    def count(_: Delivery, outcome: DeliveryOutcome) -> None:
        nonlocal settled
        assert outcome.failure is DeliveryFailure.INVALID_REQUEST
        settled += 1

    async with open_engine() as engine, anyio.create_task_group() as group:
        group.start_soon(watch)
        await anyio.lowlevel.checkpoint()  # it begins to watch
        await engine.send((Delivery(callback="no callback", content=CONTENT) for _ in range(2_000)), count)
        group.cancel_scope.cancel()
    assert settled == 2_000
    assert 0 < most <= 20
