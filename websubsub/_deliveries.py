"""Deliveries that came before, and deliveries that wait for their turn; both bounded."""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from enum import StrEnum

import anyio


class Sight(StrEnum):
    """Whether a delivery was seen before."""

    NEW = "new"
    RUNNING = "running"
    DONE = "done"


class MessageIds:
    """The message ids that were handled, the latest of them.

    Args:
        limit: How many are remembered.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._done: OrderedDict[bytes, None] = OrderedDict()
        self._running: set[bytes] = set()

    @staticmethod
    def key(token: str, message_id: str, body: bytes) -> bytes:
        """What a delivery is recognised by.

        No signature covers the id, so the content counts too: nobody can make a later delivery look like a repetition.
        """
        return hashlib.sha256(f"{token}\n{message_id}\n".encode() + hashlib.sha256(body).digest()).digest()

    def begin(self, key: bytes) -> Sight:
        """Note that a delivery is being handled, and say whether it was before."""
        if key in self._done:
            self._done.move_to_end(key)
            return Sight.DONE
        if key in self._running:
            return Sight.RUNNING
        self._running.add(key)
        return Sight.NEW

    def end(self, key: bytes, *, done: bool) -> None:
        """Note that handling ended; one that failed may come again."""
        self._running.discard(key)
        if done and self._limit:
            self._done[key] = None
            while len(self._done) > self._limit:
                self._done.popitem(last=False)


class Queue:
    """Work that is done after the answer, in the order in which it came.

    Args:
        limit: How much may wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Callable[[], Awaitable[object]]] = deque()
        self._turn: anyio.Lock | None = None

    def put(self, work: Callable[[], Awaitable[object]]) -> bool:
        """Add work, false when there is no room; ``drain`` must be awaited after it."""
        if len(self._waiting) >= self._limit:
            return False
        self._waiting.append(work)
        return True

    async def drain(self) -> None:
        """Do all work that waits, one at a time."""
        if self._turn is None:
            self._turn = anyio.Lock()
        async with self._turn:
            # Follow-ups may start in any order, and one whose hub went away never does.
            while self._waiting:
                await self._waiting.popleft()()
