"""One subscription from the first request to its end: the state machine and what is remembered."""

from collections.abc import Sequence
from enum import StrEnum
from types import TracebackType
from typing import Protocol
from urllib.parse import urlsplit

import attrs

#: How long the secret before a renewal stays valid: deliveries signed with it may be on their way.
OLD_SECRET_SECONDS = 600.0


class State(StrEnum):
    """Where a subscription stands."""

    REQUESTED = "requested"
    ACTIVE = "active"
    RENEWING = "renewing"
    UNSUBSCRIBING = "unsubscribing"
    DENIED = "denied"
    GONE = "gone"


class Step(StrEnum):
    """What can happen to a subscription."""

    SUBSCRIBE = "subscribe"
    VERIFY = "verify"
    UNSUBSCRIBE = "unsubscribe"
    VERIFY_UNSUBSCRIBE = "verify unsubscribe"
    DENY = "deny"
    DELETE = "delete"


#: The state machine. What is not in it must not happen: a hub's verification of it is answered 404.
NEXT = {
    (State.REQUESTED, Step.SUBSCRIBE): State.REQUESTED,
    (State.REQUESTED, Step.VERIFY): State.ACTIVE,
    (State.REQUESTED, Step.UNSUBSCRIBE): State.UNSUBSCRIBING,
    (State.REQUESTED, Step.DENY): State.DENIED,
    (State.REQUESTED, Step.DELETE): State.GONE,
    (State.ACTIVE, Step.SUBSCRIBE): State.RENEWING,
    (State.ACTIVE, Step.VERIFY): State.ACTIVE,  # hubs may ask again, unasked (W3C 5)
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
    """What a subscriber remembers of one subscription.

    Attributes:
        callback: The callback's URL.
        target: The resource it was discovered from, or its hub and topic.
        hub: The hub.
        topic: The topic.
        state: Where it stands.
        secret: The key that deliveries are signed with; None when they are not.
        next_secret: The key that a request under way brings.
        old_secret: The key before the last renewal.
        old_secret_until: Until when that one is valid, in seconds since 1970.
        verified_at: When the lease began, in seconds since 1970; None before the first verification.
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
        """What the callback is recognised by: the last part of its path."""
        return token_of(self.callback)

    @property
    def delivers(self) -> bool:
        """Whether deliveries are expected."""
        return self.verified_at is not None and self.state in {State.ACTIVE, State.RENEWING, State.UNSUBSCRIBING}

    @property
    def is_over(self) -> bool:
        """Whether the subscription has ended, so that deliveries are answered 410."""
        return self.state in {State.DENIED, State.GONE}

    def allows(self, step: Step) -> bool:
        """Whether a step may happen now."""
        return (self.state, step) in NEXT

    def after(self, step: Step) -> "Subscription":
        """The subscription one step on; a step that must not happen is a ``KeyError``."""
        return attrs.evolve(self, state=NEXT[self.state, step])

    def requested(self, secret: str | None) -> "Subscription":
        """The subscription once it is about to be requested, or requested again, with this secret."""
        if self.is_over:
            return Subscription(
                callback=self.callback, target=self.target, hub=self.hub, topic=self.topic, next_secret=secret
            )
        return attrs.evolve(self.after(Step.SUBSCRIBE), next_secret=secret)

    def verified(self, *, now: float, lease_seconds: int) -> "Subscription":
        """The subscription once a hub's verification was confirmed; its request's secret is valid from now on.

        Args:
            now: When the hub asked, in seconds since 1970.
            lease_seconds: The lease that it granted, in seconds.
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
        """The keys that a delivery may be signed with; none when deliveries need no signature (W3C 7.1)."""
        if self.secret is None:
            return ()
        old = self.old_secret if now < self.old_secret_until else None
        return tuple(secret for secret in (self.secret, self.next_secret, old) if secret is not None)


def token_of(url: str) -> str:
    """The last part of a URL's path, by which a callback is recognised."""
    return urlsplit(url).path.rpartition("/")[2]


class StateStore(Protocol):
    """Where subscriptions are kept; also an async context manager."""

    async def __aenter__(self) -> object:
        """Open it."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> object:
        """Close it."""

    async def load(self) -> Sequence[Subscription]:
        """All subscriptions."""

    async def save(self, subscription: Subscription) -> None:
        """Keep a subscription instead of the one with the same callback; on disk when this returns."""

    async def delete(self, subscription: Subscription) -> None:
        """Forget a subscription."""
