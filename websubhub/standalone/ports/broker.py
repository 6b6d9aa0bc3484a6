"""How updates reach subscriptions: publish once, claim what is due, settle each claim exactly once."""

from collections.abc import Sequence
from typing import Protocol

from websubhub.standalone.ports.records import (
    DeadLetter,
    FailingDelivery,
    HostState,
    PublishKey,
    Statistics,
    Update,
)


class Delivery(Protocol):
    """One update on its way to one subscription, to be settled by exactly one of the four methods.

    They return at once; the settlement is durable with the next publish, within a fifth of a second, or after
    ``ContentBroker.flush``. A crash in between makes the delivery happen again, with the same ``update.id``.
    """

    @property
    def update(self) -> Update:
        """The update to deliver."""
        ...

    @property
    def callback(self) -> str:
        """The callback to deliver it to."""
        ...

    @property
    def secret(self) -> str | None:
        """The secret to sign it with, or None."""
        ...

    @property
    def attempt(self) -> int:
        """Which attempt of the retry schedule this is, from 1; an attempt outside the schedule repeats the last."""
        ...

    @property
    def refusals(self) -> int:
        """How many attempts before this one were settled as ``refused``, those outside the schedule left out."""
        ...

    @property
    def turned_away(self) -> bool:
        """Whether the update before this one died ``turned_away``; of a first attempt that need not be known."""
        ...

    def done(self) -> None:
        """Settle as done: the callback accepted it (2xx).

        Raises:
            DeliverySettledError: It was settled before.
        """
        ...

    def retry(
        self,
        after: float,
        reason: str,
        *,
        firm: bool = False,
        host_failed: bool = True,
        refused: bool = False,
        counted: bool = True,
    ) -> None:
        """Settle as failed, to be tried again.

        Args:
            after: Seconds from now.
            reason: What happened, in one sentence without secrets.
            firm: Whether the callback asked for this delay (Retry-After), so that a new update must not shorten it.
            host_failed: Whether the host is to blame, as opposed to this callback alone (an answer 404 for example).
            refused: Whether to count it in ``refusals`` as well as in ``attempt``.
            counted: Whether it was an attempt; if not, the next one has the same number.

        Raises:
            DeliverySettledError: It was settled before.
        """
        ...

    def dead(self, reason: str, *, host_failed: bool = True, turned_away: bool = False) -> None:
        """Settle as failed for the last time: it becomes a dead letter, and the subscription gets its next update.

        Args:
            reason: What happened, in one sentence without secrets.
            host_failed: Whether the host is to blame.
            turned_away: Whether the callback is, which the delivery of the next update is told.

        Raises:
            DeliverySettledError: It was settled before.
        """
        ...

    def gone(self) -> None:
        """Settle as gone: the callback answered 410: the subscription ends (W3C 7).

        Raises:
            DeliverySettledError: It was settled before.
        """
        ...


class ContentBroker(Protocol):
    """Publishes updates and hands out their deliveries, in publish order and one at a time for a subscription."""

    async def publish(self, update: Update, key: PublishKey | None = None) -> str:
        """Accept an update for every subscription that its topic has now; durable on return.

        Args:
            update: What to deliver.
            key: Names this update; one with the same key for the same topic is accepted once within a day.

        Returns:
            The id of the update that was accepted: of this one, or of the first one with the same key. It is another
            one than the caller's where another publisher has used that for the topic.

        Raises:
            BacklogFullError: Too many deliveries are waiting.
            DiskFullError: There is no space for it.
            StoreError: It could not be stored for another reason.
        """
        ...

    async def claim(self, limit: int) -> Sequence[Delivery]:
        """Wait until deliveries are due and take 1 to ``limit`` of them.

        Raises:
            StoreError: The store cannot be read; nothing was taken.
        """
        ...

    async def flush(self) -> None:
        """Return once every settlement made so far is durable."""
        ...

    async def statistics(self) -> Statistics:
        """Return the counts of this moment."""
        ...

    async def failing(self, *, limit: int = 100) -> list[FailingDelivery]:
        """Return the deliveries that failed and will be tried again, the next one first."""
        ...

    async def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return a page of the dead letters, the oldest first, after the id of the last one of the previous page."""
        ...

    async def replay(self, letters: Sequence[int]) -> int:
        """Try these dead letters once more, soon; one that fails again stays.

        Returns:
            How many will be tried; the others are unknown or their subscription has ended.
        """
        ...

    async def drop(self, letters: Sequence[int]) -> int:
        """Forget these dead letters. Returns how many there were."""
        ...

    async def pause_host(self, host: str) -> None:
        """Hold back every delivery to this host until it is resumed; what is on its way is not called back.

        Args:
            host: Its name in any spelling, with the port unless that is 80 or 443.
        """
        ...

    async def resume_host(self, host: str) -> None:
        """Deliver to this host again, at once, also when it was held back because it failed."""
        ...

    async def hosts(self, *, limit: int = 100) -> list[HostState]:
        """Return the hosts that are paused, failing or busy, in this order."""
        ...

    async def reclaim(self) -> int:
        """Delete the updates that nobody is owed any more. Returns how many."""
        ...
