"""What hosts of callbacks may be made to take by those who name them."""

import logging
from collections.abc import Callable

import attrs

from _websub.calls.budgets import AccountState, Budget, Budgets, Spending
from websubhub._config import VERIFICATION_BUDGET
from websubhub._intent import IntentVerification

log = logging.getLogger("websubhub")

_KNOWN = Budget(at_once=10, burst=60, per_minute=60)
_FAILURES = {IntentVerification.REFUSED, IntentVerification.UNANSWERED}
# Many subscribers may share an address. One that has confirmed something lately is no victim.
_PROVEN_FACTOR = 6.0


class VerificationBudget:
    """Bounds the verifications that are under way, overall, for each host whatever the port, and for each address.

    What a host confirms costs it nothing. Pairs that are subscribed already, renewals and unsubscriptions, have a
    quarter of the places and accounts of their own, so that nobody who fails verifications for a host can hold them up.
    An account is named by whether the pair is such a one, and by the host of its callback.

    Args:
        clock: Seconds that only grow.
        strangers: The bounds for each host, and each address, and the pairs that are not subscribed yet.
        known: The bounds for each and the pairs that are.
        at_once: The most verifications.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        strangers: Budget = VERIFICATION_BUDGET,
        known: Budget = _KNOWN,
        at_once: int = 64,
    ) -> None:
        for_known = max(1, at_once // 4)
        self._strangers = _budgets(strangers, clock, max(1, at_once - for_known))
        self._known = _budgets(known, clock, for_known)
        self._failures = strangers.failures
        self._pause_seconds = strangers.pause_seconds

    def is_full(self, known: bool) -> bool:  # noqa: FBT001 - the first half of an account
        """Return whether no host can be called for such pairs at present."""
        return self._of(known).is_full

    def is_full_for_strangers(self, known: bool) -> bool:  # noqa: FBT001
        """Return whether, for such pairs, no host can be called but one that confirmed something within an hour."""
        return self._of(known).is_full_for_strangers

    def for_strangers(self, known: bool) -> float:  # noqa: FBT001
        """Return how many verifications may be under way, for such pairs, with hosts that confirmed nothing lately."""
        return self._of(known).for_strangers

    def proven(self, account: tuple[bool, str]) -> bool:
        """Return whether an account confirmed something within the last hour."""
        return self._of(account[0]).proven(account[1])

    def wait(self, account: tuple[bool, str]) -> float:
        """Return the seconds until there may be a place: 0 for now, infinity if another must end first."""
        return self._of(account[0]).wait(account[1])

    def begin(self, account: tuple[bool, str]) -> Spending | None:
        """Take a place, if there is one; ``end`` must follow."""
        return self._of(account[0]).begin(account[1])

    def end(self, spending: Spending, result: IntentVerification | None) -> None:
        """Give a place back.

        Args:
            spending: What was taken.
            result: How the verification ended; None if it was not the callback that ended it.
        """
        if result is IntentVerification.POSTPONED:
            spending.cancel()
        elif spending.end(wanted=result is IntentVerification.VERIFIED, failed=result in _FAILURES):
            log.warning(
                "%s confirmed none of the last %d verifications: new subscriptions there wait for %g s.",
                spending.host,
                self._failures,
                self._pause_seconds,
            )

    def resume(self, name: str) -> bool:
        """Call a host, an address or a network again that is left alone. Return whether it was."""
        return self._strangers.resume(name)

    def states(self) -> list[AccountState]:
        """The hosts and addresses that are left alone, that confirmed nothing last, or that are being asked."""
        return self._strangers.states()

    def _of(self, known: bool) -> Budgets:  # noqa: FBT001
        return self._known if known else self._strangers


def _budgets(budget: Budget, clock: Callable[[], float], places: int) -> Budgets:
    return Budgets(budget, clock, addresses=attrs.evolve(budget, proven_factor=_PROVEN_FACTOR), places=places)
