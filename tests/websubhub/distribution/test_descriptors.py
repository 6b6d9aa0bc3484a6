"""No file descriptors left: deliveries fail for a while, and nobody is blamed for it."""

import errno
import sys
from collections.abc import Sequence

import anyio
import pytest

from tests.descriptors import no_descriptors_left
from tests.documents import ROOT
from tests.websubhub.distribution.peers import NO_CONTENT, answering, open_engine, peer, send_one
from websubhub._distribution.engine import DeliveryEngine
from websubhub._distribution.outcome import DeliveryFailure

pytestmark = pytest.mark.threat("DOS-15")


#: The engine alone in a process, so that nobody else in it takes the descriptors that it gives up, or gives it some.
ALONE = """
import sys

import anyio

from tests.documents import ROOT
from tests.descriptors import no_descriptors_left
from tests.websubhub.distribution.peers import open_engine, send


async def main(first: list[str], without: list[str], afterwards: list[str]) -> None:
    async with open_engine(total_seconds=5) as engine:
        said = [await send(engine, first)]
        with no_descriptors_left():
            said.append(await send(engine, without))
        said.append(await send(engine, afterwards))
    for outcomes in said:
        print(" ".join(str(outcome.status or outcome.failure.name) for outcome in outcomes))


anyio.run(main, *(argument.split() for argument in sys.argv[2:]), backend=sys.argv[1])
"""


async def said_alone(backend: str, first: str, without: str, afterwards: str) -> list[str]:
    """What deliveries end with before, while and after there are no descriptors left, a line each."""
    result = await anyio.run_process([sys.executable, "-c", ALONE, backend, first, without, afterwards], cwd=ROOT)
    return result.stdout.decode().splitlines()


async def test_a_delivery_without_a_descriptor_fails_and_the_next_with_one_does_not(anyio_backend_name: str) -> None:
    with peer(answering(NO_CONTENT)) as server:
        callbacks = " ".join(f"{server.url}/{number}" for number in range(5))
        said = await said_alone(anyio_backend_name, "", callbacks, callbacks)
    assert said == ["", " ".join(["NO_DESCRIPTOR"] * 5), " ".join(["204"] * 5)]


async def test_an_idle_connection_gives_its_descriptor_to_another_host(anyio_backend_name: str) -> None:
    with peer(answering(NO_CONTENT)) as one, peer(answering(NO_CONTENT)) as other:
        said = await said_alone(anyio_backend_name, f"{one.url}/", f"{other.url}/", f"{one.url}/")
    assert said == ["204", "204", "204"]


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
