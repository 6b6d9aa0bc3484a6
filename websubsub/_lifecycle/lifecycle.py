"""The lifecycle of targets: subscribe, renew in time, follow a topic that moves, unsubscribe."""

import logging
import secrets
import time
from collections.abc import Callable

import anyio
import attrs

from websubsub import _clock
from websubsub._config import SubscriberConfig, Target
from websubsub._discovery.discovery import DiscoveryError
from websubsub._errors import DeniedError, SubscriptionInitiationError
from websubsub._events import EventKind, Reporter, SubscriberEvent
from websubsub._lifecycle.asking import Asking, Clients, HubsFailedError, lease_of
from websubsub._lifecycle.patience import Embargoes, Waiting
from websubsub._lifecycle.schedule import pause_after, pause_after_denials, renewal_time
from websubsub._state.state import State, Subscription
from websubsub._state.subscriptions import Subscriptions

__all__ = ["Clients", "Lifecycle"]

log = logging.getLogger("websubsub")

_CHANCE = secrets.SystemRandom().random
_OPEN = frozenset({State.REQUESTED, State.ACTIVE, State.RENEWING})
_KEEP_AGAIN_SECONDS = 10.0
#: How long to wait before the same failure is reported again, if no lease is at stake.
_QUIET_SECONDS = 3_600.0


@attrs.define
class _Progress:
    """The progress of one target.

    Attributes:
        subscribed: Whether a hub has verified it before.
        may_restart: Whether to request a subscription again that ended before the start.
        failures: How many rounds failed in a row.
        denials: How many times it was denied in a row.
        denied: The denied subscription that was already handled.
        reported: The failure that was reported last.
        reported_at: When it was reported.
    """

    subscribed: bool = False
    may_restart: bool = True
    failures: int = 0
    denials: int = 0
    denied: Subscription | None = None
    reported: tuple[str, str, str] | None = None
    reported_at: float = 0.0

    def succeeded(self) -> None:
        """Note that a hub has verified the subscription."""
        self.subscribed = True
        self.failures = self.denials = 0
        self.reported = None


class Lifecycle:
    """Keeps the targets of one subscriber subscribed.

    Args:
        config: The subscriber's settings.
        subscriptions: Its subscriptions.
        clients: The outgoing clients.
        report: Called with each event.
        clock: Returns the time, in seconds since 1970.
        chance: Returns a random number from 0 to 1, for jitter.
    """

    def __init__(
        self,
        config: SubscriberConfig,
        subscriptions: Subscriptions,
        clients: Clients,
        report: Reporter,
        *,
        clock: Callable[[], float] = _clock.now,
        chance: Callable[[], float] = _CHANCE,
    ) -> None:
        self._subscriptions = subscriptions
        self._report = report
        self._clock = clock
        self._chance = chance
        self._embargoes = Embargoes(self._now)
        self._waiting = Waiting(self._now, subscriptions.recheck)
        self._asking = Asking(config, subscriptions, clients, self._embargoes)
        self._kept: dict[str, anyio.CancelScope] = {}

    def _now(self) -> float:
        return self._clock()

    async def watch(self) -> None:
        """Watch for a suspended machine, and retry failed writes to the store, until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._waiting.watch)
            while True:
                await anyio.sleep(_KEEP_AGAIN_SECONDS)
                await self._subscriptions.keeping.retry()

    async def keep(self, target: Target) -> None:
        """Keep one target subscribed until it is denied, deleted or unsubscribed. Retry after failures."""
        self._let_go(target)
        with anyio.CancelScope() as scope:
            self._kept[target.name] = scope
            try:
                await self._keep(target)
            finally:
                if self._kept.get(target.name) is scope:
                    del self._kept[target.name]

    def _let_go(self, target: Target) -> None:
        scope = self._kept.pop(target.name, None)
        if scope is not None:
            scope.cancel()

    async def _keep(self, target: Target) -> None:
        current = self._asking.current(target)
        progress = _Progress(denied=current)
        for known in self._subscriptions.of(target.name):  # an explicit request overrides an earlier denial
            self._embargoes.lift(known.hub, known.topic)
        if current is not None and current.delivers:
            progress.subscribed = True
            self._report(SubscriberEvent(kind=EventKind.RESUMED, topic=current.topic, hub=current.hub))
        while await self._until_due(target, progress):
            progress.may_restart = False
            try:
                subscription = await self._asking.subscribe(target, progress.failures)
                progress.succeeded()
                await self._drop_others(target, subscription)
            except Exception as error:  # noqa: BLE001 - one subscription must not end the others
                progress.failures += 1
                if not await self._failed(target, error, progress):
                    return

    async def _until_due(self, target: Target, progress: _Progress) -> bool:
        """Wait until the next request is due. Return False if the subscription is over."""
        while True:
            current = self._asking.current(target)
            if current is None:
                return True
            if current.state is State.DENIED:
                if current is not progress.denied:
                    self._note_denial(progress, current, (current.hub,), current.topic)
                return True
            if current.state not in _OPEN:
                return progress.may_restart
            if current.state is not State.ACTIVE or current.verified_at is None or current.expires_at is None:
                return True
            progress.subscribed = True
            due = renewal_time(current.verified_at, current.expires_at, self._chance())
            if not await self._changed_before(due, current):
                return True
            # From here on, a subscription only ends on purpose.
            progress.may_restart = False

    async def _changed_before(self, due: float, current: Subscription) -> bool:
        """Wait until a subscription changes, or until a time. Return whether it changed."""
        now = self._clock()
        if current.verified_at is not None and current.verified_at > now:
            return False  # stored by a clock that was ahead, so the start of the lease is unknown
        has_changed = _changed_since(current)
        with anyio.move_on_after(max(0.0, due - now)):
            known = await self._subscriptions.wait(
                current.token, lambda known: has_changed(known) or self._clock() >= due
            )
            return has_changed(known)
        return False

    def _note_denial(self, progress: _Progress, denied: Subscription | None, hubs: tuple[str, ...], topic: str) -> None:
        progress.denied = denied
        progress.denials += 1
        for hub in hubs:
            self._embargoes.put(hub, pause_after_denials(progress.denials, self._chance()), topic)

    async def _drop_others(self, target: Target, subscription: Subscription) -> None:
        for other in self._subscriptions.of(target.name):
            if other.token != subscription.token:
                await self._drop(other, target)

    async def _drop(self, subscription: Subscription, target: Target) -> None:
        if subscription.verified_at is None or subscription.is_over:
            await self._subscriptions.forget(subscription)
            return
        try:
            await self._unsubscribe(subscription, target)
        except SubscriptionInitiationError as error:
            log.warning("The previous hub of a topic could not be told that the topic has moved: %s", error)

    async def leave(self, target: Target, seconds: float) -> bool:
        """Unsubscribe from a target and wait for the hub's verification.

        Args:
            target: The target.
            seconds: How long to wait for the verification.

        Returns:
            Whether the hub has verified it.
        """
        self._let_go(target)
        verified = True
        for subscription in self._subscriptions.of(target.name):
            if subscription.is_over:
                continue
            if subscription.verified_at is None:
                # The hub has no subscription yet. If it still verifies, it gets 404.
                await self._subscriptions.forget(subscription)
                continue
            try:
                with anyio.fail_after(seconds):
                    await self._unsubscribe(subscription, target)
                    await self._subscriptions.wait(subscription.token, lambda known: known is None or known.is_over)
            except (SubscriptionInitiationError, TimeoutError) as error:
                verified = False
                reason = str(error) or "The hub did not verify the unsubscription in time."
                self._report(
                    SubscriberEvent(
                        kind=EventKind.FAILED,
                        topic=subscription.topic,
                        hub=subscription.hub,
                        reason=reason,
                        error=error,
                    )
                )
        return verified

    async def _unsubscribe(self, subscription: Subscription, target: Target) -> None:
        await self._asking.client(target).unsubscribe(
            hub=subscription.hub,
            topic=subscription.topic,
            callback=subscription.callback,
            parameters=target.parameters,
            headers=target.headers,
        )

    async def _failed(self, target: Target, problem: Exception, progress: _Progress) -> bool:
        """Report a failure and wait until the next attempt. Return False if there is none."""
        current = self._asking.current(target)
        topic, hub = (current.topic, current.hub) if current else (target.topic or target.name, target.hub or "")
        error, wait = problem, 0.0
        if isinstance(problem, HubsFailedError):
            topic, hub, error = problem.plan.topic, problem.hub, problem.error
            if current is not progress.denied or not isinstance(error, DeniedError):
                self._note_denial(progress, current, problem.denied, topic)
            wait = min(self._embargoes.seconds(each, topic) for each in problem.plan.hubs)
        elif isinstance(problem, DiscoveryError):
            wait = self._embargoes.seconds(target.name)
        else:
            log.error("A subscription failed.", exc_info=problem)
        reason = str(error) if isinstance(error, DiscoveryError | SubscriptionInitiationError) else "internal error"
        event = SubscriberEvent(kind=EventKind.FAILED, topic=topic, hub=hub, reason=reason, error=error)
        if isinstance(error, DeniedError) and not progress.subscribed:
            self._report(event)
            return False
        lease = lease_of(current) if current else None
        pause = max(wait, pause_after(progress.failures, lease, self._chance()))
        self._tell(event, progress, pause, quiet=_QUIET_SECONDS if lease is None else min(_QUIET_SECONDS, lease / 3))
        await self._waiting.until(self._clock() + pause)
        return True

    def _tell(self, event: SubscriberEvent, progress: _Progress, pause: float, *, quiet: float) -> None:
        """Report a failure with the time of the next attempt, unless it was the last one reported."""
        failure, now = (event.topic, event.hub, event.reason), self._clock()
        if failure == progress.reported and now < progress.reported_at + quiet:
            log.debug("Failed for the same reason %d times in a row.", progress.failures)
            return
        progress.reported, progress.reported_at = failure, now
        self._report(attrs.evolve(event, next_try=time.time() + pause))


def _changed_since(before: Subscription) -> Callable[[Subscription | None], bool]:
    return lambda now: now is None or now.state is not before.state or now.verified_at != before.verified_at
