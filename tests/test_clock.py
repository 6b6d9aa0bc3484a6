"""The fake clock of the tests."""

import anyio
import pytest

from tests.clock import anyio_backend_with_fake_clock as anyio_backend  # noqa: F401 - the event loops of this module


async def test_an_hour_passes_at_once_and_to_the_second() -> None:
    before = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for seconds in (3_600, 60, 1):
            tasks.start_soon(anyio.sleep, seconds)
    assert anyio.current_time() - before == pytest.approx(3_600)


async def test_deadlines_are_met_in_their_order() -> None:
    events = []
    with anyio.move_on_after(5) as scope:
        for seconds in (1, 2, 3):
            await anyio.sleep(seconds)
            events.append(seconds)
    assert (events, scope.cancelled_caught) == ([1, 2], True)


async def test_no_time_passes_while_anything_is_sent() -> None:
    async def echo(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.send(await stream.receive())

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, echo)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - of anyio, not of Django
        before = anyio.current_time()
        for _ in range(50):
            with anyio.fail_after(0.001):
                async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                    await stream.send(b"x" * 100)
                    assert await stream.receive() == b"x" * 100
        assert anyio.current_time() == before
        tasks.cancel_scope.cancel()
