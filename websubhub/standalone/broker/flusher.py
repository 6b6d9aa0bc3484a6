"""Writing the outcomes of deliveries to the journal, with the next publish or in batches."""

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

import anyio
from attrs import frozen

from websubhub.standalone.broker.desk import Desk
from websubhub.standalone.broker.journal import Appended, Journal
from websubhub.standalone.broker.settlements import Retry, Settlements
from websubhub.standalone.ports import StoreError

# A crash repeats the deliveries whose outcomes were not written yet: at most _FEW, or those of _TOGETHER_SECONDS.
_TOGETHER_SECONDS = 0.02
_FEW = 64
_LOOKS = 10
# A commit of their own delays the publish that comes meanwhile, so a slow disk is spared it.
_QUICK_SECONDS = 0.005
_AGAIN_SECONDS = 1.0
_UNWRITTEN_MOST = 100_000

log: logging.Logger = logging.getLogger("websubhub")


@frozen(kw_only=True)
class Pace:
    """When to write outcomes.

    Args:
        together: Seconds between two checks for more than a few outcomes, or None for a file on this machine.
        looks: How often to check, or None. This limits how long a few outcomes wait for a publish.
        along: Whether to write a few outcomes in the same step as a publish.
        trusted: If outcomes cannot be written, returns the seconds after which to claim no more deliveries.
    """

    together: float | None = None
    looks: int | None = None
    along: bool = True
    trusted: Callable[[], float] = lambda: math.inf


class Flusher:
    """Writes settlements in the background. Those that cannot be written are kept and written later.

    Args:
        journal: The journal to write to.
        desk: The desk that collects them.
        pace: When to write them.
    """

    def __init__(self, journal: Journal, desk: Desk, pace: Pace) -> None:
        self._journal = journal
        self._desk = desk
        self._pace = pace
        self._unwritten_since = math.inf
        self._fails = False
        self._settle_seconds = 0.0
        self._lock = anyio.Lock(fast_acquire=True)
        self._unwritten: list[Settlements] = []

    def is_behind(self) -> bool:
        """Return whether too many outcomes are unwritten, or for too long, to claim more deliveries."""
        return bool(self._unwritten) and (
            sum(unwritten.count for unwritten in self._unwritten) > _UNWRITTEN_MOST
            or monotonic() - self._unwritten_since > self._pace.trusted()
        )

    async def run(self) -> None:
        """Write outcomes until cancelled."""
        while True:
            if not self._desk.settlements.count and not self._unwritten:
                await self._desk.unwritten.wait(_AGAIN_SECONDS)
            await self._gather()
            try:
                await self.flush()
            except StoreError as error:
                log.warning("Outcomes of deliveries could not be written and will be written later: %s", error)
                await anyio.sleep(_AGAIN_SECONDS)

    async def _gather(self) -> None:
        """Wait for more outcomes. A publish may write them, and many cost little more than one."""
        together, looks = self._pace.together, self._pace.looks
        for _ in range(_LOOKS if looks is None else looks):
            before = self._desk.settlements
            await anyio.sleep(_TOGETHER_SECONDS if together is None else together)
            waiting = self._desk.settlements
            if self._unwritten or waiting.ended or not 0 < waiting.count < _FEW:
                return
            if self._pace.along and waiting is before and self._settle_seconds < _QUICK_SECONDS:
                return  # Nobody is publishing. It is better to write them now than to make the next publish longer.

    async def unwritten_retries(self, subscriptions: Sequence[int]) -> dict[int, Retry]:
        """Write the retries of subscriptions if they are not written yet, and return those that cannot be written.

        Nothing is tried while writing fails: deliveries would wait for it each time, and ``run`` tries it anyway.
        """
        found = self._retries_of(subscriptions)
        if not found:
            return {}
        if not self._fails:
            try:
                await self.flush()
            except StoreError as error:
                log.debug("Outcomes of deliveries could not be written now: %s", error)
            else:
                return {}
        return found

    def _retries_of(self, subscriptions: Sequence[int]) -> dict[int, Retry]:
        found: dict[int, Retry] = {}
        for settlements in (*self._unwritten, self._desk.settlements):
            if retries := settlements.retries:
                found |= {number: retries[number] for number in subscriptions if number in retries}
        return found

    async def take_along(self, append: Callable[[Settlements | None], Awaitable[Appended]]) -> Appended:
        """Append an update, and write waiting outcomes in the same step if there are few.

        Outcomes keep their order, so none are written this way while others are being written. Those that cannot be
        written are written later, as are those of a publish that is cancelled, although they may have been written.
        """
        waiting = self._desk.settlements
        if not self._pace.along or self._lock.locked() or self._unwritten or not 0 < waiting.count <= _FEW:
            return await append(None)
        if waiting.repeatable:  # so that it needs no scope, which costs more than the rest of this
            appended = await self._append_with(append)
        else:
            with anyio.CancelScope(shield=True):  # it must be known whether they were written
                appended = await self._append_with(append)
        return appended

    async def _append_with(self, append: Callable[[Settlements | None], Awaitable[Appended]]) -> Appended:
        self._lock.acquire_nowait()
        try:
            outcomes = self._desk.take()
            self._unwritten.append(outcomes)
            appended = await append(outcomes)
            if appended.settled:
                self._unwritten.remove(outcomes)
                self._desk.written(outcomes)
        finally:
            self._lock.release()
        return appended

    async def flush(self) -> None:
        """Write all outcomes.

        Raises:
            StoreError: They could not be written. They are kept.
        """
        if self._desk.settlements.count:
            if not self._unwritten:
                self._unwritten_since = monotonic()
            self._unwritten.append(self._desk.take())
        if not self._unwritten:
            return
        with anyio.CancelScope(shield=True):
            async with self._lock:
                writing = self._unwritten.copy()
                if writing:
                    await self._settle(writing)
                    del self._unwritten[: len(writing)]
                    self._unwritten_since = monotonic()
                    for each in writing:
                        self._desk.written(each)

    async def _settle(self, writing: list[Settlements]) -> None:
        began = monotonic()
        try:
            await self._journal.settle(writing)
        except StoreError:
            self._fails = True
            raise
        self._settle_seconds = monotonic() - began
        self._fails = False
