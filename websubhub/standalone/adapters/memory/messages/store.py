"""The store of messages and their results in memory."""

from collections.abc import Awaitable, Callable
from itertools import islice

from websubhub import UrlError, authority_of, canonical_authority, url_identity
from websubhub.standalone.adapters.memory.kept.messages import KeptMessage
from websubhub.standalone.adapters.memory.messages.recipients import dead, recipients, waiting
from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.broker.settlements import AttemptMade
from websubhub.standalone.ports import (
    AttemptOutcome,
    FailedAttempt,
    Message,
    MessageRecipient,
    RecipientState,
    SubscriptionHealth,
    Update,
)
from websubhub.standalone.schedule.hosts import host_key
from websubhub.standalone.schedule.standing import waiting_for, who_waits


class MemoryMessages:
    """Satisfies ``MessageStore``.

    Args:
        state: The state in memory.
        ledger: Knows what is owed, and is notified of redeliveries.
        flush: Waits until all outcomes so far are in the state.
    """

    def __init__(self, state: State, ledger: Ledger, flush: Callable[[], Awaitable[None]]) -> None:
        self._state = state
        self._ledger = ledger
        self._flush = flush

    async def page(
        self, *, topic: str | None = None, message_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[Message]:
        """Return a page of messages, newest first."""
        await self._flush()
        await self._state.turn()
        identity = None if topic is None else url_identity(topic)
        chosen = (
            kept
            for kept in self._state.messages.newest(before)
            if identity in {None, kept.topic.identity} and message_id in {None, kept.update.id}
        )
        page = list(islice(chosen, limit))
        waits = await waiting_for(self._ledger.board, {kept.key for kept in page})
        return [_message(kept, waits[kept.key]) for kept in page]

    async def update(self, number: int) -> Update | None:
        """Return the update of a message, with its content, or None if there is no such message."""
        await self._state.turn()
        kept = self._state.messages.get(number)
        return None if kept is None else kept.update

    async def attempts(
        self,
        *,
        message_id: str | None = None,
        topic: str | None = None,
        callback: str | None = None,
        host: str | None = None,
        outcome: AttemptOutcome | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[FailedAttempt]:
        """Return a page of failed attempts, newest first."""
        await self._flush()
        await self._state.turn()
        wanted = None if topic is None else self._state.find_topic(topic)
        if topic is not None and wanted is None:
            return []
        key = None if host is None else host_key(_canonical(host))
        chosen = (
            self._shown(number, made)
            for number, made in reversed(self._state.messages.attempts)
            if (before is None or number < before)
            and (wanted is None or made.topic == wanted.number)
            and message_id in {None, made.message_id}
            and callback in {None, made.callback}
            and key in {None, made.host}
            and outcome in {None, made.outcome}
        )
        return list(islice(chosen, limit))

    async def redeliver(self, number: int, callback: str) -> bool:
        """Redeliver a message to one subscription of its topic."""
        await self._state.turn()
        message = self._state.messages.get(number)
        if message is None:
            return False
        kept = self._state.find_subscription(message.update.topic, callback, self._ledger.clock())
        if kept is None:
            return False
        letter = self._state.letters.redeliver(message.update, message.sequence, kept, self._ledger.clock())
        self._ledger.replaying(kept.topic.number, kept.number, letter, message.sequence)
        return True

    async def recipients(
        self, number: int, *, only: RecipientState | None = None, after: str = "", limit: int = 100
    ) -> list[MessageRecipient]:
        """Return a page of the subscriptions that a message was for, with its state for each."""
        await self._flush()
        await self._state.turn()
        message = self._state.messages.get(number)
        if message is None:
            return []
        if only is not RecipientState.WAITING:
            chosen = recipients(self._state, message, after) if only is None else dead(self._state, message, after)
            return list(islice(chosen, limit))
        log = self._ledger.board.logs.get(message.topic.number)
        numbers = [] if log is None else await who_waits(log, message.sequence, int(after or 0), limit)
        return waiting(self._state, message, numbers)

    async def health(self, topic: str, callback: str) -> SubscriptionHealth | None:
        """Return the state of the deliveries to a subscription, or None if there is no such subscription."""
        await self._flush()
        await self._state.turn()
        kept = self._state.find_subscription(topic, callback, self._ledger.clock())
        if kept is None:
            return None
        failures = await self.attempts(topic=topic, callback=kept.value.callback, limit=1)
        place = self._ledger.board.find(kept.topic.number, kept.number)
        return SubscriptionHealth(
            waiting=0 if place is None else place[0].owed(*place[1:]),
            last_success_at=kept.delivered_at,
            last_failure=failures[0] if failures else None,
        )

    async def expire(self) -> int:
        """Mark messages that exceed the limits, and delete attempts that do."""
        await self._state.turn()
        expired = self._state.messages.expire(self._ledger.board.limits, self._ledger.clock())
        self._ledger.disposable.update(kept.topic.number for kept in expired)
        return len(expired)

    async def expire_topic(self, topic: str) -> None:
        """Mark all messages of a topic."""
        await self._state.turn()
        kept = self._state.find_topic(topic)
        if kept is not None:
            self._state.messages.expire_topic(kept)
            self._ledger.disposable.add(kept.number)

    def _shown(self, number: int, made: AttemptMade) -> FailedAttempt:
        topic = self._state.logs.get(made.topic)
        return FailedAttempt(
            number=number,
            message_id=made.message_id,
            topic="" if topic is None else topic.value.url,
            callback=made.callback,
            host=authority_of(made.callback),
            attempt=made.attempt,
            attempted_at=made.attempted_at,
            status=made.status,
            milliseconds=made.milliseconds,
            outcome=made.outcome,
            reason=made.reason,
            answer=made.answer,
        )


def _message(kept: KeptMessage, waiting: int) -> Message:
    return Message(
        number=kept.number,
        id=kept.update.id,
        topic=kept.topic.value.url,
        publisher=kept.update.publisher,
        content_type=kept.update.content_type,
        size=len(kept.update.content),
        published_at=kept.update.published_at,
        recipients=kept.recipients,
        delivered=kept.delivered,
        waiting=waiting,
        dead=kept.dead,
    )


def _canonical(host: str) -> str:
    try:
        return canonical_authority(host)
    except UrlError:
        return host  # matches no callback
