"""Requests to subscribe and unsubscribe, stored until they are verified."""

import secrets
import time
from collections.abc import Callable
from typing import Protocol

from websubhub import Subscription, Unsubscription, host_of
from websubhub.standalone.hub.introductions import Introductions
from websubhub.standalone.ports import Mode, PendingVerification, SubscriptionLimits, VerificationStore

_PENDING_LIMIT = 10_000


class Accepted(Protocol):
    """A function to call when requests await verification."""

    def __call__(self, *pending: PendingVerification) -> object:
        """Signal that requests await verification, and pass on any that this process should verify."""


class Requests:
    """Stores requests before their subscribers get an answer.

    Args:
        verifications: The store of requests that await verification.
        accepted: Called when a request awaits verification.
        clock: Returns the time, in seconds since 1970.
        limits: How many subscriptions there may be.
        introductions: The hosts of callbacks, by the client that named them.
    """

    def __init__(
        self,
        verifications: VerificationStore,
        accepted: Accepted,
        clock: Callable[[], float] = time.time,
        limits: SubscriptionLimits | None = None,
        introductions: Introductions | None = None,
    ) -> None:
        self._verifications = verifications
        self._accepted = accepted
        self._clock = clock
        self._limits = limits or SubscriptionLimits()
        self._introductions = introductions or Introductions()

    async def keep(self, message: Subscription | Unsubscription) -> bool:
        """Store a request, and return False if there are too many. A request to end no known subscription is ignored.

        Raises:
            HostFullError: The host of the callback has too many subscriptions.
            StoreError: The request could not be stored.
        """
        if not isinstance(message, Subscription):
            await self._verifications.save_if_known(self._pending(Mode.UNSUBSCRIBE, message, 0))
            self._accepted()
            return True
        pending = self._pending(Mode.SUBSCRIBE, message, message.lease_seconds)
        kept = await self._verifications.save(pending, places=_PENDING_LIMIT, limits=self._limits)
        if kept is None:
            return False
        self._introductions.note(message.client, host_of(message.callback))
        if kept.elsewhere:
            self._accepted()
        else:
            self._accepted(kept)
        return True

    def _pending(self, mode: Mode, message: Subscription | Unsubscription, lease_seconds: int) -> PendingVerification:
        return PendingVerification(
            id=secrets.token_hex(16),
            mode=mode,
            topic=message.topic,
            callback=message.callback,
            secret=message.secret,
            lease_seconds=lease_seconds,
            due_at=self._clock(),
        )
