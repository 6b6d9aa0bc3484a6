"""Content distribution by many processes: each delivers to its partitions, and any of them takes any request."""

from collections.abc import Callable, Sequence

import attrs

from websubhub.standalone.adapters.nats.ownership.questions import PeerQuestions
from websubhub.standalone.adapters.nats.reclaiming import ClusterReclaimer
from websubhub.standalone.broker.broker import Broker
from websubhub.standalone.ports import (
    EVERY_DELIVERY,
    DeadLetter,
    Delivery,
    DeliveryFilter,
    FailingDelivery,
    FailingPlace,
    HostPlace,
    HostState,
    Published,
    PublishKey,
    Statistics,
    Update,
)

_SUMS = ("waiting", "in_flight", "retrying", "subscriptions")


class ClusterBroker:
    """Satisfies ``ContentBroker`` for the whole hub.

    Args:
        own: Delivers to the partitions of this process.
        questions: Asks the other processes.
        reclaimer: Deletes updates.
    """

    def __init__(self, own: Broker, questions: PeerQuestions, reclaimer: ClusterReclaimer) -> None:
        self._own = own
        self._questions = questions
        self._reclaimer = reclaimer

    async def publish(self, update: Update, key: PublishKey | None = None) -> Published:
        """Accept an update for every subscription that its topic has now. It is durable when this returns."""
        return await self._own.publish(update, key)

    async def claim(self, limit: int) -> Sequence[Delivery]:
        """Wait until deliveries of this process are due, and claim 1 to ``limit`` of them."""
        return await self._own.claim(limit)

    def claim_at_hand(self, limit: int) -> Sequence[Delivery]:
        """Claim deliveries of this process that are due and need nothing from the store."""
        return self._own.claim_at_hand(limit)

    async def flush(self) -> None:
        """Return once every settlement of this process made so far is durable."""
        await self._own.flush()

    async def statistics(self) -> Statistics:
        """Return the current counts of the whole hub."""
        own = await self._own.statistics()
        answers, is_complete = await self._questions.ask("statistics")
        sums = {name: getattr(own, name) + sum(answer[name] for answer in answers) for name in _SUMS}
        oldest = [answer["oldest_published_at"] for answer in answers] + [own.oldest_published_at]
        known = [time for time in oldest if time is not None]
        return attrs.evolve(own, **sums, oldest_published_at=min(known, default=None), partial=not is_complete)

    async def failing(
        self, only: DeliveryFilter = EVERY_DELIVERY, *, after: FailingPlace | None = None, limit: int = 100
    ) -> list[FailingDelivery]:
        """Return a page of the deliveries that failed and will be retried, next one first."""
        answers, _ = await self._questions.ask("failing", {"only": attrs.asdict(only), "after": after, "limit": limit})
        found = [FailingDelivery(**values) for answer in answers for values in answer]
        found += await self._own.failing(only, after=after, limit=limit)
        return sorted(found, key=lambda failing: failing.place)[:limit]

    async def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return a page of the dead letters, the oldest first."""
        return await self._own.dead_letters(after=after, limit=limit)

    async def replay(self, letters: Sequence[int]) -> int:
        """Replay these dead letters soon. One that fails again stays."""
        return await self._own.replay(letters)

    async def drop(self, letters: Sequence[int]) -> int:
        """Drop these dead letters. Return how many there were."""
        return await self._own.drop(letters)

    async def pause_host(self, host: str) -> None:
        """Hold back every delivery to this host until it is resumed."""
        await self._own.pause_host(host)

    async def resume_host(self, host: str) -> None:
        """Resume deliveries to this host at once."""
        await self._own.resume_host(host)

    async def hosts(
        self, *, only: str | None = None, after: HostPlace | None = None, limit: int = 100
    ) -> list[HostState]:
        """Return the hosts that are paused, failing or busy, in this order."""
        answers, _ = await self._questions.ask("hosts", {"only": only, "after": after, "limit": limit})
        own = await self._own.hosts(only=only, after=after, limit=limit)
        states: dict[str, HostState] = {}
        for state in [*own, *(HostState(**each) for answer in answers for each in answer)]:
            known = states.get(state.host)
            if known is None or state.place < known.place:  # the process that delivers to it knows most
                states[state.host] = state
        return sorted(states.values(), key=lambda state: state.place)[:limit]

    def report_to(self, record: Callable[..., None]) -> None:
        """Record events of the hosts of this process from now on."""
        self._own.report_to(record)

    async def reclaim(self) -> int:
        """Delete the updates that no subscription of the hub is owed. Return how many."""
        await self._own.reclaim()
        return await self._reclaimer.reclaim()
