"""Pending verifications, ordered by when they are due."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from attrs import define, evolve, field

from websubhub import host_of
from websubhub.standalone.indexes.ordered import Ordered
from websubhub.standalone.indexes.pairs import Pair, pair_of
from websubhub.standalone.ports import PendingVerification


@define(eq=False)
class KeptVerification:
    """A pending verification, its pair, and the host of its callback."""

    value: PendingVerification = field(repr=False)
    pair: Pair = field(repr=False)
    host: str


class Pending:
    """Verifications by pair and by id. Those of unsubscribed pairs are counted by host.

    Attributes:
        strangers: How many verifications of unsubscribed pairs each host has.
    """

    def __init__(self) -> None:
        self.strangers: Counter[str] = Counter[str]()
        self._by_pair: dict[Pair, KeptVerification] = {}
        self._by_id: dict[str, KeptVerification] = {}
        self._order = {known: Ordered[tuple[float, str]]() for known in (True, False)}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[KeptVerification]:
        return iter(self._by_id.values())

    def __contains__(self, pair: Pair) -> bool:
        return pair in self._by_pair

    def of(self, pair: Pair) -> KeptVerification | None:
        """Return the verification of a pair, or None."""
        return self._by_pair.get(pair)

    def get(self, verification: str) -> KeptVerification | None:
        """Return the verification with an id, or None."""
        return self._by_id.get(verification)

    def all_strangers(self) -> int:
        """Return how many verifications of unsubscribed pairs there are."""
        return len(self._order[False])

    def waiting_strangers(self, now: float) -> list[KeptVerification]:
        """Return the verifications of unsubscribed pairs that are waiting for another attempt."""
        return [
            kept
            for kept in self._by_id.values()
            if not kept.value.known and kept.value.attempts and kept.value.due_at > now
        ]

    def due(self, now: float, *, known: bool) -> Iterator[KeptVerification]:
        """Return the due verifications of subscribed pairs or of the others, most overdue first."""
        for due_at, verification in self._order[known]:
            if due_at > now:
                break
            yield self._by_id[verification]

    def put(self, value: PendingVerification, pair: Pair) -> None:
        """Add a verification, which replaces any other of the same pair."""
        self.delete(self._by_pair.get(pair))
        host = host_of(value.callback)
        self._by_pair[pair] = self._by_id[value.id] = KeptVerification(value, pair, host)
        self._order[value.known].add((value.due_at, value.id))
        self.strangers[host] += not value.known

    def page(
        self, after: tuple[str, str] | None, limit: int, *, failing: bool | None, host: str | None
    ) -> list[PendingVerification]:
        """Return a page by topic and callback, like ``VerificationStore.page``."""
        start = pair_of(*after) if after else ("", "")
        following = (self._by_pair[pair] for pair in sorted(self._by_pair) if pair > start)
        meant = (kept.value for kept in following if host in {None, kept.host})
        return list(islice((value for value in meant if failing in {None, value.attempts > 0}), limit))

    def known(self, verifications: Iterable[str]) -> set[str]:
        """Return which of these ids exist."""
        return self._by_id.keys() & set(verifications)

    def postpone(self, kept: KeptVerification, due_at: float, attempts: int, reason: str) -> None:
        """Set the time of the next attempt, the number of attempts made, and what went wrong."""
        order = self._order[kept.value.known]
        order.discard((kept.value.due_at, kept.value.id))
        kept.value = evolve(kept.value, attempts=attempts, due_at=due_at, reason=reason)
        order.add((due_at, kept.value.id))

    def delete(self, kept: KeptVerification | None) -> bool:
        """Remove a verification, and return whether there was one."""
        if kept is None:
            return False
        value = kept.value
        del self._by_pair[kept.pair], self._by_id[value.id]
        self._order[value.known].discard((value.due_at, value.id))
        self.strangers[kept.host] -= not value.known
        if not self.strangers[kept.host]:
            del self.strangers[kept.host]
        return True
