"""Pending intent verifications on NATS."""

from collections.abc import Callable, Collection, Sequence
from itertools import islice

import anyio.lowlevel
from attrs import evolve

from websubhub import host_of
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.pairs import PairRecord
from websubhub.standalone.adapters.nats.stores.pair_records import PairRecords
from websubhub.standalone.indexes.pending import KeptVerification
from websubhub.standalone.indexes.places import check_limits, find_place
from websubhub.standalone.ports import HostAccount, PendingVerification, SubscriptionLimits


class NatsVerifications:
    """Satisfies ``VerificationStore``.

    Each process counts the pending requests of the whole hub as far as it has heard of them. So requests that arrive at
    several processes within a few milliseconds may exceed a limit.

    Args:
        records: The records.
        clock: The hub's clock.
    """

    def __init__(self, records: Records, clock: Callable[[], float]) -> None:
        self._records = records
        self._pairs = records.knowledge.pairs
        self._pending = records.knowledge.pairs.pending
        self._membership = records.knowledge.membership
        self._pair_records = PairRecords(records)
        self._clock = clock

    async def save(
        self,
        verification: PendingVerification,
        *,
        places: int | None = None,
        limits: SubscriptionLimits | None = None,
    ) -> PendingVerification | None:
        """Store a request if there is a place for it, replacing an older one of the same pair."""
        await self._pair_records.refresh(verification.topic, verification.callback)
        host, victim, kept = host_of(verification.callback), None, None

        def decide(record: PairRecord) -> PairRecord | None:
            nonlocal victim, kept
            if record.pending is None and not _is_subscribed(record, self._clock()):
                if limits is not None:
                    check_limits(self._pairs.held, len(self._pairs), self._pending, host, limits)
                if places is not None:
                    found, victim = find_place(self._pending, host, places, self._clock())
                    if not found:
                        return None
            changed = self._with(record, verification)
            kept = changed.pending
            return changed

        if not await self._pair_records.change(verification.topic, verification.callback, decide):
            return None
        if victim is not None:
            await self._drop(victim)
        return None if kept is None else evolve(kept, elsewhere=not self._membership.is_own(kept.callback))

    async def save_if_known(self, verification: PendingVerification) -> bool:
        """Store a request, in one step, if its pair is subscribed or has a request that this one replaces."""
        await self._pair_records.refresh(verification.topic, verification.callback)

        def decide(record: PairRecord) -> PairRecord | None:
            is_known = record.pending is not None or _is_subscribed(record, self._clock())
            return self._with(record, verification) if is_known else None

        return await self._pair_records.change(verification.topic, verification.callback, decide)

    def _with(self, record: PairRecord, verification: PendingVerification) -> PairRecord:
        pending = evolve(verification, known=_is_subscribed(record, self._clock()))
        return PairRecord(record.active, record.start, pending)

    async def get(self, topic: str, callback: str) -> PendingVerification | None:
        """Return the newest request of this pair, or None."""
        await self._pair_records.refresh(topic, callback)
        return self._pair_records.record(topic, callback).pending

    async def due(
        self,
        *,
        limit: int = 100,
        besides: Collection[HostAccount] = (),
        among: Collection[HostAccount] | None = None,
        known: Collection[bool] = (True, False),
    ) -> list[PendingVerification]:
        """Return the due requests of this process: those of subscribed pairs first, then most overdue first."""
        await self._records.turn()
        found: list[PendingVerification] = []
        for kind in (kind for kind in (True, False) if kind in known):
            own = (
                kept
                for kept in self._pending.due(self._clock(), known=kind)
                if self._membership.is_own(kept.value.callback)
            )
            due = (kept for kept in own if (kind, kept.host) not in besides)
            chosen = due if among is None else (kept for kept in due if (kind, kept.host) in among)
            found += [kept.value for kept in islice(chosen, limit)]
        return found

    async def postpone(self, verification: str, *, due_at: float, counts: bool = True, reason: str = "") -> bool:
        """Set the time of the next attempt, and count this one if it counts."""

        def change(pending: PendingVerification) -> PendingVerification:
            return evolve(pending, attempts=pending.attempts + counts, due_at=due_at, reason=reason)

        return await self._change(verification, change)

    async def _change(self, verification: str, change: Callable[[PendingVerification], PendingVerification]) -> bool:
        """Change a request, unless a newer one has replaced it."""

        def decide(record: PairRecord) -> PairRecord | None:
            pending = record.pending
            if pending is None or pending.id != verification:
                return None
            return PairRecord(record.active, record.start, change(pending))

        await anyio.lowlevel.checkpoint()
        kept = self._pending.get(verification)
        return kept is not None and await self._pair_records.change(kept.value.topic, kept.value.callback, decide)

    async def page(
        self,
        *,
        after: tuple[str, str] | None = None,
        limit: int = 100,
        failing: bool | None = None,
        host: str | None = None,
    ) -> list[PendingVerification]:
        """Return a page of the pending requests by topic and callback."""
        await self._records.turn()
        return self._pending.page(after, limit, failing=failing, host=host)

    async def known(self, verifications: Sequence[str]) -> set[str]:
        """Return which of these ids exist."""
        await self._records.turn()
        return self._pending.known(verifications)

    async def retry(self, verifications: Sequence[str]) -> int:
        """Make these requests due now, starting over with the first attempt. Return how many there were."""
        now = self._clock()

        def change(pending: PendingVerification) -> PendingVerification:
            return evolve(pending, attempts=0, due_at=now)

        return sum([await self._change(verification, change) for verification in set(verifications)])

    async def drop(self, verifications: Sequence[str]) -> int:
        """Forget these requests. Return how many there were."""
        return sum([await self.remove(verification) for verification in set(verifications)])

    async def remove(self, verification: str) -> bool:
        """Remove a request that was denied or not confirmed. Return False if a newer request has replaced it."""
        await anyio.lowlevel.checkpoint()
        kept = self._pending.get(verification)
        return kept is not None and await self._drop(kept)

    async def _drop(self, kept: KeptVerification) -> bool:
        def decide(record: PairRecord) -> PairRecord | None:
            is_another = record.pending is None or record.pending.id != kept.value.id
            return None if is_another else PairRecord(record.active, record.start)

        return await self._pair_records.change(kept.value.topic, kept.value.callback, decide)

    async def count(self) -> int:
        """Return how many requests are pending."""
        await anyio.lowlevel.checkpoint()
        return len(self._pending)


def _is_subscribed(record: PairRecord, now: float) -> bool:
    return record.active is not None and record.active.expires_at > now
