"""The ports to the stores of topics, subscriptions and verifications. Changes are durable when a method returns."""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from typing import Protocol

from websubhub.standalone.ports.announcements import AnnouncementStore
from websubhub.standalone.ports.broker import ContentBroker
from websubhub.standalone.ports.letters import DeadLetterStore
from websubhub.standalone.ports.messages import MessageStore
from websubhub.standalone.ports.records import (
    TOPIC_OPTIONS,
    FetchedTopic,
    StoredSubscription,
    Topic,
    TopicUsage,
)
from websubhub.standalone.ports.verifications import VerificationStore


class TopicStore(Protocol):
    """Topics by URL. They may change at any time, so every result is a snapshot."""

    async def save(self, topic: Topic, *, options: Collection[str] = TOPIC_OPTIONS) -> Topic:
        """Add a topic, or set options of a known one, in one step.

        Args:
            topic: The topic to add if it is unknown.
            options: The names of the options to set on a known topic. It keeps its other options.

        Returns:
            The topic as it is now stored.
        """
        ...

    async def configure(self, *, latest_only: Collection[str], feed_diff: Collection[str]) -> None:
        """Set the options of the named topics in the store, in a few steps regardless of their number.

        A topic named in either argument gets both options from them. A topic named in neither keeps its own.

        Args:
            latest_only: The topics with ``DeliveryMode.LATEST``, or ``*`` for all.
            feed_diff: The topics with ``feed_diff``, or ``*`` for all.
        """
        ...

    async def get(self, url: str) -> Topic | None:
        """Return the topic of this URL, or None."""
        ...

    async def page(self, *, search: str = "", after: str = "", limit: int = 100) -> list[Topic]:
        """Return a page of the topics in a fixed order.

        Args:
            search: Text that their URLs contain.
            after: The last URL of the previous page.
            limit: The most to return.
        """
        ...

    async def usage(self, url: str) -> TopicUsage | None:
        """Return what depends on a topic, or None if it is unknown."""
        ...

    async def remove(self, url: str) -> bool:
        """Remove a topic with its options, its last fetch and its announcement.

        Returns:
            False, without any change, if it is unknown or has a subscription, an update or a dead letter.
        """
        ...

    async def deregister(self, url: str) -> bool:
        """Deregister a topic. Its subscriptions stay. Return False if it was not registered."""
        ...

    async def forget_unused(self) -> int:
        """Remove the topics that were unused at the last call and still are. Return how many there were.

        A topic is unused if it is not registered, has only default options, and has no subscription, update, dead
        letter or announcement. Nothing is lost, whatever happens to it meanwhile.
        """
        ...

    async def last_fetch(self, url: str) -> FetchedTopic | None:
        """Return the record of the last fetch, or None if there was none."""
        ...

    async def save_fetch(self, url: str, fetch: FetchedTopic) -> None:
        """Store a fetch. An unknown topic is added."""
        ...


class Saved(Enum):
    """Whether a saved subscription is new or renewed."""

    NEW = auto()
    RENEWED = auto()


class SubscriptionStore(Protocol):
    """Verified subscriptions, one for each pair of topic and callback."""

    async def save(self, subscription: StoredSubscription, *, verification: str | None = None) -> Saved | None:
        """Add a subscription that gets updates from now on, or renew one that keeps what it is still owed.

        An unknown topic is added with default options.

        Args:
            subscription: The verified subscription.
            verification: The pending verification that this finishes, in the same step.

        Returns:
            Whether it is new or renewed, or None, without saving anything, if the request was withdrawn, for example
            by ``remove``. A request that a newer one replaced meanwhile still counts, since the subscriber confirmed
            it. The newer one stays pending.
        """
        ...

    async def get(self, topic: str, callback: str) -> StoredSubscription | None:
        """Return the subscription of this pair whose lease has not ended, or None."""
        ...

    async def page(
        self,
        *,
        topic: str | None = None,
        host: str | None = None,
        callback: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> list[StoredSubscription]:
        """Return a page of subscriptions in a fixed order.

        Args:
            topic: Only subscriptions to this topic.
            host: Only subscriptions with callbacks on this host, named as by ``canonical_authority``.
            callback: Only subscriptions of this callback.
            after: The last topic and callback of the previous page.
            limit: The most to return.
        """
        ...

    async def remove(self, topic: str, callback: str, *, verification: str | None = None) -> bool:
        """End a subscription, and drop everything owed to it.

        Args:
            topic: Its topic.
            callback: Its callback.
            verification: The pending verification that this finishes, in the same step. Without one, pending requests
                of this pair are withdrawn.

        Returns:
            With ``verification``, False, without any change, in the cases where ``save`` returns None. Without it,
            whether there was such a subscription.
        """
        ...

    async def end_expired(self, *, limit: int = 500) -> list[StoredSubscription]:
        """End up to ``limit`` subscriptions of this process whose lease has expired, and return them."""
        ...


class HubStore(AbstractAsyncContextManager["HubStore"], Protocol):
    """The state of a hub. An adapter is an async context manager with these attributes and methods."""

    @property
    def clock(self) -> Callable[[], float]:
        """The clock of the store, for leases, retries and everything else in it, in seconds since 1970."""
        ...

    @property
    def topics(self) -> TopicStore:
        """The topics."""
        ...

    @property
    def subscriptions(self) -> SubscriptionStore:
        """The verified subscriptions."""
        ...

    @property
    def verifications(self) -> VerificationStore:
        """The pending intent verifications."""
        ...

    @property
    def announcements(self) -> AnnouncementStore:
        """The announced topics to fetch."""
        ...

    @property
    def letters(self) -> DeadLetterStore:
        """The dead letters, for searching them."""
        ...

    async def examine(self) -> None:
        """Check that the stored state is intact.

        Raises:
            StoreError: The state is damaged. The message says how.
        """
        ...

    async def check_writable(self) -> None:
        """Check that the store can write now, by writing.

        Raises:
            StoreError: The store cannot write. The message says why.
        """
        ...

    @property
    def messages(self) -> MessageStore:
        """The messages and their results."""
        ...

    @property
    def broker(self) -> ContentBroker:
        """The updates and their deliveries."""
        ...
