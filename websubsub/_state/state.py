"""One subscription from the first request to its end: its state machine and its stored state."""

from collections.abc import Sequence
from enum import StrEnum
from types import TracebackType
from typing import Protocol
from urllib.parse import urlsplit

import attrs

#: How long the old secret stays valid after a renewal, for deliveries that were signed with it.
OLD_SECRET_SECONDS = 600.0


class State(StrEnum):
    """The state of a subscription."""

    REQUESTED = "requested"
    ACTIVE = "active"
    RENEWING = "renewing"
    UNSUBSCRIBING = "unsubscribing"
    DENIED = "denied"
    GONE = "gone"


class Step(StrEnum):
    """An event in the life of a subscription."""

    SUBSCRIBE = "subscribe"
    VERIFY = "verify"
    UNSUBSCRIBE = "unsubscribe"
    VERIFY_UNSUBSCRIBE = "verify unsubscribe"
    DENY = "deny"
    DELETE = "delete"


#: The state machine. Steps that are not in it are not allowed: a hub that verifies one gets 404.
NEXT = {
    (State.REQUESTED, Step.SUBSCRIBE): State.REQUESTED,
    (State.REQUESTED, Step.VERIFY): State.ACTIVE,
    (State.REQUESTED, Step.UNSUBSCRIBE): State.UNSUBSCRIBING,
    (State.REQUESTED, Step.DENY): State.DENIED,
    (State.REQUESTED, Step.DELETE): State.GONE,
    (State.ACTIVE, Step.SUBSCRIBE): State.RENEWING,
    (State.ACTIVE, Step.VERIFY): State.ACTIVE,  # hubs may verify again at any time (W3C 5)
    (State.ACTIVE, Step.UNSUBSCRIBE): State.UNSUBSCRIBING,
    (State.ACTIVE, Step.DENY): State.DENIED,
    (State.ACTIVE, Step.DELETE): State.GONE,
    (State.RENEWING, Step.SUBSCRIBE): State.RENEWING,
    (State.RENEWING, Step.VERIFY): State.ACTIVE,
    (State.RENEWING, Step.UNSUBSCRIBE): State.UNSUBSCRIBING,
    (State.RENEWING, Step.DENY): State.DENIED,
    (State.RENEWING, Step.DELETE): State.GONE,
    (State.UNSUBSCRIBING, Step.SUBSCRIBE): State.RENEWING,
    (State.UNSUBSCRIBING, Step.UNSUBSCRIBE): State.UNSUBSCRIBING,
    (State.UNSUBSCRIBING, Step.VERIFY_UNSUBSCRIBE): State.GONE,
    (State.UNSUBSCRIBING, Step.DENY): State.GONE,
    (State.UNSUBSCRIBING, Step.DELETE): State.GONE,
    (State.DENIED, Step.SUBSCRIBE): State.REQUESTED,
    (State.DENIED, Step.DENY): State.DENIED,
    (State.GONE, Step.SUBSCRIBE): State.REQUESTED,
    (State.GONE, Step.DENY): State.GONE,
    (State.GONE, Step.VERIFY_UNSUBSCRIBE): State.GONE,  # the hub did not get our first answer
}


@attrs.frozen(kw_only=True)
class Subscription:
    """The stored state of one subscription.

    Attributes:
        callback: The callback's URL.
        target: The resource it was discovered from, or its hub and topic.
        hub: The hub.
        topic: The topic.
        state: The state.
        secret: The secret that deliveries are signed with, or None if they are not signed.
        next_secret: The secret of a pending request.
        old_secret: The secret before the last renewal.
        old_secret_until: When the old secret becomes invalid, in seconds since 1970.
        verified_at: When the lease began, in seconds since 1970, or None before the first verification.
        expires_at: When the lease ends, in seconds since 1970.
    """

    callback: str = attrs.field(repr=False)
    target: str
    hub: str
    topic: str
    state: State = attrs.field(default=State.REQUESTED, converter=State)
    secret: str | None = attrs.field(default=None, repr=False)
    next_secret: str | None = attrs.field(default=None, repr=False)
    old_secret: str | None = attrs.field(default=None, repr=False)
    old_secret_until: float = 0.0
    verified_at: float | None = None
    expires_at: float | None = None

    @property
    def token(self) -> str:
        """The token that identifies the callback: the last part of its path."""
        return token_of(self.callback)

    @property
    def delivers(self) -> bool:
        """Whether deliveries are expected."""
        return self.verified_at is not None and self.state in {State.ACTIVE, State.RENEWING, State.UNSUBSCRIBING}

    @property
    def is_over(self) -> bool:
        """Whether the subscription has ended, so that deliveries are answered with 410."""
        return self.state in {State.DENIED, State.GONE}

    def allows(self, step: Step) -> bool:
        """Return whether a step is allowed now."""
        return (self.state, step) in NEXT

    def after(self, step: Step) -> "Subscription":
        """Return the subscription after a step. Raise ``KeyError`` if the step is not allowed."""
        return attrs.evolve(self, state=NEXT[self.state, step])

    def requested(self, secret: str | None) -> "Subscription":
        """Return the subscription after a request, or another request, with this secret."""
        if self.is_over:
            return Subscription(
                callback=self.callback, target=self.target, hub=self.hub, topic=self.topic, next_secret=secret
            )
        return attrs.evolve(self.after(Step.SUBSCRIBE), next_secret=secret)

    def verified(self, *, now: float, lease_seconds: int) -> "Subscription":
        """Return the subscription after a confirmed verification. The secret of its request is valid from now on.

        Args:
            now: When the hub verified, in seconds since 1970.
            lease_seconds: The granted lease, in seconds.
        """
        after = attrs.evolve(self.after(Step.VERIFY), verified_at=now, expires_at=now + lease_seconds)
        if self.state is State.ACTIVE:
            return after
        return attrs.evolve(
            after,
            secret=self.next_secret,
            next_secret=None,
            old_secret=self.secret,
            old_secret_until=now + OLD_SECRET_SECONDS,
        )

    def secrets_at(self, now: float) -> tuple[str, ...]:
        """Return the secrets that a delivery may be signed with, or none if deliveries are not signed (W3C 7.1)."""
        if self.secret is None:
            return ()
        old = self.old_secret if now < self.old_secret_until else None
        if self.next_secret is None and old is None:
            return (self.secret,)
        return tuple(secret for secret in (self.secret, self.next_secret, old) if secret is not None)


def token_of(url: str) -> str:
    """Return the last part of a URL's path, which identifies a callback."""
    return urlsplit(url).path.rpartition("/")[2]


class StateStore(Protocol):
    """A store of subscriptions. It is an async context manager."""

    async def __aenter__(self) -> object:
        """Open the store."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> object:
        """Close the store."""

    async def load(self) -> Sequence[Subscription]:
        """Return all subscriptions."""

    async def save(self, subscription: Subscription) -> None:
        """Save a subscription, replacing the one with the same callback. It is durable when this returns."""

    async def delete(self, subscription: Subscription) -> None:
        """Delete a subscription."""
