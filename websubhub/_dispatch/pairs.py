"""The order of follow-ups: one at a time for a topic and callback, and the newest request wins."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio

from _websub.grammar.urls import url_identity

T = TypeVar("T")


class _Pair:
    """The shared state of the requests of one pair. It is freed with the last of them.

    Attributes:
        accepted: The number of the newest accepted request.
        begun: The number of the newest request whose follow-up has begun.
        newest: The turn of that request, until its follow-up has ended.
        lock: Held during a follow-up.
    """

    __slots__ = ("__weakref__", "accepted", "begun", "lock", "newest")

    def __init__(self) -> None:
        self.accepted = 0
        self.begun = 0
        self.newest: Turn | None = None
        self.lock = anyio.Lock()


class Turn:
    """The turn of one accepted request among those of its pair."""

    def __init__(self, pair: _Pair) -> None:
        pair.accepted += 1
        self._number = pair.accepted
        self._pair = pair
        self._waiting = anyio.CancelScope()

    async def run(self, work: Callable[["Turn"], Awaitable[T]]) -> T | None:
        """Do the work after that of older requests. Return None without doing it if a newer request arrives first."""
        pair = self._pair
        if pair.begun > self._number:
            return None
        pair.begun = self._number
        if pair.newest is not None:
            pair.newest._waiting.cancel()  # noqa: SLF001 - of the same class
        pair.newest = self
        try:
            if not await self.wait(pair.lock.acquire):
                return None
            try:
                return await work(self)
            finally:
                pair.lock.release()
        finally:
            if pair.newest is self:
                pair.newest = None  # otherwise the pair would never be freed

    async def wait(self, pause: Callable[[], Awaitable[object]]) -> bool:
        """Wait. Return False as soon as there is a newer request."""
        if self._pair.newest is not self:
            return False
        with anyio.CancelScope() as self._waiting:
            await pause()
            return True
        return False


class PairOrder:
    """Orders accepted requests of the same topic and callback.

    A verification in progress is completed. A request that waits, for its turn or for its next attempt, is given up for
    a newer one, so that there are never more than two for each pair.
    """

    def __init__(self) -> None:
        self._pairs: WeakValueDictionary[tuple[str, str], _Pair] = WeakValueDictionary()

    def accept(self, topic: str, callback: str) -> Turn:
        """Return the turn of a request. Call this in the order in which requests are accepted."""
        key = url_identity(topic), url_identity(callback)
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = _Pair()
        return Turn(pair)
