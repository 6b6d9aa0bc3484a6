"""The port to the store of requests that await their intent verification."""

from collections.abc import Collection, Sequence
from typing import Protocol

from websubhub.standalone.ports.limits import SubscriptionLimits
from websubhub.standalone.ports.requests import PendingVerification

HostAccount = tuple[bool, str]
"""The account of a verification: whether its pair is already subscribed, and the host of its callback."""


class VerificationStore(Protocol):
    """Accepted requests that await their intent verification, one for each pair of topic and callback."""

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
            places: How many requests of pairs that are not subscribed yet may be pending, or None for any number. A
                host may have as many of them as there are free places, so that a few hosts cannot take all. If there is
                no place, a request that waits for another attempt gives way, of the host that has the most.
            limits: How many subscriptions there may be, or None for any number.

        Returns:
            The request as it is stored, or None, with nothing saved, if there is no place. There always is one for a
            subscribed pair, and for a pair whose request is replaced.

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
            failing: Only those of which an attempt has failed, or only the others, or None for all.
            host: Only those of this host of callbacks, named as by ``host_of``.
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
