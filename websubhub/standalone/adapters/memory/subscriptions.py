"""Verified subscriptions in memory, each with its position in the log of its topic."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import islice

from attrs import evolve

from websubhub import authority_of
from websubhub.standalone.adapters.memory.records import KeptSubscription
from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.adapters.memory.verifications import MemoryVerifications
from websubhub.standalone.indexes.pairs import matching, pair_of
from websubhub.standalone.ports import Saved, StoredSubscription
from websubhub.standalone.schedule.hosts import host_key
from websubhub.standalone.schedule.members import Member, Members


class MemorySubscriptions:
    """Satisfies ``SubscriptionStore``.

    Args:
        state: The state in memory.
        verifications: The requests that lead to them.
        members: Notified of all changes.
        clock: The hub's clock.
    """

    def __init__(
        self, state: State, verifications: MemoryVerifications, members: Members, clock: Callable[[], float]
    ) -> None:
        self._state = state
        self._verifications = verifications
        self._members = members
        self._clock = clock
        self._expiries: list[tuple[float, int]] = []

    async def save(self, subscription: StoredSubscription, *, verification: str | None = None) -> Saved | None:
        """Add a subscription that gets updates from now on, or renew one that keeps what it is still owed."""
        host = host_key(authority_of(subscription.callback))
        await self._state.turn()
        now, pair = self._clock(), pair_of(subscription.topic, subscription.callback)
        if verification is not None and not self._verifications.confirm(verification, pair):
            return None
        topic = self._state.ensure_topic(subscription.topic)
        self._members.add_topic(topic.number, topic.value.delivery_mode, topic.head)
        kept = self._state.subscriptions.get(pair)
        if kept is not None and (kept.value.expires_at <= now or kept.number in self._members.gone):
            # A subscription that has ended or expired is not renewed but replaced, so it does not get what it missed.
            self._end(kept)
            kept = None
        value = evolve(subscription, topic=topic.value.url)
        saved = Saved.NEW if kept is None else Saved.RENEWED
        if kept is None:
            kept = self._state.add_subscription(topic, pair, value)
            self._members.add(
                Member(
                    topic=topic.number,
                    subscription=kept.number,
                    host=host,
                    position=kept.position,
                    expires_at=value.expires_at,
                )
            )
        else:
            kept.value = value
            self._members.renew(topic.number, kept.number, value.expires_at, now)
        heappush(self._expiries, (value.expires_at, kept.number))
        return saved

    async def get(self, topic: str, callback: str) -> StoredSubscription | None:
        """Return the subscription of this pair whose lease has not ended, or None."""
        await self._state.turn()
        kept = self._state.find_subscription(topic, callback, self._clock())
        return None if kept is None else kept.value

    async def page(
        self,
        *,
        topic: str | None = None,
        host: str | None = None,
        callback: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> list[StoredSubscription]:
        """Return a page of subscriptions by topic and callback."""
        await self._state.turn()
        pairs = matching(self._state.pair_order.after, topic, callback, after)
        found = (self._state.subscriptions[pair].value for pair in pairs)
        if host is not None:
            found = (value for value in found if authority_of(value.callback) == host)
        return list(islice(found, limit))

    async def remove(self, topic: str, callback: str, *, verification: str | None = None) -> bool:
        """End a subscription, and drop everything owed to it."""
        await self._state.turn()
        pair = pair_of(topic, callback)
        if verification is None:
            self._verifications.withdraw(pair)
        elif not self._verifications.confirm(verification, pair):
            return False
        kept = self._state.subscriptions.get(pair)
        if kept is not None:
            self._end(kept)
        return verification is not None or kept is not None

    async def end_expired(self, *, limit: int = 500) -> list[StoredSubscription]:
        """End up to ``limit`` subscriptions whose lease has expired, and return them."""
        await self._state.turn()
        now, ended = self._clock(), list[StoredSubscription]()
        while self._expiries and self._expiries[0][0] <= now and len(ended) < limit:
            _, number = heappop(self._expiries)
            kept = self._state.recipients.get(number)
            if kept is not None and kept.value.expires_at <= now:  # otherwise it was renewed
                self._end(kept)
                ended.append(kept.value)
        return ended

    def _end(self, kept: KeptSubscription) -> None:
        self._state.end_subscription(kept)
        self._members.end(kept.topic.number, kept.number)
