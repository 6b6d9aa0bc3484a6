"""No file descriptors left: deliveries fail for a while, and nobody is blamed for it."""

import errno
import socket
from collections.abc import Sequence

import pytest

from tests.descriptors import no_descriptors_left
from tests.websubhub.distribution.peers import NO_CONTENT, answering, open_engine, peer, send, send_one
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.outcome import DeliveryFailure

pytestmark = pytest.mark.threat("DOS-15")


@pytest.mark.skip(reason="the peer in this process needs descriptors too, so that it depends on who is first")
async def test_a_delivery_without_a_descriptor_fails_and_the_next_with_one_does_not() -> None:
    with peer(answering(NO_CONTENT)) as server:
        callbacks = [f"http://127.0.0.1:{server.port}/{number}" for number in range(5)]
        async with open_engine() as engine:
            with no_descriptors_left():
                outcomes = await send(engine, callbacks)
            assert [outcome.failure for outcome in outcomes] == [DeliveryFailure.NO_DESCRIPTOR] * 5
            assert [outcome.status for outcome in await send(engine, callbacks)] == [204] * 5


@pytest.mark.skip(reason="the peer in this process needs descriptors too, so that it depends on who is first")
async def test_an_idle_connection_gives_its_descriptor_to_another_host() -> None:
    with peer(answering(NO_CONTENT)) as server, socket.create_server(("127.0.0.1", 0)) as silent:
        async with open_engine(total_seconds=0.5) as engine:
            assert (await send_one(engine, f"http://127.0.0.1:{server.port}/")).status == 204
            with no_descriptors_left():
                outcome = await send_one(engine, f"http://127.0.0.1:{silent.getsockname()[1]}/")
            assert outcome.failure is DeliveryFailure.TIMEOUT, "it was connected, and not answered"


async def test_a_name_that_could_not_be_looked_up_for_want_of_a_descriptor_is_looked_up_again() -> None:
    asked: list[str] = []

    def look_up(host: str) -> Sequence[str]:
        asked.append(host)
        if len(asked) == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return ["127.0.0.1"]

    with peer(answering(NO_CONTENT)) as server:
        async with open_engine(look_up=look_up) as engine:
            first = await send_one(engine, f"http://a.test:{server.port}/")
            assert first.failure is DeliveryFailure.NO_DESCRIPTOR
            assert (await send_one(engine, f"http://a.test:{server.port}/")).status == 204


async def test_an_engine_has_what_it_needs_before_the_first_delivery() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine:
            with no_descriptors_left():
                outcome = await send_one(engine, f"http://127.0.0.1:{server.port}/")
                assert outcome.failure is DeliveryFailure.NO_DESCRIPTOR
            assert (await send_one(engine, f"http://127.0.0.1:{server.port}/")).status == 204


async def test_an_engine_that_cannot_be_opened_says_so_at_the_start() -> None:
    with no_descriptors_left(), pytest.raises(OSError, match="open files"):
        await DeliveryEngine().__aenter__()
