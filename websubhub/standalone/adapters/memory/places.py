"""The places for pending verifications in memory, and who has one."""

from collections.abc import Callable

from websubhub.standalone.adapters.memory.pending import Pending
from websubhub.standalone.adapters.memory.state import State, pair_of
from websubhub.standalone.ports import HostFullError, HubFullError, PendingVerification, SubscriptionLimits


class VerificationPlaces:
    """Decides whether a request may be kept until it is verified.

    Args:
        state: The state in memory.
        pending: The requests that are kept.
        clock: The hub's clock.
    """

    def __init__(self, state: State, pending: Pending, clock: Callable[[], float]) -> None:
        self._state = state
        self._pending = pending
        self._clock = clock

    def is_expected(self, verification: PendingVerification) -> bool:
        """Return whether the pair is subscribed, or has a request that this one replaces."""
        return pair_of(verification.topic, verification.callback) in self._pending or self.is_subscribed(verification)

    def is_subscribed(self, verification: PendingVerification) -> bool:
        """Return whether the pair of a request is subscribed."""
        return self._state.find_subscription(verification.topic, verification.callback, self._clock()) is not None

    def check(self, host: str, limits: SubscriptionLimits) -> None:
        """Raise if there would be too many subscriptions, were all that are pending to become some."""
        if self._state.held[host] + self._pending.strangers[host] >= limits.per_host:
            raise HostFullError(f"{host} has {limits.per_host} subscriptions.")
        if len(self._state.subscriptions) + self._pending.all_strangers() >= limits.in_all:
            raise HubFullError(f"There are {limits.in_all} subscriptions.")

    def has_place(self, own: str, places: int) -> bool:
        """Return whether a request of a new pair may be kept, which makes room for it where it can be made."""
        strangers = self._pending.strangers
        if strangers[own] < places - self._pending.all_strangers():
            return True
        # A request that waits for another attempt is not in progress, so no subscriber is confirming it now.
        waiting = self._pending.waiting_strangers(self._clock())
        greediest = max((kept.host for kept in waiting), key=strangers.__getitem__, default="")
        # The host with the most requests gives way, even to itself.
        if strangers[greediest] <= strangers[own] - (greediest == own):
            return False
        candidates = [kept for kept in waiting if kept.host == greediest]
        return self._pending.delete(
            min(candidates, key=lambda kept: (-kept.value.attempts, kept.value.due_at), default=None)
        )
