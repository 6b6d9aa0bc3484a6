"""Pending intent verifications in memory."""

from collections import Counter
from collections.abc import Callable, Collection

from attrs import define, evolve, field

from websubhub import host_of
from websubhub.standalone.adapters.memory.ordered import Ordered
from websubhub.standalone.adapters.memory.records import Pair
from websubhub.standalone.adapters.memory.state import State, pair_of
from websubhub.standalone.ports import (
    HostAccount,
    HostFullError,
    HubFullError,
    PendingVerification,
    SubscriptionLimits,
)


@define(eq=False)
class _Kept:
    value: PendingVerification = field(repr=False)
    pair: Pair = field(repr=False)
    host: str

    @property
    def place(self) -> tuple[float, str]:
        """Where it stands among those that are due."""
        return self.value.due_at, self.value.id


class MemoryVerifications:
    """Satisfies ``VerificationStore``.

    Args:
        state: Where the subscriptions are.
        clock: The hub's clock.
    """

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock
        self._by_pair: dict[Pair, _Kept] = {}
        self._by_id: dict[str, _Kept] = {}
        self._order = {known: Ordered[tuple[float, str]]() for known in (True, False)}
        self._strangers = Counter[str]()

    async def save(
        self,
        verification: PendingVerification,
        *,
        places: int | None = None,
        limits: SubscriptionLimits | None = None,
    ) -> bool:
        """Keep a request, if there is a place for it; it replaces an older one of the same pair."""
        await self._state.turn()
        if not self._is_expected(verification):
            host = host_of(verification.callback)
            if limits is not None:
                self._check(host, limits)
            if places is not None and not self._has_place(host, places):
                return False
        self._put(verification)
        return True

    async def save_if_known(self, verification: PendingVerification) -> bool:
        """Keep a request if there is a subscription of its pair, or a request that it replaces, in one step."""
        await self._state.turn()
        if not self._is_expected(verification):
            return False
        self._put(verification)
        return True

    async def get(self, topic: str, callback: str) -> PendingVerification | None:
        """Return the newest request of this pair, or None."""
        await self._state.turn()
        kept = self._by_pair.get(pair_of(topic, callback))
        return None if kept is None else kept.value

    async def due(self, *, limit: int = 100, besides: Collection[HostAccount] = ()) -> list[PendingVerification]:
        """Return what is due: the requests of pairs that are subscribed before the others, the longest due first."""
        await self._state.turn()
        now, skipped = self._clock(), set(besides)
        return [value for known in (True, False) for value in self._due_of(known, now, limit, skipped)]

    async def postpone(self, verification: str, *, due_at: float, counts: bool = True) -> bool:
        """Count an attempt, if it was one, and set the time of the next."""
        await self._state.turn()
        kept = self._by_id.get(verification)
        if kept is None:
            return False
        order = self._order[kept.value.known]
        order.discard(kept.place)
        kept.value = evolve(kept.value, attempts=kept.value.attempts + counts, due_at=due_at)
        order.add(kept.place)
        return True

    async def remove(self, verification: str) -> bool:
        """Forget a request that was denied or given up. False when a newer request has replaced it."""
        await self._state.turn()
        return self._delete(self._by_id.get(verification))

    async def count(self) -> int:
        """Return how many requests are pending."""
        await self._state.turn()
        return len(self._by_id)

    def confirm(self, verification: str, pair: Pair) -> bool:
        """Take a verification that was confirmed out, in the step of what it leads to. Return whether it counts.

        It does if it is pending, or if a newer request has taken its place and waits behind it.
        """
        return self._delete(self._by_id.get(verification)) or pair in self._by_pair

    def withdraw(self, pair: Pair) -> None:
        """Take the pending request of a pair out, so that it will not count even if it is being verified."""
        self._delete(self._by_pair.get(pair))

    def _is_expected(self, verification: PendingVerification) -> bool:
        """Return whether the pair is subscribed, or has a request that this one replaces."""
        pair = pair_of(verification.topic, verification.callback)
        return pair in self._by_pair or self._is_subscribed(verification)

    def _is_subscribed(self, verification: PendingVerification) -> bool:
        found = self._state.find_subscription(verification.topic, verification.callback, self._clock())
        return found is not None

    def _check(self, host: str, limits: SubscriptionLimits) -> None:
        """Raise if there would be too many subscriptions, were all that are pending to become some."""
        if self._state.held[host] + self._strangers[host] >= limits.per_host:
            raise HostFullError(f"{host} has {limits.per_host} subscriptions.")
        if len(self._state.subscriptions) + len(self._order[False]) >= limits.in_all:
            raise HubFullError(f"There are {limits.in_all} subscriptions.")

    def _has_place(self, own: str, places: int) -> bool:
        """Return whether a request of a new pair may be kept, which makes room for it where it can be made."""
        of_host = self._strangers[own]
        if of_host < places - len(self._order[False]):
            return True
        now = self._clock()
        # What is waiting for another attempt is not under way, so nobody is confirming it at this moment.
        waiting = [
            kept
            for kept in self._by_id.values()
            if not kept.value.known and kept.value.attempts and kept.value.due_at > now
        ]
        greediest = max((kept.host for kept in waiting), key=self._strangers.__getitem__, default="")
        # Who has more than others makes room for them, and for itself.
        if self._strangers[greediest] <= of_host - (greediest == own):
            return False
        of_greediest = [kept for kept in waiting if kept.host == greediest]
        return self._delete(min(of_greediest, key=lambda kept: (-kept.value.attempts, kept.value.due_at), default=None))

    def _due_of(self, known: bool, now: float, limit: int, skipped: set[HostAccount]) -> list[PendingVerification]:  # noqa: FBT001
        found: list[PendingVerification] = []
        for due_at, number in self._order[known]:
            if due_at > now or len(found) >= limit:
                break
            kept = self._by_id[number]
            if (known, kept.host) not in skipped:
                found.append(kept.value)
        return found

    def _put(self, verification: PendingVerification) -> None:
        pair, host = pair_of(verification.topic, verification.callback), host_of(verification.callback)
        self._delete(self._by_pair.get(pair))
        kept = _Kept(evolve(verification, known=self._is_subscribed(verification)), pair, host)
        self._by_pair[pair] = self._by_id[verification.id] = kept
        self._order[kept.value.known].add(kept.place)
        self._strangers[host] += not kept.value.known

    def _delete(self, kept: _Kept | None) -> bool:
        if kept is None:
            return False
        del self._by_pair[kept.pair], self._by_id[kept.value.id]
        self._order[kept.value.known].discard(kept.place)
        self._strangers[kept.host] -= not kept.value.known
        if not self._strangers[kept.host]:
            del self._strangers[kept.host]
        return True
