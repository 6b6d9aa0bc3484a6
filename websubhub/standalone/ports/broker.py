"""The port to the broker: publish updates, claim due deliveries, and settle each exactly once."""

from collections.abc import Callable, Sequence
from typing import Protocol

from websubhub.standalone.ports.messages import AttemptDetails, Published
from websubhub.standalone.ports.records import HostPlace, HostState, PublishKey, Statistics, Update
from websubhub.standalone.ports.undelivered import (
    EVERY_DELIVERY,
    DeadLetter,
    DeliveryFilter,
    FailingDelivery,
    FailingPlace,
)


class Delivery(Protocol):
    """One update on its way to one subscription. Exactly one call of one of the four methods settles it.

    They return at once. The settlement becomes durable with the next publish, after at most a second, or with
    ``ContentBroker.flush``. After a crash in between, the delivery is repeated with the same ``update.id``.
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
        """The number of this attempt in the retry schedule, from 1. An attempt outside it repeats the last number."""
        ...

    @property
    def refusals(self) -> int:
        """How many earlier attempts of the schedule were settled as ``refused``."""
        ...

    @property
    def turned_away(self) -> bool:
        """Whether the previous update died as ``turned_away``. At a first attempt, this may be unknown and False."""
        ...

    @property
    def settled(self) -> bool:
        """Whether it was settled."""
        ...

    def done(self) -> None:
        """Settle as done: the callback accepted it (2xx).

        Raises:
            DeliverySettledError: The delivery has already been settled.
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
        details: AttemptDetails | None = None,
    ) -> None:
        """Settle as failed, to be retried.

        Args:
            after: Seconds from now.
            reason: What happened, in one sentence without secrets.
            firm: Whether the callback asked for this delay (Retry-After), so that a new update must not shorten it.
            host_failed: Whether the host is to blame, not just this callback (as with a 404, for example).
            refused: Whether to count it in ``refusals`` as well as in ``attempt``.
            counted: Whether it counts as an attempt. If not, the next one has the same number.
            details: What to keep of the attempt, or None to keep nothing.

        Raises:
            DeliverySettledError: The delivery has already been settled.
        """
        ...

    def dead(
        self,
        reason: str,
        *,
        host_failed: bool = True,
        turned_away: bool = False,
        details: AttemptDetails | None = None,
    ) -> None:
        """Settle as failed for the last time. It becomes a dead letter, and the subscription gets its next update.

        Args:
            reason: What happened, in one sentence without secrets.
            host_failed: Whether the host is to blame.
            turned_away: Whether the callback is to blame. The delivery of the next update has this information.
            details: What to keep of the attempt, or None to keep nothing.

        Raises:
            DeliverySettledError: The delivery has already been settled.
        """
        ...

    def gone(self, *, details: AttemptDetails | None = None) -> None:
        """Settle as gone: the callback answered 410, so the subscription ends (W3C 7).

        Args:
            details: What to keep of the attempt, or None to keep nothing.

        Raises:
            DeliverySettledError: The delivery has already been settled.
        """
        ...


class ContentBroker(Protocol):
    """Publishes updates, and hands out their deliveries in order, one at a time for each subscription."""

    async def publish(self, update: Update, key: PublishKey | None = None) -> Published:
        """Accept an update for every current subscription of its topic. It is durable when this returns.

        Args:
            update: The update.
            key: The key of the update. Within a day, only the first update with the same key and topic is accepted.

        Returns:
            The id of the accepted update, or of the first one with the same key, and how many subscriptions it is owed
            to. The id differs from the caller's if another publisher has already used that id for the topic.

        Raises:
            BacklogFullError: Too many deliveries are waiting.
            DiskFullError: There is no space for the update.
            StoreError: The update could not be stored for another reason.
        """
        ...

    async def claim(self, limit: int) -> Sequence[Delivery]:
        """Wait until deliveries are due, and claim 1 to ``limit`` of them.

        Raises:
            StoreError: The store cannot be read. Nothing was claimed.
        """
        ...

    def claim_at_hand(self, limit: int) -> Sequence[Delivery]:
        """Claim at most ``limit`` deliveries that are due and need nothing from the store, without waiting.

        There may be none although some are due: ``claim`` has them then.
        """
        ...

    async def flush(self) -> None:
        """Return once every settlement made so far is durable."""
        ...

    async def statistics(self) -> Statistics:
        """Return the current counts."""
        ...

    async def failing(
        self, only: DeliveryFilter = EVERY_DELIVERY, *, after: FailingPlace | None = None, limit: int = 100
    ) -> list[FailingDelivery]:
        """Return the deliveries that failed and will be retried, next one first.

        Args:
            only: The filter that they match.
            after: The ``place`` of the last delivery on the previous page.
            limit: The most to return.
        """
        ...

    async def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Return a page of the dead letters, oldest first, after the id of the last one of the previous page."""
        ...

    async def replay(self, letters: Sequence[int]) -> int:
        """Replay these dead letters soon. Those that fail again stay.

        Returns:
            How many will be replayed. The others are unknown, or their subscription has ended.
        """
        ...

    async def drop(self, letters: Sequence[int]) -> int:
        """Drop these dead letters. Return how many there were."""
        ...

    async def pause_host(self, host: str) -> None:
        """Hold back every delivery to this host until it is resumed. Deliveries in flight are not stopped.

        Args:
            host: The host in any spelling, with its port unless it is 80 or 443.
        """
        ...

    async def resume_host(self, host: str) -> None:
        """Resume deliveries to this host at once, even if it was held back because it failed."""
        ...

    async def hosts(
        self, *, only: str | None = None, after: HostPlace | None = None, limit: int = 100
    ) -> list[HostState]:
        """Return the hosts that are paused, failing or busy, in this order.

        Args:
            only: The only host, named as by ``canonical_authority``.
            after: The ``place`` of the last host of the previous page.
            limit: The most to return.
        """
        ...

    def report_to(self, record: Callable[..., None]) -> None:
        """Record events of hosts from now on: held back, recovered, paused or resumed.

        Args:
            record: Records an event, like ``Events.record``.
        """
        ...

    async def reclaim(self) -> int:
        """Delete the updates that no subscription is owed, and return how many there were."""
        ...
