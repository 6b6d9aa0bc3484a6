"""Claimed deliveries, and the desk where they are settled."""

from collections.abc import Callable
from typing import NamedTuple

from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.broker.settlements import Death, Retry, Settlements
from websubhub.standalone.ports import DeliverySettledError, Update
from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.outcomes import Outcomes


class Before(NamedTuple):
    """Where a delivery stands in its schedule, as the properties of ``Delivery`` say it."""

    attempt: int
    refusals: int
    turned_away: bool


FIRST = Before(attempt=1, refusals=0, turned_away=False)


class ClaimedDelivery(Claim):
    """A claim that satisfies ``Delivery``, once it is known what it needs: one object for both, as they are many."""

    __slots__ = ("_desk", "attempt", "callback", "refusals", "secret", "turned_away", "update")

    def equip(self, desk: "Desk", update: Update, callback: str, secret: str | None, before: Before) -> None:
        """Say what is delivered and where to, what happened before, and who is told what came of it."""
        self._desk: Desk | None = desk
        self.update = update
        self.callback = callback
        self.secret = secret
        self.attempt, self.refusals, self.turned_away = before

    def __repr__(self) -> str:
        return f"<delivery of {self.update.id}, attempt {self.attempt}>"

    def done(self) -> None:
        """The callback took it (2xx)."""
        self._settle().done(self)

    def retry(
        self, after: float, reason: str, *, firm: bool = False, host_failed: bool = True, refused: bool = False
    ) -> None:
        """It failed and is to be tried again."""
        # An attempt outside the schedule stands for the last one in it, and leaves its counts as they are.
        refusals = self.refusals + (refused and not self.early)
        self._settle().retry(self, (self.attempt, refusals), after, reason, firm=firm, host_failed=host_failed)

    def dead(self, reason: str, *, host_failed: bool = True, turned_away: bool = False) -> None:
        """It failed for the last time."""
        self._settle().dead(self, self.attempt, reason, host_failed=host_failed, turned_away=turned_away)

    def gone(self) -> None:
        """The callback answered 410."""
        self._settle().gone(self)

    def _settle(self) -> "Desk":
        desk = self._desk
        if desk is None:
            raise DeliverySettledError("This delivery was settled before.")
        self._desk = None
        return desk


class Desk:
    """Takes outcomes: the schedule learns them at once, the disk together with others.

    Attributes:
        settlements: The outcomes that were not taken yet.
        unwritten: Rings when there are such.

    Args:
        outcomes: The schedule.
        clock: The hub's clock.
        wake: Called after each outcome, since it may make another delivery due.
    """

    def __init__(self, outcomes: Outcomes, clock: Callable[[], float], wake: Callable[[], None]) -> None:
        self._outcomes = outcomes
        self._clock = clock
        self._wake = wake
        self.unwritten = Bell()
        self.settlements = Settlements()

    def take(self) -> Settlements:
        """The outcomes since the last call."""
        taken, self.settlements = self.settlements, Settlements()
        return taken

    def done(self, claim: Claim) -> None:
        """An update arrived."""
        settlements = self.settlements
        if settlements.count and self._outcomes.done_simply(claim):
            settlements.count += 1
            settlements.moved[claim.sequence].append(claim.subscription)
            if claim.sequence < claim.log.head:  # else nothing is due that was not before
                self._wake()
            return
        if self._outcomes.done(claim, self._clock()):
            self._move(claim)
        self._wake()

    def retry(
        self, claim: Claim, counts: tuple[int, int], after: float, reason: str, *, firm: bool, host_failed: bool
    ) -> None:
        """An update is to be tried again; ``counts`` are its attempts, and those that were refused."""
        now = self._clock()
        due_at = self._outcomes.retry(claim, now + max(after, 0.0), now, firm=firm, host_failed=host_failed)
        if due_at is not None:
            self._count()
            if claim.letter:
                self.settlements.failed_replays.append((reason, claim.letter))
            else:
                self.settlements.retries[claim.subscription] = Retry(
                    subscription=claim.subscription,
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
        """An update was given up."""
        now = self._clock()
        if self._outcomes.dead(claim, now, host_failed=host_failed):
            if claim.letter:
                self._count()
                self.settlements.failed_replays.append((reason, claim.letter))
            else:
                self.settlements.deaths.append(
                    Death(
                        subscription=claim.subscription,
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
        """A subscription ends."""
        if self._outcomes.gone(claim):
            self._count()
            self.settlements.ended.append(claim.subscription)
        self._wake()

    def _move(self, claim: Claim) -> None:
        self._count()
        settlements = self.settlements
        if claim.letter:
            settlements.replayed.append(claim.letter)
            return
        settlements.moved[claim.sequence].append(claim.subscription)
        if claim.repeated:
            settlements.cleared.append(claim.subscription)
            settlements.retries.pop(claim.subscription, None)

    def _count(self) -> None:
        self.settlements.count += 1
        self.unwritten.ring()
