"""The desk where deliveries are settled."""

from collections.abc import Callable

from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.broker.settlements import AttemptMade, Death, Retry, Settlements
from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.outcomes import Outcomes


class Desk:
    """Settles deliveries: in the schedule at once, in the journal in batches.

    Attributes:
        clock: Returns the time, in seconds since 1970.
        settlements: The outcomes that have not been taken yet.
        unwritten: Rings when there are any.

    Args:
        ledger: What subscriptions are owed.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._outcomes = Outcomes(ledger.board)
        self._admitted = ledger.board.admitted
        self._admitted_retries = ledger.board.admitted_retries
        self._recipients = ledger.recipients
        self._gone = ledger.members.gone
        self.clock: Callable[[], float] = ledger.clock
        self._wake = ledger.due.ring  # since an outcome may make another delivery due
        self.unwritten: Bell = Bell()
        self.settlements: Settlements = Settlements()

    def take(self) -> Settlements:
        """Return the outcomes since the last call."""
        taken, self.settlements = self.settlements, Settlements()
        return taken

    def written(self, settlements: Settlements) -> None:
        """Note that the journal has these outcomes."""
        self._gone.difference_update(settlements.ended)

    def done(self, claim: Claim) -> None:
        """Note that an update arrived."""
        settlements = self.settlements
        if settlements.count and self._outcomes.done_simply(claim):
            settlements.count += 1
            settlements.moved[claim.log.number, claim.sequence].append(claim.subscription)
            # Otherwise nothing new is due.
            if claim.sequence < claim.log.head or self._admitted or self._admitted_retries:
                self._wake()
            return
        if self._outcomes.done(claim, self.clock()):
            self._move(claim)
        self._wake()

    def retry(
        self, claim: Claim, counts: tuple[int, int], after: float, reason: str, *, firm: bool, host_failed: bool
    ) -> None:
        """Note that an update should be retried. ``counts`` are the numbers of its attempts and of refused ones."""
        now = self.clock()
        due_at = self._outcomes.retry(claim, now + max(after, 0.0), now, firm=firm, host_failed=host_failed)
        if due_at is not None:
            self._count()
            if claim.letter:
                self.settlements.failed_replays.append((reason, claim.letter))
            else:
                self.settlements.retries[claim.subscription] = Retry(
                    subscription=claim.subscription,
                    topic=claim.log.number,
                    sequence=claim.sequence,
                    attempts=counts[0],
                    refusals=counts[1],
                    due_at=due_at,
                    attempted_at=now,
                    firm=firm,
                    reason=reason,
                )
        self._wake()

    def dead(self, claim: Claim, attempt: int, reason: str, *, host_failed: bool, turned_away: bool) -> None:
        """Note that the hub gave up on an update."""
        now = self.clock()
        if self._outcomes.dead(claim, now, host_failed=host_failed):
            if claim.letter:
                self._count()
                self.settlements.failed_replays.append((reason, claim.letter))
            else:
                self.settlements.deaths.append(
                    Death(
                        subscription=claim.subscription,
                        topic=claim.log.number,
                        sequence=claim.sequence,
                        attempts=attempt,
                        reason=reason,
                        died_at=now,
                        turned_away=turned_away,
                    )
                )
                self._move(claim)
        self._wake()

    def gone(self, claim: Claim) -> None:
        """Note that a subscription has ended."""
        if self._outcomes.gone(claim):
            self._count()
            self._recipients.forget(claim.subscription)
            self._gone.add(claim.subscription)
            self.settlements.ended.append(claim.subscription)
        self._wake()

    def note(self, attempt: AttemptMade) -> None:
        """Note a failed attempt, to be stored together with the outcomes."""
        self.settlements.attempts.append(attempt)

    def _move(self, claim: Claim) -> None:
        self._count()
        settlements = self.settlements
        if claim.letter:
            settlements.replayed.append(claim.letter)
            return
        settlements.moved[claim.log.number, claim.sequence].append(claim.subscription)
        if claim.repeated:
            settlements.cleared.append(claim.subscription)
            settlements.retries.pop(claim.subscription, None)

    def _count(self) -> None:
        self.settlements.count += 1
        self.unwritten.ring()
