"""The port to what became of messages: a row for each message, one for each failed attempt, and successes as counts."""

from enum import StrEnum
from typing import Protocol

from attrs import field, frozen

from websubhub.standalone.ports.records import Update

ANSWER_BYTES = 1_024
"""How much of the answer to a failed attempt is kept."""


class AttemptOutcome(StrEnum):
    """The consequence of a failed attempt."""

    RETRIED = "retried"
    """It was to be tried again."""
    DEAD = "dead"
    """It was the last one, so that the delivery became a dead letter, or stayed one."""
    GONE = "gone"
    """The callback answered 410, which ended the subscription."""


@frozen(kw_only=True)
class Published:
    """The result of publishing an update.

    Args:
        id: The id of the accepted update, or of the first one with the same key.
        recipients: How many subscriptions it is owed to, or None if it was published before and that is not known.
        repeated: Whether it was accepted before under its key, so that nothing was published now.
    """

    id: str
    recipients: int | None = 0
    repeated: bool = False


@frozen(kw_only=True)
class AttemptDetails:
    """The details of a failed attempt besides its reason.

    Args:
        status: The status of the answer, or 0 if there was none.
        seconds: How long it took.
        answer: The beginning of the answer's body.
    """

    status: int = 0
    seconds: float = 0.0
    answer: bytes = field(default=b"", repr=False)


@frozen(kw_only=True)
class Message:
    """An update of a topic, and what became of it.

    The recipients that are neither delivered nor waiting nor dead got no delivery: their subscription ended before, or
    a newer update replaced this one (``DeliveryMode.LATEST``).

    Args:
        number: Its number. Later messages have greater ones.
        id: The message id. It is unique in a topic only.
        topic: The topic URL.
        publisher: The name of the publisher's token, an empty text for anybody without one, or None if the hub fetched
            the content itself.
        content_type: Its Content-Type.
        size: The length of its content, in bytes.
        published_at: When it was accepted.
        recipients: How many subscriptions it was owed to when it was published.
        delivered: How many of them got it.
        waiting: How many of them are still owed it.
        dead: For how many of them it was given up.
    """

    number: int
    id: str
    topic: str
    publisher: str | None
    content_type: str
    size: int
    published_at: float
    recipients: int
    delivered: int
    waiting: int
    dead: int


@frozen(kw_only=True)
class FailedAttempt:
    """A failed attempt at a delivery.

    Args:
        number: Its number. Later attempts have greater ones.
        message_id: The id of the message.
        topic: The topic URL, or an empty text if the topic has been forgotten since.
        callback: The callback URL.
        host: Its host, with the port unless that is 80 or 443.
        attempt: The number of the attempt, from 1.
        attempted_at: When it ended.
        status: The status of the answer, or 0 if there was none.
        milliseconds: How long it took.
        outcome: What followed from it.
        reason: Why it failed.
        answer: The first bytes of the answer's body, at most ``ANSWER_BYTES``.
    """

    number: int
    message_id: str
    topic: str
    callback: str = field(repr=False)
    host: str
    attempt: int
    attempted_at: float
    status: int
    milliseconds: int
    outcome: AttemptOutcome
    reason: str
    answer: bytes = field(repr=False)


class RecipientState(StrEnum):
    """The state of a message for one subscription."""

    DELIVERED = "delivered"
    """It got it, or, with ``DeliveryMode.LATEST``, perhaps a newer one instead."""
    WAITING = "waiting"
    """It is still owed it."""
    DEAD = "dead"
    """The delivery was given up."""
    REPLACED = "replaced"
    """It gets a newer message instead (``DeliveryMode.LATEST``)."""


@frozen(kw_only=True)
class MessageRecipient:
    """A subscription that a message was for.

    Args:
        place: Where the next page begins after this one.
        callback: The callback URL.
        state: What became of the message for it.
        attempts: How many attempts have failed, as far as the state says so: of ``WAITING`` and ``DEAD``.
        due_at: When it is tried again, if an attempt has failed.
        reason: Why the last attempt failed, or an empty text.
    """

    place: str
    callback: str = field(repr=False)
    state: RecipientState
    attempts: int = 0
    due_at: float | None = None
    reason: str = ""


@frozen(kw_only=True)
class SubscriptionHealth:
    """How the deliveries to a subscription go.

    Args:
        waiting: How many updates it is owed.
        last_success_at: When a delivery arrived last, or None if that is not known.
        last_failure: The last failed attempt that is still remembered, or None.
    """

    waiting: int
    last_success_at: float | None
    last_failure: FailedAttempt | None


class MessageStore(Protocol):
    """The messages and what became of them, for as long as the limits of the store allow.

    A message is kept as long as a subscription is owed it or a dead letter has it, and beyond that until it is too old
    or too much is kept. Failed attempts are kept until they are too old, or too much is kept.
    """

    async def page(
        self, *, topic: str | None = None, message_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[Message]:
        """Return a page of messages, the newest first, before the number of the last one of the previous page.

        Args:
            topic: Only those of this topic.
            message_id: Only those with this id, of which each topic has at most one, and one more for each redelivery.
            before: The number of the last message of the previous page.
            limit: The size of the page.
        """
        ...

    async def update(self, number: int) -> Update | None:
        """Return the update of a message, with its content, or None if there is no such message."""
        ...

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
        """Return a page of failed attempts, the newest first.

        Args:
            message_id: Only those at messages with this id.
            topic: Only those at messages of this topic.
            callback: Only those at this callback, spelled as its subscriber wrote it.
            host: Only those at this host, in any spelling.
            outcome: Only those with this outcome.
            before: The number of the last attempt of the previous page.
            limit: The size of the page.
        """
        ...

    async def redeliver(self, number: int, callback: str) -> bool:
        """Deliver a message once more to one subscription of its topic, after what that is in the course of getting.

        It is replayed like a dead letter, and is one if it fails. Return False if there is no such message, or no such
        subscription of its topic.
        """
        ...

    async def health(self, topic: str, callback: str) -> SubscriptionHealth | None:
        """Return how the deliveries to a subscription go, or None if there is no such subscription."""
        ...

    async def recipients(
        self, number: int, *, only: RecipientState | None = None, after: str = "", limit: int = 100
    ) -> list[MessageRecipient]:
        """Return a page of the subscriptions that a message was for, with what became of it for each.

        Those that have ended since are left out, except for dead letters.

        Args:
            number: The number of the message.
            only: Only those in this state, ``WAITING`` or ``DEAD``.
            after: The ``place`` of the last one of the previous page.
            limit: The size of the page.
        """
        ...

    async def expire(self) -> int:
        """Mark the messages that are too old, or too many, so that ``ContentBroker.reclaim`` deletes them.

        Attempts beyond the limits are deleted at once. Return how many messages were marked.
        """
        ...

    async def expire_topic(self, topic: str) -> None:
        """Mark all messages of a topic whatever the limits are, so that ``ContentBroker.reclaim`` deletes them.

        Those that a subscription is owed or that a dead letter has stay as long as that is so.
        """
        ...
