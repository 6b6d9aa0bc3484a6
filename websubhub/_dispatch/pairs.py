"""The order of follow-ups: those of one topic and callback one after the other, and the newest request wins."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio

from _websub.grammar.urls import url_identity

T = TypeVar("T")


class _Lane:
    """What the requests of one pair share; it is gone when the last of them is.

    Attributes:
        accepted: The number of the newest request that was accepted.
        begun: The number of the newest whose follow-up has begun.
        newest: Its turn, until the follow-up has ended.
        lock: Held by the one that is followed up.
    """

    __slots__ = ("__weakref__", "accepted", "begun", "lock", "newest")

    def __init__(self) -> None:
        self.accepted = 0
        self.begun = 0
        self.newest: Turn | None = None
        self.lock = anyio.Lock()


class Turn:
    """The place of one accepted request among those of its pair."""

    def __init__(self, lane: _Lane) -> None:
        lane.accepted += 1
        self._number = lane.accepted
        self._lane = lane
        self._waiting = anyio.CancelScope()

    async def run(self, work: Callable[["Turn"], Awaitable[T]]) -> T | None:
        """Do the work once that of older requests has ended; None, and no work, if a newer one has come before."""
        lane = self._lane
        if lane.begun > self._number:
            return None
        lane.begun = self._number
        if lane.newest is not None:
            lane.newest._waiting.cancel()  # noqa: SLF001 - of the same class
        lane.newest = self
        try:
            if not await self.wait(lane.lock.acquire):
                return None
            try:
                return await work(self)
            finally:
                lane.lock.release()
        finally:
            if lane.newest is self:
                lane.newest = None  # it would keep the lane for ever

    async def wait(self, pause: Callable[[], Awaitable[object]]) -> bool:
        """Wait. Returns False, as soon as that is so, if there is a newer request."""
        if self._lane.newest is not self:
            return False
        with anyio.CancelScope() as self._waiting:
            await pause()
            return True
        return False


class PairOrder:
    """Gives each accepted request its turn among those of the same topic and callback.

    An older request that is being verified is verified to its end. One that waits, for its turn or for its next
    attempt, is given up for a newer one, so that there are never more than two for each pair.
    """

    def __init__(self) -> None:
        self._lanes: WeakValueDictionary[tuple[str, str], _Lane] = WeakValueDictionary()

    def accept(self, topic: str, callback: str) -> Turn:
        """Give a request its turn; call it in the order in which requests are accepted."""
        pair = url_identity(topic), url_identity(callback)
        lane = self._lanes.get(pair)
        if lane is None:
            lane = self._lanes[pair] = _Lane()
        return Turn(lane)
