"""Outcomes of deliveries on their way to the journal, together."""

from collections import defaultdict

from attrs import frozen

from websubhub.standalone.schedule.claims import Key


@frozen(kw_only=True)
class Retry:
    """A retry as it is kept."""

    subscription: int
    topic: int
    sequence: int
    attempts: int
    refusals: int
    due_at: float
    attempted_at: float
    firm: bool
    reason: str


@frozen(kw_only=True)
class Death:
    """A delivery that was given up, and that becomes a dead letter."""

    subscription: int
    topic: int
    sequence: int
    attempts: int
    reason: str
    died_at: float
    turned_away: bool


class Settlements:
    """The outcomes since the previous settlements.

    Attributes:
        moved: The subscriptions that have an update now, by its topic and sequence number.
        cleared: Those whose failed attempts are over.
        retries: The retries to come, by subscription.
        deaths: What was given up.
        ended: The subscriptions that ended (410).
        replayed: The dead letters that arrived.
        failed_replays: The dead letters that failed once more, with the reason.
        count: How many outcomes these are.
    """

    def __init__(self) -> None:
        self.moved: defaultdict[Key, list[int]] = defaultdict(list)
        self.cleared: list[int] = []
        self.retries: dict[int, Retry] = {}
        self.deaths: list[Death] = []
        self.ended: list[int] = []
        self.replayed: list[int] = []
        self.failed_replays: list[tuple[str, int]] = []
        self.count = 0
