"""The journal of a broker in memory."""

from collections.abc import Collection, Iterable, Sequence

from attrs import evolve

from websubhub.standalone.adapters.memory.outcomes import keep_outcomes
from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.broker.journal import Appended
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.broker.needed import Made, Needed
from websubhub.standalone.broker.settlements import Retry, Settlements
from websubhub.standalone.indexes.accepted import AcceptedKeys
from websubhub.standalone.indexes.failed import page_of_failing
from websubhub.standalone.ports import (
    DeadLetter,
    DeliveryFilter,
    FailingDelivery,
    FailingPlace,
    PublishKey,
    Update,
)
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.members import Admission


class MemoryJournal:
    """Satisfies ``Journal``.

    Args:
        state: The state in memory.
        ledger: Notified of all changes.
    """

    def __init__(self, state: State, ledger: Ledger) -> None:
        self._state = state
        self._ledger = ledger
        self._keys = AcceptedKeys()

    async def append(
        self, update: Update, key: PublishKey | None = None, outcomes: Settlements | None = None
    ) -> Appended:
        """Append an update to the log of its topic, unless one with the same key was accepted within a day."""
        await self._state.turn()
        now = self._ledger.clock()
        if outcomes is not None:
            keep_outcomes(self._state, outcomes, now)
        if key is not None:
            accepted = self._keys.find(key, update.topic, now)
            if accepted is not None:
                return Appended(
                    accepted, Admission.REPEATED, recipients=self._state.recipients_of(update.topic, accepted)
                )
            update = evolve(update, id=self._keys.choose(key, update.topic, update.id))
        admission, recipients = self._admit(update)
        if key is not None and admission is not Admission.FULL:
            self._keys.remember(key, update.topic, update.id, now)
        return Appended(update.id, admission, recipients=recipients)

    def _admit(self, update: Update) -> tuple[Admission, int]:
        topic = self._state.find_topic(update.topic)
        admission = Admission.NOBODY if topic is None else self._ledger.members.admit(topic.number)
        if topic is not None and admission is Admission.TAKEN:
            topic.head += 1
            topic.updates[topic.head] = update
            recipients = self._ledger.published(update, topic.number, topic.head)
            self._state.messages.begin(topic, update, recipients, self._state.newest_subscription)
            return admission, recipients
        return admission, 0

    async def read(self, updates: Collection[Key], subscriptions: Sequence[int], repeated: Sequence[int]) -> Needed:
        """Return the data that claims need."""
        await self._state.turn()
        recipients = [self._state.recipients.get(number) for number in subscriptions]
        return Needed(
            [each.value.callback if each else None for each in recipients],
            [each.value.secret if each else None for each in recipients],
            {key: update for key in updates if (update := self._update(key))},
            {retry.subscription: self._made(retry) for retry in self._retries_of(repeated)},
        )

    def _update(self, key: Key) -> Update | None:
        topic = self._state.logs.get(key[0])
        return None if topic is None else topic.updates.get(key[1])

    def _retries_of(self, subscriptions: Iterable[int]) -> list[Retry]:
        return [retry for number in subscriptions if (retry := self._state.retries.get(number))]

    def _made(self, retry: Retry) -> Made:
        kept = self._state.recipients[retry.subscription]
        turned_away = bool(kept.turned_away) and kept.turned_away == kept.position
        return Made(retry.sequence, retry.attempts, retry.refusals, turned_away)

    async def settle(self, settlements: Sequence[Settlements]) -> None:
        """Keep all of these outcomes or none."""
        await self._state.turn()
        for each in settlements:
            keep_outcomes(self._state, each, self._ledger.clock())

    async def delete_updates(self, bounds: Sequence[Key]) -> int:
        """Delete the updates of topics up to and including these, except those of dead letters. Return how many."""
        await self._state.turn()
        messages = self._state.messages
        for expired in messages.expire(self._ledger.board.limits, self._ledger.clock()):
            self._ledger.disposable.add(expired.topic.number)
        deleted = 0
        for topic, until in bounds:
            kept = self._state.logs.get(topic)
            if kept is not None:
                unneeded = [
                    number
                    for number in kept.updates
                    if number <= until and number not in kept.letters and messages.may_be_deleted((topic, number))
                ]
                for number in unneeded:
                    del kept.updates[number]
                    messages.delete((topic, number))
                deleted += len(unneeded)
        return deleted

    async def counts(self, owed: Sequence[Key]) -> tuple[int, float | None]:
        """Return the number of dead letters, and when the oldest of these updates was published, or None."""
        await self._state.turn()
        published = [update.published_at for key in owed if (update := self._update(key))]
        return len(self._state.letters), min(published, default=None)

    async def failing(self, only: DeliveryFilter, after: FailingPlace | None, limit: int) -> list[FailingDelivery]:
        """Return a page of the deliveries that failed and will be retried, next one first."""
        await self._state.turn()
        retrying = ((self._state.recipients[each.subscription], each) for each in self._state.retries.values())
        retries = ((kept.topic.value.url, kept.value.callback, retry) for kept, retry in retrying)
        return page_of_failing(retries, only, after, limit)

    async def dead_letters(self, after: int, limit: int) -> list[DeadLetter]:
        """Return a page of the dead letters, oldest first, after an id."""
        await self._state.turn()
        return self._state.letters.page(after, limit)

    async def replay(self, letters: Sequence[int]) -> int:
        """Mark these dead letters as replaying if their subscription is active."""
        await self._state.turn()
        now, replayed = self._ledger.clock(), 0
        for letter in self._state.letters.known(letters):
            kept = self._state.subscriptions.get(letter.pair)
            if kept is not None and kept.value.expires_at > now:
                self._state.letters.replay(letter)
                self._ledger.replaying(letter.topic.number, kept.number, letter.value.id, letter.sequence)
                replayed += 1
        return replayed

    async def drop(self, letters: Sequence[int]) -> int:
        """Delete these dead letters."""
        await self._state.turn()
        deleted = self._state.letters.delete(letters)
        for letter in deleted:
            kept = self._state.subscriptions.get(letter.pair)
            self._ledger.dropped(letter.topic.number, kept.number if kept else None, letter.value.id)
        return len(deleted)

    async def hold_host(self, host: str, *, paused: bool) -> None:
        """Notify the ledger that a host is paused or no longer paused. Nothing is stored, since nothing lasts."""
        await self._state.turn()
        self._ledger.host_held(host, paused=paused)
