"""The ports to the stores of topics, subscriptions and verifications. Changes are durable when a method returns."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from websubhub.standalone.ports.announcements import AnnouncementStore
from websubhub.standalone.ports.broker import ContentBroker
from websubhub.standalone.ports.letters import DeadLetterStore
from websubhub.standalone.ports.limits import SubscriptionLimits
from websubhub.standalone.ports.messages import MessageStore
from websubhub.standalone.ports.records import (
    TOPIC_OPTIONS,
    FetchedTopic,
    StoredSubscription,
    Topic,
    TopicUsage,
)
from websubhub.standalone.ports.requests import PendingVerification

HostAccount = tuple[bool, str]
"""The account of a verification: whether its pair is already subscribed, and the host of its callback."""


class TopicStore(Protocol):
    """Topics by URL. Others may change them at any time, so every result is a snapshot."""

    async def save(self, topic: Topic, *, options: Collection[str] = TOPIC_OPTIONS) -> Topic:
        """Add a topic, or set options of a known one, in one step.

        Args:
            topic: The topic as it is added if it is unknown.
            options: The names of the options that replace those of a known topic. It keeps its others.

        Returns:
            The topic as it is kept now.
        """
        ...

    async def configure(self, *, latest_only: Collection[str], feed_diff: Collection[str]) -> None:
        """Set the options of the named topics in the store, in few steps however many there are.

        A topic named in one of the two gets both options from them. A topic named in neither keeps its own.

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
            limit: How many at most.
        """
        ...

    async def usage(self, url: str) -> TopicUsage | None:
        """Return what depends on a topic, or None if it is unknown."""
        ...

    async def remove(self, url: str) -> bool:
        """Forget a topic with its options, its last fetch and its announcement.

        Returns:
            False, with nothing changed, if it is unknown, or has a subscription, an update or a dead letter.
        """
        ...

    async def deregister(self, url: str) -> bool:
        """Deregister a topic. Its subscriptions stay. Return False if it was not registered."""
        ...

    async def forget_unused(self) -> int:
        """Forget the topics that were unused at the last call and still are. Return how many.

        A topic is unused if it is not registered, has no options of its own, and has no subscription, update, dead
        letter or announcement. Nothing is lost, whatever happens to it meanwhile.
        """
        ...

    async def last_fetch(self, url: str) -> FetchedTopic | None:
        """Return what is remembered of the last fetch, or None if there was none."""
        ...

    async def save_fetch(self, url: str, fetch: FetchedTopic) -> None:
        """Remember a fetch. An unknown topic is added."""
        ...


class SubscriptionStore(Protocol):
    """Verified subscriptions, one for each pair of topic and callback."""

    async def save(self, subscription: StoredSubscription, *, verification: str | None = None) -> bool:
        """Add a subscription that gets updates from now on, or renew one, which keeps what it is still owed.

        An unknown topic is added, with the options of any other topic.

        Args:
            subscription: The verified subscription.
            verification: The pending verification that this finishes, in the same step.

        Returns:
            False, with nothing saved, if that request was withdrawn, by ``remove`` for example. A request that a newer
            one has replaced meanwhile still counts, since the subscriber confirmed it. The newer one stays pending.
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
            topic: Only those of this topic.
            host: Only those with callbacks at this host, named as by ``canonical_authority``.
            callback: Only those of this callback.
            after: The last topic and callback of the previous page.
            limit: How many at most.
        """
        ...

    async def remove(self, topic: str, callback: str, *, verification: str | None = None) -> bool:
        """End a subscription and everything owed to it. ``verification`` and the result are as in ``save``.

        Without ``verification``, pending requests of this pair are withdrawn in the same step, and the result is
        whether there was such a subscription.
        """
        ...

    async def end_expired(self, *, limit: int = 500) -> list[StoredSubscription]:
        """End subscriptions of this process whose lease has expired. Return them, at most ``limit``."""
        ...


class VerificationStore(Protocol):
    """Accepted requests that await their intent verification, one for each pair of topic and callback."""

    async def save(
        self,
        verification: PendingVerification,
        *,
        places: int | None = None,
        limits: SubscriptionLimits | None = None,
    ) -> bool:
        """Store a request, replacing an older one of the same pair.

        Args:
            verification: The request.
            places: How many requests of pairs that are not subscribed yet may be pending, or None for any number. A
                host may have as many of them as there are free places, so that a few hosts cannot take all. If there is
                no place, a request that waits for another attempt gives way, of the host that has the most.
            limits: How many subscriptions there may be, or None for any number.

        Returns:
            False, with nothing saved, if there is no place. There always is one for a subscribed pair, and for a pair
            whose request is replaced.

        Raises:
            HostFullError, HubFullError: There are too many subscriptions. Never raised for a subscribed pair.
        """
        ...

    async def save_if_known(self, verification: PendingVerification) -> bool:
        """Store a request if there is a subscription of its pair, or a request that it replaces, in one step.

        Returns:
            False, with nothing saved, if there is neither.
        """
        ...

    async def get(self, topic: str, callback: str) -> PendingVerification | None:
        """Return the newest request of this pair, or None."""
        ...

    async def due(
        self,
        *,
        limit: int = 100,
        besides: Collection[HostAccount] = (),
        among: Collection[HostAccount] | None = None,
        known: Collection[bool] = (True, False),
    ) -> list[PendingVerification]:
        """Return the due requests of this process: those of subscribed pairs first, then the most overdue first.

        Args:
            limit: How many at most, of subscribed pairs and of others.
            besides: Accounts whose requests are left out.
            among: The only accounts whose requests are returned, or None for all.
            known: True for subscribed pairs, False for others, or both.
        """
        ...

    async def postpone(self, verification: str, *, due_at: float, counts: bool = True, reason: str = "") -> bool:
        """Set the time of the next attempt. Return False if a newer request has replaced it.

        Args:
            verification: The id of the request.
            due_at: The time of the next attempt.
            counts: Whether to count this attempt.
            reason: What went wrong, in one sentence.
        """
        ...

    async def page(
        self, *, after: tuple[str, str] | None = None, limit: int = 100, failing: bool | None = None
    ) -> list[PendingVerification]:
        """Return a page of the pending requests in a fixed order.

        Args:
            after: The last topic and callback of the previous page.
            limit: How many at most.
            failing: Only those of which an attempt has failed, or only the others, or None for all.
        """
        ...

    async def known(self, verifications: Sequence[str]) -> set[str]:
        """Return which of these ids there are."""
        ...

    async def retry(self, verifications: Sequence[str]) -> int:
        """Make these requests due now, with all attempts ahead of them. Return how many there were."""
        ...

    async def drop(self, verifications: Sequence[str]) -> int:
        """Forget these requests. Return how many there were."""
        ...

    async def remove(self, verification: str) -> bool:
        """Forget a request that was denied or given up. Return False if a newer request has replaced it."""
        ...

    async def count(self) -> int:
        """Return how many requests are pending."""
        ...


class HubStore(AbstractAsyncContextManager["HubStore"], Protocol):
    """The state of a hub. An adapter is an async context manager with these and a clock."""

    @property
    def clock(self) -> Callable[[], float]:
        """Returns the time of the store, in seconds since 1970, for leases, retries and everything else in it."""
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
        """The topics that are to be fetched."""
        ...

    @property
    def letters(self) -> DeadLetterStore:
        """The dead letters, to look for some of them."""
        ...

    async def examine(self) -> None:
        """Check that the stored state is intact.

        Raises:
            StoreError: It is damaged. The message says how.
        """
        ...

    async def check_writable(self) -> None:
        """Check that the store can write now, by writing.

        Raises:
            StoreError: It cannot write. The message says why.
        """
        ...

    @property
    def messages(self) -> MessageStore:
        """The messages, and what became of them."""
        ...

    @property
    def broker(self) -> ContentBroker:
        """The updates and their deliveries."""
        ...
