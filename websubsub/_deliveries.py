"""Recognising repeated deliveries, and a queue of deliveries. Both are limited."""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from enum import StrEnum

import anyio


class Seen(StrEnum):
    """Whether a delivery was seen before."""

    NEW = "new"
    RUNNING = "running"
    DONE = "done"


class MessageIds:
    """The message ids that were handled most recently.

    Args:
        limit: How many are remembered.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._done: OrderedDict[bytes, None] = OrderedDict()
        self._running: set[bytes] = set()

    @staticmethod
    def key(token: str, message_id: str, body: bytes) -> bytes:
        """Return the key that identifies a delivery.

        The signature does not cover the id, so the content is part of the key. Otherwise, anyone could make a later
        delivery look like a repetition.
        """
        return hashlib.sha256(f"{token}\n{message_id}\n".encode() + hashlib.sha256(body).digest()).digest()

    def begin(self, key: bytes) -> Seen:
        """Begin to handle a delivery. Return whether it was handled before."""
        if key in self._done:
            self._done.move_to_end(key)
            return Seen.DONE
        if key in self._running:
            return Seen.RUNNING
        self._running.add(key)
        return Seen.NEW

    def end(self, key: bytes, *, done: bool) -> None:
        """End the handling of a delivery. A failed one may come again."""
        self._running.discard(key)
        if done and self._limit:
            self._done[key] = None
            while len(self._done) > self._limit:
                self._done.popitem(last=False)


class Queue:
    """Work to do after the response, in order.

    Args:
        limit: How much work may wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Callable[[], Awaitable[object]]] = deque()
        self._turn: anyio.Lock | None = None

    def put(self, work: Callable[[], Awaitable[object]]) -> bool:
        """Add work, and return True, or False if the queue is full. Await ``drain`` afterwards."""
        if len(self._waiting) >= self._limit:
            return False
        self._waiting.append(work)
        return True

    async def drain(self) -> None:
        """Do all waiting work, one piece at a time."""
        if self._turn is None:
            self._turn = anyio.Lock()
        async with self._turn:
            # Follow-ups may start in any order, or not at all if the hub disconnected.
            while self._waiting:
                await self._waiting.popleft()()
