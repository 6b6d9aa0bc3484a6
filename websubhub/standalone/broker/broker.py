"""Content distribution over a journal, which keeps a row for each update and a position for each subscription."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.lowlevel

from websubhub import canonical_authority
from websubhub.standalone.broker.background import in_background
from websubhub.standalone.broker.claiming import Claimer
from websubhub.standalone.broker.deliveries import ClaimedDelivery
from websubhub.standalone.broker.desk import Desk
from websubhub.standalone.broker.flusher import Flusher, Pace
from websubhub.standalone.broker.journal import Journal
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.broker.recipients import Recipients
from websubhub.standalone.broker.reclaiming import Reclaimer, oldest_position
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.ports import (
    EVERY_DELIVERY,
    BacklogFullError,
    DeadLetter,
    DeliveryFilter,
    FailingDelivery,
    FailingPlace,
    HostPlace,
    HostState,
    Published,
    PublishKey,
    Statistics,
    StoreError,
    Update,
)
from websubhub.standalone.schedule.members import Admission

log: logging.Logger = logging.getLogger("websubhub")

_TOPICS_LOOKED_AT = 1000


class Broker:
    """The implementation of ``ContentBroker`` over a journal.

    Args:
        ledger: What subscriptions are owed.
        journal: The journal of updates, positions and dead letters.
        pace: When to write outcomes to the journal.

    Attributes:
        claim_at_hand: Claims at most so many deliveries that are due and need nothing from the journal.
    """

    def __init__(self, ledger: Ledger, journal: Journal, pace: Pace | None = None) -> None:
        self._board = ledger.board
        self._journal = journal
        desk = Desk(ledger)
        self._flusher = Flusher(journal, desk, pace or Pace())
        self._claimer = Claimer(ledger, Recipients(journal, ledger.cache, ledger.recipients), desk, self._flusher)
        self.claim_at_hand: Callable[[int], Sequence[ClaimedDelivery]] = self._claimer.claim_at_hand
        self._reclaimer = Reclaimer(ledger, journal, self._flusher)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write settlements to the journal during the block, and all remaining ones at its end, even if cancelled."""
        try:
            async with in_background(self._flusher.run, self._claimer.look_now_and_then):
                yield
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await self._flusher.flush()
                except StoreError as error:
                    log.warning("The last outcomes were not written, so some deliveries will be repeated: %s", error)

    async def publish(self, update: Update, key: PublishKey | None = None) -> Published:
        """Accept an update for every current subscription of its topic. It is durable when this returns."""
        appended = await self._flusher.take_along(partial(self._journal.append, update, key))
        if appended.admission is Admission.FULL:
            raise BacklogFullError(f"More than {self._board.limits.waiting} deliveries would be waiting.")
        repeated = appended.admission is Admission.REPEATED
        return Published(id=appended.id, recipients=appended.recipients, repeated=repeated)

    async def claim(self, limit: int) -> Sequence[ClaimedDelivery]:
        """Wait until deliveries are due, and claim 1 to ``limit`` of them."""
        return await self._claimer.claim(limit)

    async def flush(self) -> None:
        """Return once every settlement made so far is durable."""
        await self._flusher.flush()

    async def statistics(self) -> Statistics:
        """Return the current counts."""
        board = self._board
        behind = [topic for topic in board.logs.values() if topic.waiting][:_TOPICS_LOOKED_AT]
        dead_letters, oldest = await self._journal.counts(
            [(topic.number, await oldest_position(topic) + 1) for topic in behind]
        )
        return Statistics(
            topics=len(board.logs),
            subscriptions=board.subscriptions,
            waiting=board.waiting,
            in_flight=board.in_flight,
            retrying=board.retrying,
            dead_letters=dead_letters,
            oldest_published_at=oldest,
        )

    async def failing(
        self, only: DeliveryFilter = EVERY_DELIVERY, *, after: FailingPlace | None = None, limit: int = 100
    ) -> list[FailingDelivery]:
        """Return a page of the deliveries that failed and will be retried, next one first."""
        await self._flusher.flush()
        return await self._journal.failing(only, after, limit)

    async def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return a page of the dead letters, oldest first."""
        await self._flusher.flush()
        return await self._journal.dead_letters(after, limit)

    async def replay(self, letters: Sequence[int]) -> int:
        """Replay these dead letters soon. Those that fail again stay."""
        return await self._journal.replay(letters)

    async def drop(self, letters: Sequence[int]) -> int:
        """Drop these dead letters. Return how many there were."""
        return await self._journal.drop(letters)

    async def pause_host(self, host: str) -> None:
        """Hold back every delivery to this host until it is resumed."""
        name = canonical_authority(host)
        await self._journal.hold_host(name, paused=True)
        self._board.hosts.record(Kind.HOST_PAUSED, host=name)

    async def resume_host(self, host: str) -> None:
        """Resume deliveries to this host at once."""
        name = canonical_authority(host)
        await self._journal.hold_host(name, paused=False)
        self._board.hosts.record(Kind.HOST_RESUMED, host=name)

    async def hosts(
        self, *, only: str | None = None, after: HostPlace | None = None, limit: int = 100
    ) -> list[HostState]:
        """Return the hosts that are paused, failing or busy, in this order."""
        await anyio.lowlevel.checkpoint()
        return self._board.hosts.states(limit, only=only, after=after)

    def report_to(self, record: Callable[..., None]) -> None:
        """Record events of hosts from now on."""
        self._board.hosts.record = record

    async def reclaim(self) -> int:
        """Delete the updates that no subscription is owed, and return how many there were."""
        return await self._reclaimer.reclaim()
