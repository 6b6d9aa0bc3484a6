"""Where the hub keeps topics, subscriptions and pending verifications. Every method is durable once it returns."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from websubhub.standalone.ports.broker import ContentBroker
from websubhub.standalone.ports.limits import SubscriptionLimits
from websubhub.standalone.ports.records import (
    Announcement,
    AnnouncementState,
    AnnouncementStatistics,
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
        """The topic of this URL, or None."""
        ...

    async def page(self, *, after: str = "", limit: int = 100) -> list[Topic]:
        """A page of the topics in a fixed order, from behind the URL of the last one of the page before."""
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
        """What is remembered of the last fetch, or None when there was none."""
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
        """The subscription of this pair whose lease has not ended, or None."""
        ...

    async def page(
        self, *, topic: str | None = None, after: tuple[str, str] | None = None, limit: int = 100
    ) -> list[StoredSubscription]:
        """A page of subscriptions in a fixed order, from behind the (topic, callback) of the last one before."""
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
        """The newest request of this pair, or None."""
        ...

    async def due(self, *, limit: int = 100, besides: Collection[HostAccount] = ()) -> list[PendingVerification]:
        """The requests that this process is to see to: those of subscribed pairs first, then the longest due first.

        Args:
            limit: How many at most, of those and of the others.
            besides: Those of these accounts are left out.
        """
        ...

    async def postpone(self, verification: str, *, due_at: float, counts: bool = True) -> bool:
        """Set the time of the next attempt, and count this one or not. False when a newer request replaced it."""
        ...

    async def remove(self, verification: str) -> bool:
        """Forget a request that was denied or given up. False when a newer request has replaced it."""
        ...

    async def count(self) -> int:
        """How many requests are pending."""
        ...


class AnnouncementStore(Protocol):
    """Topics whose publishers announced new content, until it was fetched, given up or dropped.

    A fetch that was overtaken by another announcement of its topic is no attempt: ``retry`` and ``dead`` then only note
    what happened, and return False.
    """

    async def save(self, topic: str) -> None:
        """Keep one more announcement of this topic; it is due at once, or when the topic's own delay is over.

        Attempts begin anew, also where it was given up.
        """
        ...

    async def due(self, *, limit: int = 100, besides: Collection[str] = ()) -> list[Announcement]:
        """The topics that this process is to fetch now, the longest due first.

        Args:
            limit: How many at most.
            besides: Topics of these hosts are left out.
        """
        ...

    async def hold(self, announcement: Announcement, until: float, reason: str) -> bool:
        """Keep a topic back until a time, which another announcement does not shorten; that is no attempt.

        Args:
            announcement: What was to be fetched.
            until: Until when.
            reason: Why, in one sentence.
        """
        ...

    async def hold_host(self, host: str, until: float, reason: str) -> int:
        """Keep all topics of a host back that are due; the arguments are those of ``hold``. Returns how many."""
        ...

    async def settle(self, announcement: Announcement) -> bool:
        """Forget a topic that was fetched. False when it was announced again since, so that it stays."""
        ...

    async def retry(
        self, announcement: Announcement, after: float, reason: str, *, status: int = 0, firm: float = 0.0
    ) -> bool:
        """A fetch failed and is to be tried again.

        Args:
            announcement: What was to be fetched.
            after: Seconds from now.
            reason: What happened, in one sentence.
            status: What the topic answered, 0 for nothing.
            firm: Seconds that the topic asked for (Retry-After), which another announcement does not shorten.
        """
        ...

    async def dead(self, announcement: Announcement, reason: str, *, status: int = 0, firm: float = 0.0) -> bool:
        """A fetch failed for the last time; the arguments are those of ``retry``."""
        ...

    async def page(
        self, *, state: AnnouncementState | None = None, after: int = 0, limit: int = 100
    ) -> list[Announcement]:
        """A page of the announcements, the oldest first, from behind the id of the last one of the page before."""
        ...

    async def replay(self, announcements: Sequence[int]) -> int:
        """Fetch these topics now, with all attempts before them. Returns how many there were."""
        ...

    async def drop(self, announcements: Sequence[int]) -> int:
        """Forget these announcements. Returns how many there were."""
        ...

    async def drop_dead(self, before: float) -> int:
        """Forget those that were given up before a time. Returns how many there were."""
        ...

    async def statistics(self) -> AnnouncementStatistics:
        """The counts of this moment."""
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
