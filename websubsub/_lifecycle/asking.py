"""Subscription requests to the hubs of a target, one after the other, until one of them verifies the subscription."""

import logging
import secrets
import time
from collections.abc import Sequence

import anyio
import attrs

from _websub.grammar.retry_after import retry_after_seconds
from websubsub._config import SubscriberConfig, Target
from websubsub._discovery.client import DiscoveryClient
from websubsub._discovery.discovery import DiscoveryError
from websubsub._errors import DeniedError, InsecureSecretError, SubscriptionInitiationError
from websubsub._lifecycle.patience import Embargoes
from websubsub._lifecycle.schedule import hubs_to_ask, is_passing, verification_limit
from websubsub._state.state import State, Subscription
from websubsub._state.subscriptions import Subscriptions
from websubsub._subscription_client import SubscriptionClient

log = logging.getLogger("websubsub")

_SECRET_BYTES = 48
_REQUESTS_AT_ONCE = 32
_PENDING = frozenset({State.REQUESTED, State.RENEWING})
_OPEN = frozenset({State.REQUESTED, State.ACTIVE, State.RENEWING})
#: After this many rounds without a connection over https, a hub that is advertised with http counts as having no https.
_ROUNDS_FOR_HTTPS = 3


@attrs.frozen(kw_only=True)
class Clients:
    """The outgoing clients of a subscriber.

    Attributes:
        discovery: Discovers topics and hubs.
        trusted: Subscribes at hubs that the user, or a page in a private network, names.
        untrusted: Subscribes at hubs that a public page names.
    """

    discovery: DiscoveryClient
    trusted: SubscriptionClient
    untrusted: SubscriptionClient

    async def aclose(self) -> None:
        """Close the connections."""
        for client in (self.discovery, self.trusted, self.untrusted):
            await client.aclose()


@attrs.frozen(kw_only=True)
class Plan:
    """The hubs to subscribe at, and the topic.

    Attributes:
        hubs: The hubs, in the order in which to try them.
        topic: The topic.
    """

    hubs: tuple[str, ...]
    topic: str


class HubsFailedError(Exception):
    """No hub of a target verified a subscription.

    Attributes:
        plan: The hubs that were tried, and the topic.
        hub: The hub with the decisive error.
        error: The decisive error.
        denied: The hubs that denied the subscription.
    """

    def __init__(self, plan: Plan, problems: "Sequence[tuple[str, SubscriptionInitiationError]]", rounds: int) -> None:
        self.plan = plan
        self.hub, self.error = _decisive(problems, rounds)
        self.denied = tuple(hub for hub, error in problems if isinstance(error, DeniedError))
        super().__init__(str(self.error))


class Asking:
    """Sends the subscription requests for the targets of one subscriber.

    Args:
        config: The subscriber's settings.
        subscriptions: Its subscriptions.
        clients: The outgoing clients.
        embargoes: The servers that must not be asked for now.
    """

    def __init__(
        self, config: SubscriberConfig, subscriptions: Subscriptions, clients: Clients, embargoes: Embargoes
    ) -> None:
        self._config = config
        self._subscriptions = subscriptions
        self._clients = clients
        self._embargoes = embargoes
        self._trusted: dict[str, bool] = {}
        self._turns = anyio.Semaphore(_REQUESTS_AT_ONCE)

    def current(self, target: Target) -> Subscription | None:
        """Return the current subscription of a target: the latest that delivers, else the latest open one, else any."""
        every = self._subscriptions.of(target.name)[::-1]
        ranks = (lambda known: known.state in _OPEN and known.delivers, lambda known: known.state in _OPEN)
        found = (known for is_one in ranks for known in every if is_one(known))
        return next(found, every[0] if every else None)

    def client(self, target: Target) -> SubscriptionClient:
        """Return the client for the hubs of a target."""
        return self._clients.trusted if self._trusted.get(target.name, True) else self._clients.untrusted

    async def subscribe(self, target: Target, rounds: int) -> Subscription:
        """Subscribe, or renew the subscription, at the first hub that accepts and verifies it.

        Args:
            target: The target.
            rounds: How many rounds failed before this one.

        Raises:
            HubsFailedError: No hub accepted and verified it.
            DiscoveryError: The hubs cannot be found.
        """
        plan = await self._locate(target)
        problems: list[tuple[str, SubscriptionInitiationError]] = []
        for hub in plan.hubs:
            try:
                self._check_embargo(hub, plan.topic)
                return await self._attempt(target, hub, plan.topic)
            except SubscriptionInitiationError as error:
                problems.append((hub, error))
                self.respect_retry_after(hub, error)
        raise HubsFailedError(plan, problems, rounds)

    def respect_retry_after(self, url: str, error: DiscoveryError | SubscriptionInitiationError) -> None:
        """Respect the Retry-After header of a response: do not ask its server again before that (RFC 9110, 10.2.3)."""
        seconds = retry_after_seconds(error.headers.get("retry-after"), time.time())
        if seconds is not None:
            self._embargoes.put(url, seconds)

    def _check_embargo(self, hub: str, topic: str) -> None:
        if self._embargoes.seconds(hub, topic) <= 0:
            return
        if self._embargoes.seconds(hub) <= 0:
            raise DeniedError("The hub denied the subscription.")
        raise SubscriptionInitiationError("The hub asked for time before the next request.", status=503)

    async def _locate(self, target: Target) -> Plan:
        """Return the hubs and the topic of a target. They are discovered each time, since topics move (W3C 6.1)."""
        if target.hub is not None and target.topic is not None:
            return Plan(hubs=(target.hub,), topic=target.topic)
        current = self.current(target)
        try:
            if self._embargoes.seconds(target.name) > 0:
                raise DiscoveryError("The resource asked for time before the next request.", url=target.name, status=0)
            result = await self._clients.discovery.explore(
                target.name, target.discovery_headers, hub=target.hub, topic=target.topic
            )
        except DiscoveryError as error:
            self.respect_retry_after(target.name, error)
            if current is None or current.verified_at is None:
                raise
            log.warning("%r could not be discovered again, so its last hub is asked: %s", target.name, error)
            return Plan(hubs=(current.hub,), topic=current.topic)
        self._trusted[target.name] = result.from_private_network or target.hub is not None
        hubs = result.discovery.hubs
        if target.hub is None:
            hubs = hubs_to_ask(hubs, current.hub if current else None)
        return Plan(hubs=hubs, topic=result.discovery.topic)

    async def _attempt(self, target: Target, hub: str, topic: str) -> Subscription:
        before = await self._subscription(target, hub, topic)
        try:
            async with self._turns:
                await self.client(target).subscribe(
                    hub=hub,
                    topic=topic,
                    callback=before.callback,
                    lease_seconds=self._config.lease_seconds,
                    secret=_secret_for(target, before),
                    parameters=target.parameters,
                    headers=target.headers,
                )
        except SubscriptionInitiationError as error:
            known = self._subscriptions.get(before.token)
            if known is not None and known.state is State.ACTIVE and known.verified_at != before.verified_at:
                return known  # already verified, whatever the hub answered afterwards
            refused = isinstance(error, InsecureSecretError) or not is_passing(error.status)
            if refused and known is not None and known.verified_at is None and not known.is_over:
                await self._subscriptions.forget(known)
            raise
        return await self._verified(before)

    async def _subscription(self, target: Target, hub: str, topic: str) -> Subscription:
        """Return the subscription of this target at this hub, or a new one if the topic has moved."""
        for known in reversed(self._subscriptions.of(target.name)):
            if (known.hub, known.topic) == (hub, topic):
                return known
        callback = self._subscriptions.new_callback()
        new = Subscription(callback=callback, target=target.name, hub=hub, topic=topic)
        await self._subscriptions.add(new)
        return new

    async def _verified(self, subscription: Subscription) -> Subscription:
        with anyio.move_on_after(verification_limit(lease_of(subscription))):
            known = await self._subscriptions.wait(
                subscription.token, lambda known: known is None or known.state not in _PENDING
            )
            if known is not None and known.state is State.DENIED:
                raise DeniedError("The hub denied the subscription.")
            return subscription
        raise SubscriptionInitiationError("The hub accepted the request but did not verify it in time.")


def lease_of(subscription: Subscription) -> float | None:
    """Return the granted lease in seconds, or None before the first verification."""
    if subscription.verified_at is None or subscription.expires_at is None:
        return None
    return subscription.expires_at - subscription.verified_at


def _decisive(
    problems: Sequence[tuple[str, SubscriptionInitiationError]], rounds: int
) -> tuple[str, SubscriptionInitiationError]:
    """Return the error that decides what to do next: temporary errors come before final ones, denials come last.

    After some rounds in which https failed, the error that a secret needs https comes before that failure.
    """
    insecure = any(isinstance(error, InsecureSecretError) for _, error in problems)

    def rank(problem: tuple[str, SubscriptionInitiationError]) -> int:
        error = problem[1]
        if isinstance(error, DeniedError):
            return 4
        if isinstance(error, InsecureSecretError):
            return 1
        if is_passing(error.status):
            return 2 if insecure and error.status == 0 and rounds >= _ROUNDS_FOR_HTTPS else 0
        return 3

    return min(problems, key=rank)


def _secret_for(target: Target, subscription: Subscription) -> str | None:
    if not target.signed:
        return None
    if target.secret is not None:
        return target.secret
    # A repeated request keeps its secret, since the hub may still verify the first one.
    pending = subscription.next_secret if subscription.state in _PENDING else None
    return pending or secrets.token_urlsafe(_SECRET_BYTES)
