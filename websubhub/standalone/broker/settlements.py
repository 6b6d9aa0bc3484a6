"""Outcomes of deliveries on their way to the disk, together."""

from collections import defaultdict
from collections.abc import Iterable

from attrs import frozen

from websubhub.standalone.adapters.sqlite.database import Connection


@frozen(kw_only=True)
class Retry:
    """A retry as it is kept."""

    subscription: int
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
    sequence: int
    attempts: int
    reason: str
    died_at: float
    turned_away: bool


class Settlements:
    """What happened since the last commit.

    Attributes:
        moved: The subscriptions that have an update now, by its sequence number.
        cleared: Those whose failed attempts are over.
        retries: The retries to come, by subscription.
        deaths: What was given up.
        ended: The subscriptions that ended (410).
        replayed: The dead letters that arrived.
        failed_replays: The dead letters that failed once more, with the reason.
        count: How many outcomes these are.
    """

    def __init__(self) -> None:
        self.moved: defaultdict[int, list[int]] = defaultdict(list)
        self.cleared: list[int] = []
        self.retries: dict[int, Retry] = {}
        self.deaths: list[Death] = []
        self.ended: list[int] = []
        self.replayed: list[int] = []
        self.failed_replays: list[tuple[str, int]] = []
        self.count = 0

    def write(self, connection: Connection) -> None:
        """Keep all of it, inside a transaction; safe to repeat.

        The statements take lists as JSON: one step of SQLite for many rows lets the thread give the interpreter lock
        away once instead of once a row, which under load is most of the cost.
        """
        # Ascending, since a subscription may have moved twice.
        for sequence in sorted(self.moved):
            connection.execute(
                "UPDATE positions SET position = ? WHERE subscription_id IN (SELECT value FROM json_each(?))",
                (sequence, as_json(self.moved[sequence])),
            )
        if self.cleared:
            _delete(connection, "retries", "subscription_id", self.cleared)
        if self.retries:
            self._write_retries(connection)
        if self.deaths:
            self._write_deaths(connection)
        if self.ended:
            _delete(connection, "subscriptions", "id", self.ended)
        if self.replayed:
            _delete(connection, "dead_letters", "id", self.replayed)
        connection.executemany(
            "UPDATE dead_letters SET replaying = 0, attempts = attempts + 1, reason = ? WHERE id = ?",
            self.failed_replays,
        )

    def _write_retries(self, connection: Connection) -> None:
        # A subscription may have ended meanwhile; its retry must not stop the others.
        connection.executemany(
            "INSERT OR REPLACE INTO retries (subscription_id, sequence, attempts, refusals, due_at, attempted_at, "
            "firm, reason) SELECT id, ?, ?, ?, ?, ?, ?, ? FROM subscriptions WHERE id = ?",
            [
                (
                    retry.sequence,
                    retry.attempts,
                    retry.refusals,
                    retry.due_at,
                    retry.attempted_at,
                    retry.firm,
                    retry.reason,
                    number,
                )
                for number, retry in self.retries.items()
            ],
        )

    def _write_deaths(self, connection: Connection) -> None:
        connection.executemany(
            "INSERT INTO dead_letters (topic_id, identity, callback, sequence, attempts, reason, died_at) "
            "SELECT topic_id, CAST(identity AS TEXT), CAST(callback AS TEXT), ?, ?, ?, ? FROM subscriptions "
            "WHERE id = ?",
            [
                (death.sequence, death.attempts, death.reason, death.died_at, death.subscription)
                for death in self.deaths
            ],
        )
        connection.executemany(
            "UPDATE positions SET turned_away = ? WHERE subscription_id = ?",
            [(death.sequence, death.subscription) for death in self.deaths if death.turned_away],
        )


def as_json(numbers: Iterable[int]) -> str:
    """A list of numbers for ``json_each``."""
    return f"[{','.join(map(str, numbers))}]"


def _delete(connection: Connection, table: str, column: str, numbers: Iterable[int]) -> None:
    connection.execute(
        f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608 - names from above
        (as_json(numbers),),
    )
