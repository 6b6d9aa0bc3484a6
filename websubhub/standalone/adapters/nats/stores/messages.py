"""The store of messages and failed attempts on NATS."""

from itertools import islice

from websubhub import UrlError, canonical_authority
from websubhub.standalone.adapters.nats.journal.attempts import keys_of
from websubhub.standalone.adapters.nats.journal.history import History
from websubhub.standalone.adapters.nats.journal.updates import Updates
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.messages import KnownMessage
from websubhub.standalone.adapters.nats.stores.standing import MessageStanding, Standing
from websubhub.standalone.ports import (
    AttemptOutcome,
    FailedAttempt,
    Message,
    MessageRecipient,
    RecipientState,
    SubscriptionHealth,
    Update,
)

_SEEN_SECONDS = 3.0
_AT_ONCE = 500
_ROUNDS = 10


class NatsMessages:
    """Satisfies ``MessageStore``.

    Each process keeps a row in memory for every message and attempt, without their texts. An expired message is shown
    until its update is deleted, unless 5,000 newer ones have expired too.

    Args:
        records: The records.
        updates: The contents of messages.
        history: The failed attempts, the dead letters, and how long everything is kept.
        standing: The state of messages and subscriptions.
    """

    def __init__(
        self,
        records: Records,
        updates: Updates,
        history: History,
        standing: Standing,
    ) -> None:
        self._records = records
        self._messages = records.knowledge.publishes.messages
        self._updates = updates
        self._attempts = history.attempts
        self._letters = history.letters
        self._history = history
        self._standing = standing
        self._flush = standing.flush
        self._known_attempts = records.knowledge.publishes.attempts

    async def page(
        self, *, topic: str | None = None, message_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[Message]:
        """Return a page of messages, newest first."""
        await self._records.turn()
        self._history.let_messages_expire()
        known = None if topic is None else self._records.knowledge.topics.find(topic)
        if topic is not None and known is None:
            return []
        page: list[Message] = []
        for most in (limit, *[_AT_ONCE] * _ROUNDS):
            newest = self._messages.newest(before, known)
            chosen = (message for message in newest if message_id in {None, message.id})
            more = list(islice(chosen, most))
            standing = await self._standing.of_messages(more) if more else {}
            page += [
                _shown(each, standing[each.number]) for each in more if await self._is_kept(each, standing[each.number])
            ]
            if len(page) >= limit or len(more) < most:
                break
            before = more[-1].number
        return page[:limit]

    async def _is_kept(self, message: KnownMessage, standing: MessageStanding) -> bool:
        """Return whether a message exists. Only the process that deletes messages knows without asking."""
        if not (message.recipients or standing.total):
            return False  # it was for nobody
        is_needed = standing.waiting or message.topic.letters[message.number]
        if is_needed or not message.expired or await self._updates.is_there(message.number):
            return True
        self._messages.drop(message.number)
        return False

    async def _find(self, number: int) -> KnownMessage | None:
        """Return the message with a number, or None if it does not exist."""
        await self._records.turn()
        self._history.let_messages_expire()
        message = self._messages.get(number)
        if message is None:
            return None
        standing = await self._standing.of_messages([message])
        return message if await self._is_kept(message, standing[number]) else None

    async def update(self, number: int) -> Update | None:
        """Return the update of a message, with its content, or None if there is no such message."""
        message = await self._find(number)
        return None if message is None else await self._updates.read(message.topic, message.topic.position(number))

    async def recipients(
        self, number: int, *, only: RecipientState | None = None, after: str = "", limit: int = 100
    ) -> list[MessageRecipient]:
        """Return a page of the subscriptions that a message was for, with its state for each."""
        message = await self._find(number)
        return [] if message is None else await self._standing.recipients.page(message, only, after, limit)

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
        await self._records.turn()
        following = self._attempts.following
        await following.reached(await following.last(), _SEEN_SECONDS)
        name = None if host is None else _canonical(host)
        keys = keys_of(message_id=message_id, topic=topic, callback=callback, host=name, outcome=outcome)
        return await self._attempts.read(islice(self._known_attempts.find(keys, before), limit))

    async def redeliver(self, number: int, callback: str) -> bool:
        """Redeliver a message to one subscription of its topic."""
        await self._records.turn()
        message, knowledge = self._messages.get(number), self._records.knowledge
        pair = None if message is None else knowledge.pairs.find(message.topic.url, callback, knowledge.ledger.clock())
        update = None if pair is None else await self.update(number)
        if update is None or pair is None or pair.value is None:
            return False
        await self._letters.redeliver(pair, pair.value, number, update)
        return True

    async def health(self, topic: str, callback: str) -> SubscriptionHealth | None:
        """Return the state of the deliveries to a subscription, or None if there is no such subscription."""
        await self._flush()
        await self._records.turn()
        knowledge = self._records.knowledge
        pair = knowledge.pairs.find(topic, callback, knowledge.ledger.clock())
        if pair is None or pair.value is None:
            return None
        failures = await self.attempts(topic=topic, callback=pair.value.callback, limit=1)
        waiting, last_success_at = await self._standing.of_subscription(pair)
        return SubscriptionHealth(
            waiting=waiting, last_success_at=last_success_at, last_failure=failures[0] if failures else None
        )

    async def expire(self) -> int:
        """Expire messages and failed attempts that exceed the limits, and return the number of messages."""
        await self._records.turn()
        return await self._history.expire()

    async def expire_topic(self, topic: str) -> None:
        """Expire all messages of a topic."""
        await self._records.turn()
        known = self._records.knowledge.topics.find(topic)
        if known is not None:
            await self._history.expire_topic(known)


def _shown(message: KnownMessage, standing: MessageStanding) -> Message:
    return Message(
        number=message.number,
        id=message.id,
        topic=message.topic.url,
        publisher=message.publisher,
        content_type=message.content_type,
        size=message.size,
        published_at=message.published_at,
        recipients=max(message.recipients, standing.total),  # whoever took it may not have heard of all
        delivered=standing.delivered,
        waiting=standing.waiting,
        dead=standing.dead,
    )


def _canonical(host: str) -> str:
    try:
        return canonical_authority(host)
    except UrlError:
        return host  # matches no callback
