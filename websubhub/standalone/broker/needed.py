"""The data that a claim needs to become a delivery."""

from typing import NamedTuple

from attrs import field, frozen

from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Claim, Key


class Before(NamedTuple):
    """Where a delivery stands in its schedule, as the properties of ``Delivery`` say it."""

    attempt: int
    refusals: int
    turned_away: bool


FIRST = Before(attempt=1, refusals=0, turned_away=False)


@frozen
class Made:
    """The attempts that were made at a subscription's next update, as far as they are kept.

    Attributes:
        sequence: The update that they were made for.
        attempts: How many of the retry schedule.
        refusals: How many of them the subscriber refused.
        turned_away: Whether the update before was given up because the callback turned it away.
    """

    sequence: int
    attempts: int
    refusals: int
    turned_away: bool


@frozen
class Needed:
    """The data that claims need, without what was removed.

    Attributes:
        callbacks: For each subscription that was asked for its callback, or None.
        secrets: For each of them its secret, or None.
        updates: By topic and sequence number.
        made: The attempts made so far, by subscription, where any failed.
        unreadable: The updates, by topic and sequence number, and the subscriptions that are there and cannot be read.
    """

    callbacks: list[str | None] = field(repr=False)
    secrets: list[str | None] = field(repr=False)
    updates: dict[Key, Update]
    made: dict[int, Made]
    unreadable: set[Key | int] = field(factory=set)

    def is_unreadable(self, claim: Claim) -> bool:
        """Return whether what a claim needs is there and cannot be read, now or ever."""
        return claim.subscription in self.unreadable or (claim.log.number, claim.sequence) in self.unreadable

    def before(self, claim: Claim) -> Before:
        """Where a claim that failed before stands in its schedule."""
        made = self.made.get(claim.subscription)
        if made is None or claim.letter:
            return FIRST
        if made.sequence != claim.sequence:  # a newer update took its place
            return Before(attempt=1, refusals=0, turned_away=made.turned_away)
        attempt = max(made.attempts, 1) if claim.early else made.attempts + 1
        return Before(attempt, made.refusals, made.turned_away)
