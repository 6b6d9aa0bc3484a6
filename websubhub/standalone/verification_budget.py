"""What hosts of callbacks may be made to take by those who name them."""

import logging
from collections.abc import Callable

from websubhub import Budget, Budgets, IntentVerification
from websubhub.standalone.ports import HostAccount

log = logging.getLogger("websubhub")

_STRANGERS = Budget(at_once=10, burst=10, per_minute=10, failures=20, pause_seconds=3600.0)
_STRANGERS_AT_ONCE = 48
_KNOWN = Budget(at_once=10, burst=60, per_minute=60)
_KNOWN_AT_ONCE = 16
_FAILURES = {IntentVerification.REFUSED, IntentVerification.UNANSWERED}


class VerificationBudget:
    """Bounds the verifications that are under way, overall and for each host, whatever the port.

    What a host confirms costs it nothing. Pairs that are subscribed already, renewals and unsubscriptions, have places
    and accounts of their own, so that nobody who fails verifications for a host can hold them up.

    Args:
        clock: Seconds that only grow.
        strangers: The bounds for each host and the pairs that are not subscribed yet.
        strangers_at_once: The most verifications of such pairs.
        known: The bounds for each host and the pairs that are.
        known_at_once: The most verifications of such pairs.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        strangers: Budget = _STRANGERS,
        strangers_at_once: int = _STRANGERS_AT_ONCE,
        known: Budget = _KNOWN,
        known_at_once: int = _KNOWN_AT_ONCE,
    ) -> None:
        self._strangers = Budgets(strangers, clock, places=strangers_at_once)
        self._known = Budgets(known, clock, places=known_at_once)
        self._minutes = strangers.pause_seconds / 60

    def is_full(self, known: bool) -> bool:  # noqa: FBT001 - the first half of an account
        """Return whether no host can be called for such pairs at present."""
        return self._of(known).is_full

    def take(self, account: HostAccount) -> float:
        """Take a place. Return 0 if there is one, and else the seconds until there may be, infinity if one must end."""
        budgets, host = self._of(account[0]), account[1]
        return 0.0 if budgets.begin(host) else budgets.wait(host)

    def give_back(self, account: HostAccount, result: IntentVerification | None) -> None:
        """Give a place back that was taken.

        Args:
            account: Whose it is.
            result: How the verification ended; None if it was not the callback that ended it.
        """
        known, host = account
        wanted = result is IntentVerification.VERIFIED
        if self._of(known).end(host, wanted=wanted, failed=result in _FAILURES):
            log.warning("%s confirmed none of the last verifications; new ones wait for %d min.", host, self._minutes)

    def _of(self, known: bool) -> Budgets:  # noqa: FBT001
        return self._known if known else self._strangers
