"""The port to messages and their results: a row per message, a row per failed attempt, and successes as counts."""

from enum import StrEnum
from typing import Protocol

from attrs import field, frozen

from websubhub.standalone.ports.records import Update

ANSWER_BYTES = 1_024
"""How many bytes of the answer to a failed attempt are kept."""


class AttemptOutcome(StrEnum):
    """The consequence of a failed attempt."""

    RETRIED = "retried"
    """The delivery is retried."""
    DEAD = "dead"
    """It was the last attempt, so the delivery became a dead letter, or stayed one."""
    GONE = "gone"
    """The callback answered 410, which ended the subscription."""


@frozen(kw_only=True)
class Published:
    """The result of publishing an update.

    Args:
        id: The id of the accepted update, or of the first one with the same key.
        recipients: How many subscriptions it is owed to, or None if it was published before and that is unknown.
        repeated: Whether it was accepted before under the same key, so that nothing was published now.
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
    """An update of a topic, and its results.

    Recipients that are not delivered, waiting or dead got no delivery: their subscription ended first, or a newer
    update replaced this one (``DeliveryMode.LATEST``).

    Args:
        number: Its number. Later messages have greater numbers.
        id: The message id. It is only unique within a topic.
        topic: The topic URL.
        publisher: The name of the publisher's token, an empty string without one, or None if the hub fetched the
            content itself.
        content_type: Its Content-Type.
        size: The length of its content, in bytes.
        published_at: When it was accepted.
        recipients: How many subscriptions it was owed to when it was published.
        delivered: How many of them got it.
        waiting: How many of them are still owed it.
        dead: For how many of them the hub gave up on it.
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
        number: Its number. Later attempts have greater numbers.
        message_id: The id of the message.
        topic: The topic URL, or an empty string if the topic has been removed since.
        callback: The callback URL.
        host: Its host, with the port unless it is 80 or 443.
        attempt: The number of the attempt, from 1.
        attempted_at: When it ended.
        status: The status of the answer, or 0 if there was none.
        milliseconds: How long it took.
        outcome: Its consequence.
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
    """The subscription got the message or, with ``DeliveryMode.LATEST``, possibly a newer one instead."""
    WAITING = "waiting"
    """The subscription is still owed the message."""
    DEAD = "dead"
    """The hub gave up on the delivery."""
    REPLACED = "replaced"
    """The subscription gets a newer message instead (``DeliveryMode.LATEST``)."""


@frozen(kw_only=True)
class MessageRecipient:
    """A subscription that a message was for.

    Args:
        place: The position after which the next page begins, if this is the last one of a page.
        callback: The callback URL.
        state: The state of the message for it.
        attempts: How many attempts have failed. Only known for ``WAITING`` and ``DEAD``.
        due_at: When the next attempt is due, if an attempt has failed.
        reason: Why the last attempt failed, or an empty string.
    """

    place: str
    callback: str = field(repr=False)
    state: RecipientState
    attempts: int = 0
    due_at: float | None = None
    reason: str = ""


@frozen(kw_only=True)
class SubscriptionHealth:
    """The state of the deliveries to a subscription.

    Args:
        waiting: How many updates it is owed.
        last_success_at: When a delivery last arrived, or None if that is unknown.
        last_failure: The last failed attempt that is still kept, or None.
    """

    waiting: int
    last_success_at: float | None
    last_failure: FailedAttempt | None


class MessageStore(Protocol):
    """The messages and their results, kept as long as the limits of the store allow.

    A message is kept while a subscription is owed it or a dead letter needs it. After that, it is kept until it is too
    old or the store keeps too much. Failed attempts are kept until they are too old or the store keeps too much.
    """

    async def page(
        self, *, topic: str | None = None, message_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[Message]:
        """Return a page of messages, newest first, before the number of the last one of the previous page.

        Args:
            topic: Only messages of this topic.
            message_id: Only messages with this id. Each topic has at most one, plus one for each redelivery.
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
        """Return a page of failed attempts, newest first.

        Args:
            message_id: Only attempts for messages with this id.
            topic: Only attempts for messages of this topic.
            callback: Only attempts at this callback, as its subscriber wrote it.
            host: Only attempts at this host, in any spelling.
            outcome: Only attempts with this outcome.
            before: The number of the last attempt of the previous page.
            limit: The size of the page.
        """
        ...

    async def redeliver(self, number: int, callback: str) -> bool:
        """Redeliver a message to one subscription of its topic, after the delivery in progress.

        It is replayed like a dead letter, and becomes one if it fails. Return False if there is no such message, or no
        such subscription of its topic.
        """
        ...

    async def health(self, topic: str, callback: str) -> SubscriptionHealth | None:
        """Return the state of the deliveries to a subscription, or None if there is no such subscription."""
        ...

    async def recipients(
        self, number: int, *, only: RecipientState | None = None, after: str = "", limit: int = 100
    ) -> list[MessageRecipient]:
        """Return a page of the subscriptions that a message was for, with its state for each.

        Subscriptions that have ended since are left out, except those of dead letters.

        Args:
            number: The number of the message.
            only: Only subscriptions in this state, ``WAITING`` or ``DEAD``.
            after: The ``place`` of the last one of the previous page.
            limit: The size of the page.
        """
        ...

    async def expire(self) -> int:
        """Mark messages that exceed the limits, so that ``ContentBroker.reclaim`` deletes them.

        Attempts that exceed the limits are deleted at once. Return how many messages were marked.
        """
        ...

    async def expire_topic(self, topic: str) -> None:
        """Mark all messages of a topic regardless of the limits, so that ``ContentBroker.reclaim`` deletes them.

        Messages that a subscription is owed or that a dead letter needs stay for as long as that is so.
        """
        ...
