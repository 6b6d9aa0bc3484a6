"""The outcomes of deliveries, written to SQLite."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.broker.settlements import Death, Retry, Settlements


def write_settlements(connection: Connection, settlements: Settlements) -> None:
    """Write outcomes inside a transaction. It is safe to repeat.

    The statements take lists as JSON: one step of SQLite for many rows lets the thread give the interpreter lock away
    once instead of once a row, which under load is most of the cost.
    """
    if settlements.deaths:
        _write_deaths(connection, settlements.deaths)  # before the positions, which tell what was written before
    _write_positions(connection, settlements)
    if settlements.cleared:
        _delete(connection, "retries", "subscription_id", settlements.cleared)
    if settlements.retries:
        _write_retries(connection, settlements.retries.values())
    if settlements.ended:
        _delete(connection, "subscriptions", "id", settlements.ended)
    if settlements.replayed:
        _delete(connection, "dead_letters", "id", settlements.replayed)
    connection.executemany(
        "UPDATE dead_letters SET replaying = 0, attempts = attempts + 1, reason = ? WHERE id = ? AND replaying",
        settlements.failed_replays,
    )


def _write_positions(connection: Connection, settlements: Settlements) -> None:
    moved: defaultdict[int, list[int]] = defaultdict(list)
    for (_, sequence), subscriptions in settlements.moved.items():
        moved[sequence] += subscriptions  # whose numbers say what the topic is
    # Ascending, since a subscription may have moved twice.
    for sequence in sorted(moved):
        connection.execute(
            "UPDATE positions SET position = ? WHERE subscription_id IN (SELECT value FROM json_each(?))",
            (sequence, as_json(moved[sequence])),
        )


def _write_retries(connection: Connection, retries: Iterable[Retry]) -> None:
    # A subscription may have ended meanwhile, and its retry must not stop the others.
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
                retry.subscription,
            )
            for retry in retries
        ],
    )


def _write_deaths(connection: Connection, deaths: Collection[Death]) -> None:
    connection.executemany(
        "INSERT INTO dead_letters (topic_id, identity, callback, host, sequence, attempts, reason, died_at) "
        "SELECT topic_id, CAST(identity AS TEXT), CAST(callback AS TEXT), host, ?, ?, ?, ? FROM subscriptions "
        "JOIN positions ON subscription_id = id WHERE id = ? AND position < ?",
        [
            (death.sequence, death.attempts, death.reason, death.died_at, death.subscription, death.sequence)
            for death in deaths
        ],
    )
    connection.executemany(
        "UPDATE positions SET turned_away = ? WHERE subscription_id = ?",
        [(death.sequence, death.subscription) for death in deaths if death.turned_away],
    )


def _delete(connection: Connection, table: str, column: str, numbers: Iterable[int]) -> None:
    connection.execute(
        f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608 - names from above
        (as_json(numbers),),
    )
