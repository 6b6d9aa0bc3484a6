"""Pending intent verifications in memory."""

from collections.abc import Callable, Collection, Sequence
from itertools import islice

from attrs import evolve

from websubhub import host_of
from websubhub.standalone.adapters.memory.places import VerificationPlaces
from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.indexes.pairs import Pair, pair_of
from websubhub.standalone.indexes.pending import Pending
from websubhub.standalone.ports import (
    HostAccount,
    PendingVerification,
    SubscriptionLimits,
)


class MemoryVerifications:
    """Satisfies ``VerificationStore``.

    Args:
        state: The state in memory.
        clock: The hub's clock.
    """

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock
        self._pending = Pending()
        self._places = VerificationPlaces(state, self._pending, clock)

    async def save(
        self,
        verification: PendingVerification,
        *,
        places: int | None = None,
        limits: SubscriptionLimits | None = None,
    ) -> PendingVerification | None:
        """Store a request if there is a place for it, replacing an older one of the same pair."""
        await self._state.turn()
        if not self._places.is_expected(verification):
            host = host_of(verification.callback)
            if limits is not None:
                self._places.check(host, limits)
            if places is not None and not self._places.has_place(host, places):
                return None
        return self._put(verification)

    async def save_if_known(self, verification: PendingVerification) -> bool:
        """Store a request, in one step, if its pair is subscribed or has a request that this one replaces."""
        await self._state.turn()
        if not self._places.is_expected(verification):
            return False
        self._put(verification)
        return True

    async def get(self, topic: str, callback: str) -> PendingVerification | None:
        """Return the newest request of this pair, or None."""
        await self._state.turn()
        kept = self._pending.of(pair_of(topic, callback))
        return None if kept is None else kept.value

    async def due(
        self,
        *,
        limit: int = 100,
        besides: Collection[HostAccount] = (),
        among: Collection[HostAccount] | None = None,
        known: Collection[bool] = (True, False),
    ) -> list[PendingVerification]:
        """Return the due requests: those of subscribed pairs first, then most overdue first."""
        await self._state.turn()
        found: list[PendingVerification] = []
        for kind in (kind for kind in (True, False) if kind in known):
            due = (kept for kept in self._pending.due(self._clock(), known=kind) if (kind, kept.host) not in besides)
            chosen = due if among is None else (kept for kept in due if (kind, kept.host) in among)
            found += [kept.value for kept in islice(chosen, limit)]
        return found

    async def postpone(self, verification: str, *, due_at: float, counts: bool = True, reason: str = "") -> bool:
        """Set the time of the next attempt, and count this one if it counts."""
        await self._state.turn()
        kept = self._pending.get(verification)
        if kept is None:
            return False
        self._pending.postpone(kept, due_at, kept.value.attempts + counts, reason)
        return True

    async def page(
        self,
        *,
        after: tuple[str, str] | None = None,
        limit: int = 100,
        failing: bool | None = None,
        host: str | None = None,
    ) -> list[PendingVerification]:
        """Return a page of the pending requests by topic and callback."""
        await self._state.turn()
        return self._pending.page(after, limit, failing=failing, host=host)

    async def known(self, verifications: Sequence[str]) -> set[str]:
        """Return which of these ids exist."""
        await self._state.turn()
        return self._pending.known(verifications)

    async def retry(self, verifications: Sequence[str]) -> int:
        """Make these requests due now, starting over with the first attempt."""
        await self._state.turn()
        chosen = [kept for verification in set(verifications) if (kept := self._pending.get(verification))]
        for kept in chosen:
            self._pending.postpone(kept, self._clock(), 0, kept.value.reason)
        return len(chosen)

    async def drop(self, verifications: Sequence[str]) -> int:
        """Drop these requests."""
        await self._state.turn()
        return sum(self._pending.delete(self._pending.get(verification)) for verification in set(verifications))

    async def remove(self, verification: str) -> bool:
        """Remove a request that was denied or not confirmed. Return False if a newer request has replaced it."""
        await self._state.turn()
        return self._pending.delete(self._pending.get(verification))

    async def count(self) -> int:
        """Return how many requests are pending."""
        await self._state.turn()
        return len(self._pending)

    def confirm(self, verification: str, pair: Pair) -> bool:
        """Remove a confirmed verification, in the step of its effect, and return whether it counts.

        It counts if it is pending, or if a newer request has replaced it and is waiting behind it.
        """
        return self._pending.delete(self._pending.get(verification)) or pair in self._pending

    def withdraw(self, pair: Pair) -> None:
        """Remove the pending request of a pair, so that it does not count even if it is being verified."""
        self._pending.delete(self._pending.of(pair))

    def _put(self, verification: PendingVerification) -> PendingVerification:
        kept = evolve(verification, known=self._places.is_subscribed(verification))
        self._pending.put(kept, pair_of(verification.topic, verification.callback))
        return kept
