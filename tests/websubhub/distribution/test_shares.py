"""Hosts that answer wait for none that hangs: on real sockets, however many hang, and whatever is known of them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from tests.waiting import until
from tests.websubhub.distribution.peers import CONTENT, NO_CONTENT, EngineClock, Peer, answering, open_engine, peer
from websubhub._distribution.delivery import Delivery
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome


@contextmanager
def hanging() -> Iterator[int]:
    """A port on which every address of this machine takes connections, and says nothing on any of them."""
    with socket.create_server(("", 0), backlog=4_096) as listener:
        yield listener.getsockname()[1]


def host(number: int, port: int, *, network: int = 0) -> str:
    """The callback of a subscriber on a host of its own."""
    return f"http://127.{network}.{number // 250 + 1}.{number % 250 + 1}:{port}/"


class Outcomes:
    """What came of deliveries, in the order in which they were settled."""

    def __init__(self) -> None:
        self.settled: list[tuple[str, DeliveryOutcome]] = []

    def __call__(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        self.settled.append((delivery.callback, outcome))

    @property
    def delivered(self) -> int:
        return sum(outcome.delivered for _, outcome in self.settled)

    @property
    def failed(self) -> int:
        return len(self.settled) - self.delivered


@contextmanager
def answering_hosts() -> Iterator[Peer]:
    server = Peer(answering(NO_CONTENT), address="")
    try:
        yield server
    finally:
        server.close()


@pytest.mark.threat("DOS-9")
async def test_hosts_that_hang_and_come_first_keep_no_new_host_waiting() -> None:
    with hanging() as port, answering_hosts() as good:
        async with open_engine() as engine, anyio.create_task_group() as tasks:
            outcomes = Outcomes()
            callbacks = [host(number, port) for number in range(600)]
            callbacks += [host(number, good.port, network=1) for number in range(20)]
            tasks.start_soon(engine.send, [Delivery(callback=url, content=CONTENT) for url in callbacks], outcomes)
            await until(lambda: outcomes.delivered == 20)
            assert outcomes.failed == 0, "those that hang have all their time"
            tasks.cancel_scope.cancel()


@pytest.mark.threat("DOS-9")
async def test_hosts_that_hung_before_share_a_quarter_of_the_places(clock: EngineClock) -> None:
    with hanging() as port, answering_hosts() as good:
        async with open_engine(connections=16, unanswered=8, total_seconds=3_000) as engine:
            bad = [Delivery(callback=host(number, port), content=CONTENT) for number in range(12)]
            async with anyio.create_task_group() as tasks:
                first = Outcomes()
                tasks.start_soon(engine.send, bad, first)
                await until(lambda: engine.statistics().busy == 12)
                clock.put_forward(3_001)
            assert {outcome.failure for _, outcome in first.settled} == {DeliveryFailure.TIMEOUT}
            async with anyio.create_task_group() as tasks:
                again = Outcomes()
                tasks.start_soon(engine.send, bad, again)
                await until(lambda: engine.statistics().aside == 4)
                await until(lambda: engine.statistics().suspects == 8)
                assert engine.statistics().busy == 8, "a quarter of the slots and half of what is aside"
                fresh = Outcomes()
                callbacks = [host(number, good.port, network=1) for number in range(40)]
                await engine.send([Delivery(callback=url, content=CONTENT) for url in callbacks], fresh)
                assert fresh.delivered == 40
                assert not again.settled
                clock.put_forward(3_001)
                # Those that begin after the clock was put forward have all their time then.
                await until(lambda: len(again.settled) == 8 and engine.statistics().busy == 4)
                clock.put_forward(3_001)
            assert len(again.settled) == 12


async def test_who_hangs_for_long_is_given_up_when_a_place_is_needed_and_has_all_its_time_then(
    clock: EngineClock,
) -> None:
    with hanging() as port, answering_hosts() as good:
        async with open_engine(connections=4, unanswered=4, total_seconds=3_000) as engine:
            bad, well = Outcomes(), Outcomes()
            async with anyio.create_task_group() as tasks:
                deliveries = [Delivery(callback=host(number, port), content=CONTENT) for number in range(8)]
                tasks.start_soon(engine.send, deliveries, bad)
                await until(lambda: engine.statistics().busy == 8)
                tasks.start_soon(engine.send, [Delivery(callback=host(0, good.port, network=1), content=CONTENT)], well)
                await until(lambda: engine.statistics().aside == 4)
                assert not bad.settled
                clock.put_forward(2.5)
                await until(lambda: well.delivered)
                given_up = [url for url, _ in bad.settled]
                assert 1 <= len(given_up) <= 4
                async with anyio.create_task_group() as again:
                    second = Outcomes()
                    again.start_soon(engine.send, [Delivery(callback=given_up[0], content=CONTENT)], second)
                    await until(lambda: engine.statistics().suspects == 1)
                    clock.put_forward(100)
                    await engine.send([Delivery(callback=host(1, good.port, network=1), content=CONTENT)], well)
                    assert not second.settled
                    clock.put_forward(3_001)


@pytest.mark.parametrize("abandoned", [True, False])
async def test_every_place_is_given_back(*, abandoned: bool, clock: EngineClock) -> None:
    with hanging() as port, peer(answering(NO_CONTENT)) as good:
        async with open_engine(connections=8, unanswered=8, total_seconds=3_000) as engine:
            outcomes = Outcomes()
            for _ in range(2):
                outcomes.settled.clear()
                async with anyio.create_task_group() as tasks:
                    callbacks = [*(host(number, port) for number in range(12)), good.url]
                    tasks.start_soon(
                        engine.send, [Delivery(callback=url, content=CONTENT) for url in callbacks], outcomes
                    )
                    await until(lambda: engine.statistics().aside >= 4)
                    if abandoned:
                        tasks.cancel_scope.cancel()
                    while not abandoned and len(outcomes.settled) < 13:
                        clock.put_forward(3_001)
                        await anyio.sleep(0.2)
            await engine.send([Delivery(callback=good.url, content=CONTENT)], outcomes)
            left = engine.statistics()
            assert (left.busy, left.suspects, left.aside, left.waiting) == (0, 0, 0, 0)
