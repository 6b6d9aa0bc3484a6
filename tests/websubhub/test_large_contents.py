"""However many topics are fetched, few large contents are in memory at once."""

from contextlib import AsyncExitStack
from functools import partial
from typing import Self

import anyio
import pytest

from _websub.calls.exchange import Incoming
from _websub.http import Headers
from websubhub._clients.large_contents import FREE_BYTES, LargeContents
from websubhub._clients.topic_answer import body_of

PIECE = 64 * 1024
LIMIT = 10 * 1024 * 1024


class Topic:
    """A content that goes on for ever, and how much of it was taken."""

    def __init__(self, pieces: int = 1_000) -> None:
        self.taken = 0
        self._pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self.taken >= self._pieces * PIECE:
            await anyio.sleep_forever()
        self.taken += PIECE
        return b"x" * PIECE


async def _fetch(topic: Topic, large: LargeContents, *, known: bool = False) -> None:
    async with AsyncExitStack() as arriving:
        incoming = Incoming(url="https://t.example/", status=200, headers=Headers([]), chunks=topic)
        await body_of(incoming, LIMIT, partial(large.admit, arriving, known=known))


@pytest.mark.threat("DOS-9", "DOS-10")
async def test_endless_topics_take_the_memory_of_a_few() -> None:
    large, topics, known = LargeContents(3, 2), [Topic(100) for _ in range(30)], [Topic(100) for _ in range(5)]
    async with anyio.create_task_group() as tasks:
        for topic in topics:
            tasks.start_soon(_fetch, topic, large)
        for topic in known:
            tasks.start_soon(partial(_fetch, topic, large, known=True))
        await anyio.wait_all_tasks_blocked()
        assert sorted(topic.taken for topic in topics) == [FREE_BYTES + PIECE] * 27 + [100 * PIECE] * 3
        assert sorted(topic.taken for topic in known) == [FREE_BYTES + PIECE] * 3 + [100 * PIECE] * 2
        tasks.cancel_scope.cancel()
    async with AsyncExitStack() as arriving:
        await large.admit(arriving, known=False)  # every place was given back


async def test_a_place_is_held_for_as_long_as_the_content_is_needed() -> None:
    large, arrived = LargeContents(1, 1), list[str]()

    async def arrive() -> None:
        async with AsyncExitStack() as arriving:
            await large.admit(arriving, known=False)
        arrived.append("another")

    async with anyio.create_task_group() as tasks:
        async with large.held():
            async with AsyncExitStack() as arriving:
                await large.admit(arriving, known=False)
            tasks.start_soon(arrive)
            await anyio.wait_all_tasks_blocked()
            assert arrived == []
        await anyio.wait_all_tasks_blocked()
        assert arrived == ["another"]
