"""No answer of a peer holds the event loop, whoever asked for it: everything else a process does goes on meanwhile."""

import gc
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from tests.benchmarks.stall import Steps
from tests.hostile.outgoing import ANSWERS, LONG, Asking, answering_with, ask, cases
from tests.turns import CALLS_MOST, watched
from tests.waiting import PATIENCE
from tests.websubhub.distribution.peers import NO_CONTENT, Peer, answering, peer
from websubhub import PublisherClient, UpdateMessageError


def each_case(answers: Sequence[str]) -> pytest.MarkDecorator:
    """Run a test for every way and every one of these answers."""
    return pytest.mark.parametrize(
        ("way", "answer"), [pytest.param(way, name, id=f"{way.__name__}, {name}") for way, name in cases(answers)]
    )


@pytest.mark.threat("SLOW-5", "DOS-5")
@each_case([name for name in ANSWERS if name not in LONG])
async def test_no_answer_is_more_work_than_fits_into_a_step(way: Asking, answer: str) -> None:
    with peer(answering_with(answer)) as server, anyio.fail_after(PATIENCE):
        async with watched() as turns:
            await ask(way, server.url)
    assert server.requests
    assert 0 < turns.most < CALLS_MOST


@pytest.mark.durability
@each_case([*ANSWERS])
async def test_no_answer_holds_the_event_loop_for_50_ms(way: Asking, answer: str) -> None:
    steps = Steps()
    with peer(answering(NO_CONTENT)) as server:
        await ask(way, server.url)  # what is made once in a process, such as the context of TLS
    gc.collect()
    gc.freeze()  # all that the tests have in memory is no part of what is measured
    with peer(answering_with(answer)) as server, anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(steps.watch)
            await ask(way, server.url)
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    gc.unfreeze()
    assert steps.longest < 0.05


@pytest.mark.threat("SLOW-5")
async def test_a_hub_that_takes_no_request_is_given_up_with_its_connection() -> None:
    given_up, ended = threading.Event(), threading.Event()

    def script(_: Peer, sock: socket.socket, __: int) -> None:
        given_up.wait(PATIENCE)
        with suppress(ConnectionError):
            while sock.recv(1 << 20):
                pass
        ended.set()

    with peer(script) as server:
        async with PublisherClient(server.url, timeout=0.3) as client:
            with pytest.raises(UpdateMessageError, match="no answer in time"):
                await client.publish_update("https://topic.example/", bytes(50_000_000))
        given_up.set()
        assert await anyio.to_thread.run_sync(ended.wait, PATIENCE)
