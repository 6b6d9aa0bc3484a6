"""The budgets of the hosts of callbacks, since anyone can name any host."""

import logging
from collections.abc import Callable

import attrs

from _websub.calls.budgets import AccountState, Budget, Budgets, Spending
from websubhub._config import VERIFICATION_BUDGET
from websubhub._dispatch.intent import IntentVerification

log = logging.getLogger("websubhub")

_KNOWN = Budget(at_once=10, burst=60, per_minute=60)
_FAILURES = {IntentVerification.REFUSED, IntentVerification.UNANSWERED}
# Many subscribers may share an address. An address that confirmed something recently is not a victim.
_PROVEN_FACTOR = 6.0


class VerificationBudget:
    """Limits the verifications in progress: overall, for each host with any port, and for each address.

    Verifications that a host confirms are free. Renewals and unsubscriptions of active subscriptions have a quarter of
    the places, and accounts of their own, so that failed verifications by others cannot delay them. An account is
    identified by whether the pair is subscribed, and by the host of its callback.

    Args:
        clock: Returns the time in seconds, and never goes back.
        strangers: The limits of each host and each address, for pairs that are not subscribed yet.
        known: The limits of each host and each address, for subscribed pairs.
        at_once: The maximum number of verifications at a time.
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
        """Return whether all places for such pairs are taken."""
        return self._of(known).is_full

    def is_full_for_strangers(self, known: bool) -> bool:  # noqa: FBT001
        """Return whether, for such pairs, no host can be called that confirmed nothing within the last hour."""
        return self._of(known).is_full_for_strangers

    def places(self, known: bool) -> float:  # noqa: FBT001
        """Return how many verifications may be in progress for such pairs."""
        return self._of(known).places

    def for_strangers(self, known: bool) -> float:  # noqa: FBT001
        """Return how many of them may be with hosts that confirmed nothing within the last hour."""
        return self._of(known).for_strangers

    def proven(self, account: tuple[bool, str]) -> bool:
        """Return whether an account confirmed something within the last hour."""
        return self._of(account[0]).proven(account[1])

    def wait(self, account: tuple[bool, str]) -> float:
        """Return the seconds until a verification may begin: 0 for now, infinity if another one must end first."""
        return self._of(account[0]).wait(account[1])

    def begin(self, account: tuple[bool, str]) -> Spending | None:
        """Take a place, or return None if there is none. ``end`` must follow."""
        return self._of(account[0]).begin(account[1])

    def end(self, spending: Spending, result: IntentVerification | None) -> None:
        """Free a place.

        Args:
            spending: The place.
            result: How the verification ended, or None if something other than the callback ended it.
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
        """End the pause of a host, an address or a network. Return whether it was paused."""
        return self._strangers.resume(name)

    def states(self) -> list[AccountState]:
        """Return the states of the hosts and addresses that are paused, failing or busy."""
        return self._strangers.states()

    def _of(self, known: bool) -> Budgets:  # noqa: FBT001
        return self._known if known else self._strangers


def _budgets(budget: Budget, clock: Callable[[], float], places: int) -> Budgets:
    return Budgets(budget, clock, addresses=attrs.evolve(budget, proven_factor=_PROVEN_FACTOR), places=places)
