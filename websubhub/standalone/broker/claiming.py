"""Claiming due deliveries, with all the data that they need."""

import logging
from collections.abc import Sequence

import anyio
import anyio.lowlevel

from websubhub import authority_of
from websubhub.standalone.broker.deliveries import ClaimedDelivery
from websubhub.standalone.broker.desk import Desk
from websubhub.standalone.broker.flusher import Flusher
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.broker.needed import FIRST, Before, Needed
from websubhub.standalone.broker.recipients import Recipients
from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.states import ENDED
from websubhub.standalone.schedule.turns import Turns

_LOOK_AGAIN_SECONDS = 1.0  # timers stop while the machine is suspended

log: logging.Logger = logging.getLogger("websubhub")


class Claimer:
    """Takes claims from the schedule, and reads the data that they need.

    Args:
        ledger: What subscriptions are owed.
        recipients: The reader of updates and callbacks.
        desk: The desk where the deliveries will be settled.
        flusher: The writer of settlements to the journal.
    """

    def __init__(self, ledger: Ledger, recipients: Recipients, desk: Desk, flusher: Flusher) -> None:
        self._turns = Turns(ledger.board, ClaimedDelivery)
        self._recipients = recipients
        self._desk = desk
        self._flusher = flusher
        self._clock = ledger.clock
        self._due = ledger.due
        self._ledger = ledger
        self._unread: list[ClaimedDelivery] = []

    async def claim(self, limit: int) -> Sequence[ClaimedDelivery]:
        """Wait until deliveries are due, and claim 1 to ``limit`` of them.

        A fresh update of a topic with few subscriptions takes a shortcut: the data of its deliveries is in memory, so
        they start before anything else happens on the event loop.
        """
        if limit < 1:
            raise ValueError("At least 1 delivery must be claimed.")
        await anyio.lowlevel.checkpoint()  # the only one on the shortcut, which waits for nothing
        while True:
            if self._flusher.is_behind():
                await self._flusher.flush()
            self._ledger.look()
            claims = self._take_unread(limit) or self._turns.take(limit, self._clock())
            if claims:
                needed = self._recipients.at_hand(claims)
                deliveries = self._equip(claims, await self._read(claims) if needed is None else needed)
                if deliveries:
                    return deliveries
            else:
                await self._wait()

    def claim_at_hand(self, limit: int) -> Sequence[ClaimedDelivery]:
        """Claim at most ``limit`` deliveries that are due and whose data is in memory."""
        if self._unread or self._flusher.is_behind():
            return ()
        self._ledger.look()
        claims = self._turns.take(limit, self._clock())
        if not claims:
            return ()
        needed = self._recipients.at_hand(claims)
        if needed is None:
            self._unread = claims
            self._due.ring()  # for ``claim`` to read what they need
            return ()
        return self._equip(claims, needed)

    def _take_unread(self, limit: int) -> list[ClaimedDelivery]:
        """Return claims whose data is to be read."""
        claims, self._unread = self._unread[:limit], self._unread[limit:]
        return claims

    async def _read(self, claims: list[ClaimedDelivery]) -> Needed:
        """Read the data that claims need."""
        try:
            with anyio.CancelScope(shield=True):
                repeated = [claim for claim in claims if claim.repeated]
                retries = await self._flusher.unwritten_retries([claim.subscription for claim in repeated])
                needed = await self._recipients.read(claims, repeated)
                for retry in retries.values():
                    needed.retried(retry)
        except Exception:
            for claim in claims:
                self._turns.put_back(claim, self._clock())
            raise
        return needed

    def _equip(self, claims: list[ClaimedDelivery], needed: Needed) -> list[ClaimedDelivery]:
        """Return claims with their data, without those whose subscription has been removed since."""
        deliveries = []
        topic, sequence, update = None, 0, None
        for claim, callback, secret in zip(claims, needed.callbacks, needed.secrets, strict=True):
            if claim.sequence != sequence or claim.log is not topic:  # it rarely differs from the previous one
                topic, sequence = claim.log, claim.sequence
                update = needed.updates.get((topic.number, sequence))
            before = needed.before(claim) if claim.repeated else FIRST
            if needed.unreadable and needed.is_unreadable(claim):
                self._give_up(claim, before)
                continue
            if update is None or callback is None:
                self._forget(claim)
                continue
            claim.equip(self._desk, update, callback, secret, before)
            if not claim.host.name:
                claim.host.name = _host_of(callback)
            deliveries.append(claim)
        return deliveries

    def _give_up(self, claim: Claim, before: Before) -> None:
        """Turn a claim with unreadable data into a dead letter, so that others do not wait and operators see it."""
        log.error(
            "Update %d of topic %d cannot be read for subscription %d, and becomes a dead letter.",
            claim.sequence,
            claim.log.number,
            claim.subscription,
        )
        reason = "the update or the subscription cannot be read from the store"
        self._desk.dead(claim, before.attempt, reason, host_failed=False, turned_away=False)

    def _forget(self, claim: Claim) -> None:
        """Drop a claim whose subscription or update no longer exists."""
        if claim.segment.states[claim.index] != ENDED:
            log.error("An update that a subscription is still owed is missing from the store.")
        self._desk.done(claim)

    async def _wait(self) -> None:
        now = self._clock()
        time = self._turns.next_time(now)
        if time is not None and time <= now:
            await anyio.lowlevel.checkpoint()
        else:
            seconds = None if time is None else min(time - now, _LOOK_AGAIN_SECONDS)
            await self._due.wait(seconds, self._has_something)

    async def look_now_and_then(self) -> None:
        """Wake waiting calls now and then, until cancelled, which costs less than a timer for each of them."""
        while True:
            await anyio.sleep(_LOOK_AGAIN_SECONDS)
            self._due.ring()

    def _has_something(self) -> bool:
        """Return whether anything is to be claimed, now or at a certain time: others may have claimed what was due."""
        return bool(self._unread) or self._turns.next_time(self._clock()) is not None


def _host_of(callback: str) -> str:
    try:
        return authority_of(callback)
    except ValueError:
        return "?"  # the engine will report that it cannot be called
