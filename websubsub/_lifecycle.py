"""Keeps targets subscribed: subscribes, renews in time, follows a topic that moves, and leaves when told."""

import logging
import secrets
import time
from collections.abc import Callable

import anyio
import attrs

from websubsub._config import SubscriberConfig, Target
from websubsub._discovery import DiscoveryError
from websubsub._discovery_client import DiscoveryClient
from websubsub._errors import SubscriptionInitiationError
from websubsub._events import EventKind, Reporter, SubscriberEvent
from websubsub._schedule import choose_hub, pause_after, renewal_time, verification_limit
from websubsub._state import State, Subscription
from websubsub._subscription_client import SubscriptionClient
from websubsub._subscriptions import Subscriptions

log = logging.getLogger("websubsub")

_SECRET_BYTES = 48
_REQUESTS_AT_ONCE = 32
_LOOK_AGAIN_SECONDS = 60.0  # no timer counts while the machine is suspended
_CHANCE = secrets.SystemRandom().random
_PENDING = frozenset({State.REQUESTED, State.RENEWING})
_OPEN = frozenset({State.REQUESTED, State.ACTIVE, State.RENEWING})


@attrs.frozen(kw_only=True)
class Clients:
    """How a lifecycle reaches the world.

    Attributes:
        discovery: Finds topics and hubs.
        named: Asks hubs that the user or a page of the inside names.
        found: Asks hubs that a public page names.
    """

    discovery: DiscoveryClient
    named: SubscriptionClient
    found: SubscriptionClient

    async def aclose(self) -> None:
        """Close the connections."""
        for client in (self.discovery, self.named, self.found):
            await client.aclose()


class Lifecycle:
    """Keeps the targets of one subscriber subscribed.

    Args:
        config: The subscriber's settings.
        subscriptions: Its subscriptions.
        clients: How to reach hubs and resources.
        report: Told what happens.
        clock: The time, in seconds since 1970.
        chance: A random number from 0 to 1, for jitter.
    """

    def __init__(
        self,
        config: SubscriberConfig,
        subscriptions: Subscriptions,
        clients: Clients,
        report: Reporter,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = _CHANCE,
    ) -> None:
        self._config = config
        self._subscriptions = subscriptions
        self._clients = clients
        self._report = report
        self._clock = clock
        self._chance = chance
        self._inside: dict[str, bool] = {}
        self._turns = anyio.Semaphore(_REQUESTS_AT_ONCE)

    async def keep(self, target: Target) -> None:
        """Keep one target subscribed until it is denied, deleted or unsubscribed; failures are tried again."""
        failures = 0
        wanted_anew = True
        current = self._current(target)
        if current is not None and current.delivers:
            self._report(SubscriberEvent(kind=EventKind.RESUMED, topic=current.topic, hub=current.hub))
        while await self._until_due(target, wanted_anew=wanted_anew):
            wanted_anew = False
            try:
                await self._request(target, failures)
                failures = 0
            except Exception as error:  # noqa: BLE001 - one subscription must not end the others
                failures += 1
                await self._failed(target, error, failures)

    async def _until_due(self, target: Target, *, wanted_anew: bool) -> bool:
        """Wait until a request is to be made; false when the subscription is over."""
        while True:
            current = self._current(target)
            if current is None:
                return True
            if current.state not in _OPEN:
                return wanted_anew
            if current.state is not State.ACTIVE or current.verified_at is None or current.expires_at is None:
                return True
            due = renewal_time(current.verified_at, current.expires_at, self._chance())
            seconds = max(0.0, due - self._clock())
            with anyio.move_on_after(min(seconds, _LOOK_AGAIN_SECONDS)) as pause:
                await self._subscriptions.wait(current.token, _changed_since(current))
            if pause.cancelled_caught:
                if seconds <= _LOOK_AGAIN_SECONDS:
                    return True
                continue
            # What ends from here on ended on purpose.
            wanted_anew = False

    def _current(self, target: Target) -> Subscription | None:
        """The subscription of a target that counts: an open one if there is one, the latest."""
        every = self._subscriptions.of(target.name)
        return next((each for each in reversed(every) if each.state in _OPEN), every[-1] if every else None)

    async def _request(self, target: Target, failures: int) -> None:
        async with self._turns:
            subscription = await self._ask(target, failures)
        await self._verified(subscription)
        for other in self._subscriptions.of(target.name):
            if other.token != subscription.token:
                await self._drop(other, target)

    async def _ask(self, target: Target, failures: int) -> Subscription:
        hub, topic, client = await self._locate(target, failures)
        subscription = await self._subscription(target, hub, topic)
        await client.subscribe(
            hub=hub,
            topic=topic,
            callback=subscription.callback,
            lease_seconds=self._config.lease_seconds,
            secret=_secret_for(target, subscription),
            parameters=target.parameters,
            headers=target.headers,
        )
        return subscription

    async def _locate(self, target: Target, failures: int) -> tuple[str, str, SubscriptionClient]:
        """Hub and topic of a target; a resource is discovered anew each time, since topics move (W3C 6.1)."""
        if target.hub is not None and target.topic is not None:
            return target.hub, target.topic, self._clients.named
        current = self._current(target)
        try:
            explored = await self._clients.discovery.explore(target.name, target.discovery_headers)
        except DiscoveryError as error:
            if current is None or current.verified_at is None:
                raise
            log.warning("%r could not be discovered again, its last hub is asked: %s", target.name, error)
            hub, topic = current.hub, current.topic
        else:
            self._inside[target.name] = explored.inside
            hub = choose_hub(explored.discovery.hubs, current.hub if current else None, failures)
            topic = explored.discovery.topic
        return hub, topic, self._client(target)

    def _client(self, target: Target) -> SubscriptionClient:
        return self._clients.named if self._inside.get(target.name, True) else self._clients.found

    async def _subscription(self, target: Target, hub: str, topic: str) -> Subscription:
        """The subscription of this target at this hub, a new one if the topic has moved."""
        for known in reversed(self._subscriptions.of(target.name)):
            if (known.hub, known.topic) == (hub, topic):
                return known
        callback = self._subscriptions.new_callback()
        new = Subscription(callback=callback, target=target.name, hub=hub, topic=topic)
        await self._subscriptions.add(new)
        return new

    async def _verified(self, subscription: Subscription) -> None:
        with anyio.move_on_after(verification_limit(_lease_of(subscription))):
            await self._subscriptions.wait(
                subscription.token, lambda known: known is None or known.state not in _PENDING
            )
            return
        raise SubscriptionInitiationError("The hub took the request but did not verify it in time.")

    async def _drop(self, subscription: Subscription, target: Target) -> None:
        if subscription.verified_at is None or subscription.is_over:
            await self._subscriptions.forget(subscription)
            return
        try:
            await self._unsubscribe(subscription, target)
        except SubscriptionInitiationError as error:
            log.warning("The hub that a topic moved away from could not be told: %s", error)

    async def leave(self, target: Target, seconds: float) -> bool:
        """Unsubscribe from a target and wait for the hub's verification.

        Args:
            target: The target.
            seconds: How long to wait for the verification.

        Returns:
            Whether the hub has verified it.
        """
        verified = True
        for subscription in self._subscriptions.of(target.name):
            if subscription.is_over:
                continue
            if subscription.verified_at is None:
                # The hub has nothing yet, and gets 404 should it still ask.
                await self._subscriptions.forget(subscription)
                continue
            try:
                with anyio.fail_after(seconds):
                    await self._unsubscribe(subscription, target)
                    await self._subscriptions.wait(subscription.token, lambda known: known is None or known.is_over)
            except (SubscriptionInitiationError, TimeoutError) as error:
                verified = False
                reason = str(error) or "The hub did not verify the unsubscription in time."
                self._tell_failure(subscription.topic, subscription.hub, reason, error)
        return verified

    async def _unsubscribe(self, subscription: Subscription, target: Target) -> None:
        await self._client(target).unsubscribe(
            hub=subscription.hub,
            topic=subscription.topic,
            callback=subscription.callback,
            parameters=target.parameters,
            headers=target.headers,
        )

    async def _failed(self, target: Target, error: Exception, failures: int) -> None:
        known = isinstance(error, DiscoveryError | SubscriptionInitiationError)
        if not known:
            log.error("A subscription failed.", exc_info=error)
        current = self._current(target)
        topic, hub = (current.topic, current.hub) if current else (target.topic or target.name, target.hub or "")
        self._tell_failure(topic, hub, str(error) if known else "internal error", error)
        lease = _lease_of(current) if current else None
        await anyio.sleep(pause_after(failures, lease, self._chance()))

    def _tell_failure(self, topic: str, hub: str, reason: str, error: Exception) -> None:
        self._report(SubscriberEvent(kind=EventKind.FAILED, topic=topic, hub=hub, reason=reason, error=error))


def _secret_for(target: Target, subscription: Subscription) -> str | None:
    if not target.signed:
        return None
    if target.secret is not None:
        return target.secret
    # A request that is repeated keeps its secret: the hub may still verify the first one.
    pending = subscription.next_secret if subscription.state in _PENDING else None
    return pending or secrets.token_urlsafe(_SECRET_BYTES)


def _lease_of(subscription: Subscription) -> float | None:
    if subscription.verified_at is None or subscription.expires_at is None:
        return None
    return subscription.expires_at - subscription.verified_at


def _changed_since(before: Subscription) -> Callable[[Subscription | None], bool]:
    return lambda now: now is None or now.state is not before.state or now.verified_at != before.verified_at
