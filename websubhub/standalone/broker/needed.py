"""The data that a claim needs to become a delivery."""

from typing import NamedTuple

from attrs import field, frozen

from websubhub.standalone.broker.settlements import Retry
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Claim, Key


class Before(NamedTuple):
    """The position of a delivery in its retry schedule, as in the properties of ``Delivery``."""

    attempt: int
    refusals: int
    turned_away: bool


FIRST = Before(attempt=1, refusals=0, turned_away=False)


@frozen
class Made:
    """The stored attempts at a subscription's next update.

    Attributes:
        sequence: The update.
        attempts: How many attempts of the retry schedule were made.
        refusals: How many of them the subscriber refused.
        turned_away: Whether the previous update became a dead letter because the callback turned it away.
    """

    sequence: int
    attempts: int
    refusals: int
    turned_away: bool


@frozen
class Needed:
    """The data that claims need, except what has been removed.

    Attributes:
        callbacks: The callback of each requested subscription, or None.
        secrets: The secret of each requested subscription, or None.
        updates: The updates, by topic and sequence number.
        made: The attempts made so far, by subscription, if any failed.
        unreadable: The updates, by topic and sequence number, and the subscriptions that exist but cannot be read.
    """

    callbacks: list[str | None] = field(repr=False)
    secrets: list[str | None] = field(repr=False)
    updates: dict[Key, Update]
    made: dict[int, Made]
    unreadable: set[Key | int] = field(factory=set)

    def retried(self, retry: Retry) -> None:
        """Add a retry that the journal does not have yet."""
        made = self.made.get(retry.subscription)
        is_turned_away = made is not None and made.turned_away
        self.made[retry.subscription] = Made(retry.sequence, retry.attempts, retry.refusals, is_turned_away)

    def is_unreadable(self, claim: Claim) -> bool:
        """Return whether the data of a claim exists but can never be read."""
        return claim.subscription in self.unreadable or (claim.log.number, claim.sequence) in self.unreadable

    def before(self, claim: Claim) -> Before:
        """Return the position of a repeated claim in its retry schedule."""
        made = self.made.get(claim.subscription)
        if made is None or claim.letter:
            return FIRST
        if made.sequence != claim.sequence:  # a newer update replaced it
            return Before(attempt=1, refusals=0, turned_away=made.turned_away)
        attempt = max(made.attempts, 1) if claim.early else made.attempts + 1
        return Before(attempt, made.refusals, made.turned_away)
