"""Requests to subscribe and to unsubscribe, kept until they are verified."""

import secrets
import time
from collections.abc import Callable

from websubhub import Subscription, Unsubscription
from websubhub.standalone.ports import Mode, PendingVerification, SubscriptionLimits, VerificationStore

_PENDING_LIMIT = 10_000


class Requests:
    """Stores requests before their subscribers are answered.

    Args:
        verifications: The store of requests that await their verification.
        accepted: Called when a request awaits its verification.
        clock: The time, in seconds since 1970.
        limits: How many subscriptions there may be.
    """

    def __init__(
        self,
        verifications: VerificationStore,
        accepted: Callable[[], None],
        clock: Callable[[], float] = time.time,
        limits: SubscriptionLimits | None = None,
    ) -> None:
        self._verifications = verifications
        self._accepted = accepted
        self._clock = clock
        self._limits = limits or SubscriptionLimits()

    async def keep(self, message: Subscription | Unsubscription) -> bool:
        """Store a request. An unsubscription without a subscription is forgotten. Return False if there are too many.

        Raises:
            HostFullError: The host of the callback has too many subscriptions.
            StoreError: It could not be stored.
        """
        subscribes = isinstance(message, Subscription)
        pending = PendingVerification(
            id=secrets.token_hex(16),
            mode=Mode.SUBSCRIBE if subscribes else Mode.UNSUBSCRIBE,
            topic=message.topic,
            callback=message.callback,
            secret=message.secret,
            lease_seconds=message.lease_seconds if isinstance(message, Subscription) else 0,
            due_at=self._clock(),
        )
        if not subscribes:
            await self._verifications.save_if_known(pending)
        elif not await self._verifications.save(pending, places=_PENDING_LIMIT, limits=self._limits):
            return False
        self._accepted()
        return True
