"""Outcomes of deliveries, collected to be written to the journal together."""

from collections import Counter, defaultdict

from attrs import field, frozen

from websubhub.standalone.ports import AttemptOutcome
from websubhub.standalone.schedule.claims import Key


@frozen(kw_only=True)
class Retry:
    """A retry, as it is stored."""

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
    """A delivery that the hub gave up on, which becomes a dead letter."""

    subscription: int
    topic: int
    sequence: int
    attempts: int
    reason: str
    died_at: float
    turned_away: bool


@frozen(kw_only=True)
class AttemptMade:
    """A failed attempt, as it is stored."""

    topic: int
    message_id: str
    callback: str = field(repr=False)
    host: int
    attempt: int
    attempted_at: float
    status: int
    milliseconds: int
    outcome: AttemptOutcome
    reason: str
    answer: bytes = field(repr=False)


class Settlements:
    """The outcomes since the previous settlements.

    Attributes:
        moved: The subscriptions that moved past an update, by its topic and sequence number.
        cleared: The subscriptions whose failed attempts no longer count.
        retries: The future retries, by subscription.
        deaths: The deliveries that the hub gave up on.
        ended: The subscriptions that ended (410).
        replayed: The dead letters that arrived.
        failed_replays: The reasons and ids of dead letters that failed again.
        attempts: The failed attempts to store.
        count: How many outcomes there are.
    """

    def __init__(self) -> None:
        self.moved: defaultdict[Key, list[int]] = defaultdict(list)
        self.cleared: list[int] = []
        self.retries: dict[int, Retry] = {}
        self.deaths: list[Death] = []
        self.ended: list[int] = []
        self.replayed: list[int] = []
        self.failed_replays: list[tuple[str, int]] = []
        self.attempts: list[AttemptMade] = []
        self.count = 0

    @property
    def repeatable(self) -> bool:
        """Whether nothing changes if they are written twice."""
        return not (self.attempts or self.failed_replays)

    def given_up(self) -> Counter[Key]:
        """Return for how many subscriptions the hub gave up on an update, by topic and sequence number."""
        return Counter((death.topic, death.sequence) for death in self.deaths)
