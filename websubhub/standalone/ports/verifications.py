"""The port to the store of requests that await intent verification."""

from collections.abc import Collection, Sequence
from typing import Protocol

from websubhub.standalone.ports.limits import SubscriptionLimits
from websubhub.standalone.ports.requests import PendingVerification

HostAccount = tuple[bool, str]
"""The account of a verification: whether its pair is already subscribed, and the host of its callback."""


class VerificationStore(Protocol):
    """Accepted requests that await intent verification, one per pair of topic and callback."""

    async def save(
        self,
        verification: PendingVerification,
        *,
        places: int | None = None,
        limits: SubscriptionLimits | None = None,
    ) -> PendingVerification | None:
        """Store a request, replacing an older one of the same pair.

        Args:
            verification: The request.
            places: How many requests of unsubscribed pairs may be pending, or None for any number. A host may have as
                many of them as there are free places, so that a few hosts cannot take all. If no place is free, a
                request that is waiting for another attempt gives way, from the host with the most requests.
            limits: How many subscriptions there may be, or None for any number.

        Returns:
            The request as it is stored, or None, without saving anything, if there is no place. There is always one
            for a subscribed pair, and for a pair whose request is replaced.

        Raises:
            HostFullError, HubFullError: There are too many subscriptions. Never raised for a subscribed pair.
        """
        ...

    async def save_if_known(self, verification: PendingVerification) -> bool:
        """Store a request, in one step, if its pair is subscribed or has a request that this one replaces.

        Returns:
            False, without saving anything, if there is neither.
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
        """Return the due requests of this process: those of subscribed pairs first, then most overdue first.

        Args:
            limit: The most to return, of subscribed pairs and of others.
            besides: Accounts whose requests are left out.
            among: The only accounts whose requests are returned, or None for all.
            known: True for subscribed pairs, False for others, or both.
        """
        ...

    async def postpone(self, verification: str, *, due_at: float, counts: bool = True, reason: str = "") -> bool:
        """Set the time of the next attempt. Return False if a newer request has replaced this one.

        Args:
            verification: The id of the request.
            due_at: The time of the next attempt.
            counts: Whether to count this attempt.
            reason: What went wrong, in one sentence.
        """
        ...

    async def page(
        self,
        *,
        after: tuple[str, str] | None = None,
        limit: int = 100,
        failing: bool | None = None,
        host: str | None = None,
    ) -> list[PendingVerification]:
        """Return a page of the pending requests in a fixed order.

        Args:
            after: The last topic and callback of the previous page.
            limit: How many at most.
            failing: True for only requests with a failed attempt, False for only the others, or None for all.
            host: Only requests with callbacks on this host, named as by ``host_of``.
        """
        ...

    async def known(self, verifications: Sequence[str]) -> set[str]:
        """Return which of these ids exist."""
        ...

    async def retry(self, verifications: Sequence[str]) -> int:
        """Make these requests due now, starting over with the first attempt. Return how many there were."""
        ...

    async def drop(self, verifications: Sequence[str]) -> int:
        """Drop these requests. Return how many there were."""
        ...

    async def remove(self, verification: str) -> bool:
        """Remove a request that was denied or not confirmed. Return False if a newer request has replaced it."""
        ...

    async def count(self) -> int:
        """Return how many requests are pending."""
        ...
