"""Claimed deliveries."""

from websubhub.standalone.broker.desk import Desk
from websubhub.standalone.broker.needed import Before
from websubhub.standalone.broker.settlements import AttemptMade
from websubhub.standalone.ports import (
    ANSWER_BYTES,
    AttemptDetails,
    AttemptOutcome,
    DeliverySettledError,
    Update,
)
from websubhub.standalone.schedule.claims import Claim

_GONE = "answered 410"


class ClaimedDelivery(Claim):
    """A claim that satisfies ``Delivery`` once it has its data. There are many, so one object serves as both."""

    __slots__ = ("_desk", "attempt", "callback", "refusals", "secret", "turned_away", "update")

    def equip(self, desk: Desk, update: Update, callback: str, secret: str | None, before: Before) -> None:
        """Set the update and its destination, the previous attempts, and the desk that settles the delivery."""
        self._desk: Desk | None = desk
        self.update: Update = update
        self.callback: str = callback
        self.secret: str | None = secret
        self.attempt: int
        self.refusals: int
        self.turned_away: bool
        self.attempt, self.refusals, self.turned_away = before

    def __repr__(self) -> str:
        return f"<delivery of {self.update.id}, attempt {self.attempt}>"

    @property
    def settled(self) -> bool:
        """Whether it was settled."""
        return self._desk is None

    def done(self) -> None:
        """Settle as done: the callback accepted it (2xx)."""
        self._settle().done(self)

    def retry(
        self,
        after: float,
        reason: str,
        *,
        firm: bool = False,
        host_failed: bool = True,
        refused: bool = False,
        counted: bool = True,
        details: AttemptDetails | None = None,
    ) -> None:
        """Settle as failed, to be retried."""
        # An attempt outside the schedule repeats the last one in it, and does not change its counts.
        refusals = self.refusals + (refused and not self.early)
        attempts = self.attempt if counted or self.early else self.attempt - 1
        desk = self._settle()
        self._note(desk, AttemptOutcome.RETRIED, reason, details)
        desk.retry(self, (attempts, refusals), after, reason, firm=firm, host_failed=host_failed)

    def dead(
        self,
        reason: str,
        *,
        host_failed: bool = True,
        turned_away: bool = False,
        details: AttemptDetails | None = None,
    ) -> None:
        """Settle as failed for the last time."""
        desk = self._settle()
        self._note(desk, AttemptOutcome.DEAD, reason, details)
        desk.dead(self, self.attempt, reason, host_failed=host_failed, turned_away=turned_away)

    def gone(self, *, details: AttemptDetails | None = None) -> None:
        """Settle as gone: the callback answered 410."""
        desk = self._settle()
        self._note(desk, AttemptOutcome.GONE, _GONE, details)
        desk.gone(self)

    def _note(self, desk: Desk, outcome: AttemptOutcome, reason: str, details: AttemptDetails | None) -> None:
        if details is None:
            return
        desk.note(
            AttemptMade(
                topic=self.log.number,
                message_id=self.update.id,
                callback=self.callback,
                host=self.host.key,
                attempt=self.attempt,
                attempted_at=desk.clock(),
                status=details.status,
                milliseconds=round(details.seconds * 1_000),
                # A failed replay is not retried automatically.
                outcome=AttemptOutcome.DEAD if self.letter and outcome is AttemptOutcome.RETRIED else outcome,
                reason=reason,
                answer=details.answer[:ANSWER_BYTES],
            )
        )

    def _settle(self) -> Desk:
        desk = self._desk
        if desk is None:
            raise DeliverySettledError("This delivery has already been settled.")
        self._desk = None
        return desk
