"""Where the hub keeps topics, subscriptions and pending verifications. Every method is durable once it returns."""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from websubhub.standalone.ports.announcements import AnnouncementStore
from websubhub.standalone.ports.broker import ContentBroker
from websubhub.standalone.ports.limits import SubscriptionLimits
from websubhub.standalone.ports.records import (
    FetchedTopic,
    StoredSubscription,
    Topic,
)
from websubhub.standalone.ports.requests import PendingVerification

HostAccount = tuple[bool, str]
"""Whose budget a verification is made from: whether its pair is subscribed already, and the host of its callback."""


class TopicStore(Protocol):
    """Topics by URL. Others may change them at any time, so every answer is one of the moment."""

    async def save(self, topic: Topic) -> None:
        """Add a topic, or replace the options of a known one."""
        ...

    async def configure(self, *, latest_only: Collection[str], feed_diff: Collection[str]) -> None:
        """Give the known topics that are named here these options, in a few steps however many they are.

        A topic that one of the two names gets both options by them; a topic that neither names keeps its own.

        Args:
            latest_only: The topics with ``DeliveryMode.LATEST``; ``*`` stands for all.
            feed_diff: The topics with ``feed_diff``; ``*`` stands for all.
        """
        ...

    async def get(self, url: str) -> Topic | None:
        """Return the topic of this URL, or None."""
        ...

    async def page(self, *, after: str = "", limit: int = 100) -> list[Topic]:
        """Return a page of the topics in a fixed order, after the last URL of the previous page."""
        ...

    async def deregister(self, url: str) -> bool:
        """Make a topic unregistered; its subscriptions stay. False when it was not registered."""
        ...

    async def forget_unused(self) -> int:
        """Forget the topics that were unused at the last call and still are. Returns how many.

        A topic is unused if it is not registered, has no options of its own, and neither a subscription, an update, a
        dead letter nor an announcement is there for it. Whatever happens to it meanwhile, nothing is lost.
        """
        ...

    async def last_fetch(self, url: str) -> FetchedTopic | None:
        """Return what is remembered of the last fetch, or None if there was none."""
        ...

    async def save_fetch(self, url: str, fetch: FetchedTopic) -> None:
        """Remember a fetch; an unknown topic is added."""
        ...


class SubscriptionStore(Protocol):
    """Verified subscriptions, one for each pair of topic and callback."""

    async def save(self, subscription: StoredSubscription, *, verification: str | None = None) -> bool:
        """Add a subscription that gets updates from now on, or renew one, which keeps what it is still owed.

        Args:
            subscription: What was verified.
            verification: The pending verification that this finishes, in the same step.

        Returns:
            False, with nothing saved, when that request was withdrawn, by ``remove`` for example. One that a newer
            request has replaced meanwhile counts, since the subscriber confirmed it first; the newer one stays pending.
        """
        ...

    async def get(self, topic: str, callback: str) -> StoredSubscription | None:
        """Return the subscription of this pair whose lease has not ended, or None."""
        ...

    async def page(
        self, *, topic: str | None = None, after: tuple[str, str] | None = None, limit: int = 100
    ) -> list[StoredSubscription]:
        """Return a page of subscriptions in a fixed order, after the last topic and callback of the previous page."""
        ...

    async def remove(self, topic: str, callback: str, *, verification: str | None = None) -> bool:
        """End a subscription and everything owed to it; ``verification`` and the result are as for ``save``.

        Without ``verification``, requests of this pair that are pending are withdrawn, in the same step, and the result
        says whether there was such a subscription.
        """
        ...

    async def end_expired(self, *, limit: int = 500) -> list[StoredSubscription]:
        """End the subscriptions that this process is to see to and whose lease is over; return at most ``limit``."""
        ...


class VerificationStore(Protocol):
    """Requests that were accepted and await their intent verification, one for each pair of topic and callback."""

    async def save(
        self,
        verification: PendingVerification,
        *,
        places: int | None = None,
        limits: SubscriptionLimits | None = None,
    ) -> bool:
        """Keep a request; it replaces an older one of the same pair.

        Args:
            verification: The request.
            places: How many requests of pairs that are not subscribed yet may be pending; None for any number. A host
                may have as many of them as are still free, so that no few hosts take them all. Where there is no place,
                a request that is waiting for another attempt makes room, of the host that has the most.
            limits: How many subscriptions there may be; None for any number.

        Returns:
            False, with nothing saved, when there is no place. For a pair that is subscribed, and one whose request is
            replaced, there always is.

        Raises:
            HostFullError, HubFullError: There are too many subscriptions; never for a pair that is subscribed.
        """
        ...

    async def save_if_known(self, verification: PendingVerification) -> bool:
        """Keep a request if there is a subscription of its pair, or a request that it replaces, in one step.

        Returns:
            False, with nothing saved, when there is neither.
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
            limit: How many at most, of those and of the others.
            besides: Those of these accounts are left out.
            among: Those of all other accounts than these are left out; None for none.
            known: Those of pairs that are subscribed, those of the others, or both.
        """
        ...

    async def postpone(self, verification: str, *, due_at: float, counts: bool = True) -> bool:
        """Set the time of the next attempt, and count this one or not. False when a newer request replaced it."""
        ...

    async def remove(self, verification: str) -> bool:
        """Forget a request that was denied or given up. False when a newer request has replaced it."""
        ...

    async def count(self) -> int:
        """Return how many requests are pending."""
        ...


class HubStore(AbstractAsyncContextManager["HubStore"], Protocol):
    """Everything that a hub keeps: an adapter is an async context manager with these five and a clock."""

    @property
    def clock(self) -> Callable[[], float]:
        """The time, in seconds since 1970, that leases, retries and everything else that is kept here go by."""
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

    async def examine(self) -> None:
        """Look whether what is kept is sound.

        Raises:
            StoreError: It is damaged; the text says how.
        """
        ...

    async def check_writable(self) -> None:
        """Make sure that something can be written now, by writing.

        Raises:
            StoreError: It cannot; the text says why.
        """
        ...

    @property
    def broker(self) -> ContentBroker:
        """The updates and their deliveries."""
        ...
