"""The places for pending verifications in memory."""

from collections.abc import Callable

from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.indexes.pairs import pair_of
from websubhub.standalone.indexes.pending import Pending
from websubhub.standalone.indexes.places import check_limits, find_place
from websubhub.standalone.ports import PendingVerification, SubscriptionLimits


class VerificationPlaces:
    """Decides whether there is a place for a request until it is verified.

    Args:
        state: The state in memory.
        pending: The pending requests.
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
        """Raise if one more subscription would exceed the limits, counting pending requests."""
        check_limits(self._state.held, len(self._state.subscriptions), self._pending, host, limits)

    def has_place(self, own: str, places: int) -> bool:
        """Return whether there is a place for a request of a new pair, after making room for it if possible."""
        found, victim = find_place(self._pending, own, places, self._clock())
        self._pending.delete(victim)
        return found
