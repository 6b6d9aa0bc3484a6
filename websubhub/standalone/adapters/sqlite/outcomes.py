"""Writing the outcomes of deliveries to SQLite."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from websubhub.standalone.adapters.sqlite.counts import More, count
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.messages.attempts import write_attempts
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.broker.settlements import Death, Retry, Settlements
from websubhub.standalone.schedule.claims import Key


def write_settlements(connection: Connection, settlements: Settlements, now: float) -> None:
    """Write outcomes inside a transaction. This is safe to repeat.

    The statements take lists as JSON. With one SQLite step for many rows, the thread releases the interpreter lock once
    instead of once per row, which would be most of the cost under load.
    """
    if settlements.deaths:
        _write_deaths(connection, settlements.deaths)  # before the positions, which tell what was written earlier
    counts = _write_positions(connection, settlements, now)
    if settlements.cleared:
        _delete(connection, "retries", "subscription_id", settlements.cleared)
    if settlements.retries:
        _write_retries(connection, settlements.retries.values())
    if settlements.ended:
        _delete(connection, "subscriptions", "id", settlements.ended)
    if settlements.replayed:
        counts.update(_delete_replayed(connection, settlements.replayed, counts))
    count(connection, counts)
    if settlements.attempts:
        write_attempts(connection, settlements.attempts)
    if settlements.failed_replays:
        connection.executemany(
            "UPDATE dead_letters SET replaying = 0, attempts = attempts + 1, reason = ? WHERE id = ? AND replaying",
            settlements.failed_replays,
        )


def _write_positions(connection: Connection, settlements: Settlements, now: float) -> dict[Key, More]:
    """Write the positions of subscriptions. Return the additions to message counts that were not written earlier."""
    moved: defaultdict[int, list[int]] = defaultdict(list)
    for (_, sequence), subscriptions in settlements.moved.items():
        moved[sequence] += subscriptions  # their numbers imply the topic
    given_up = {(death.subscription, death.sequence) for death in settlements.deaths}
    written = 0
    if given_up:
        # In ascending order, since a subscription may have moved twice.
        for sequence in sorted(moved):
            without = [each for each in moved[sequence] if (each, sequence) in given_up]
            arrived = [each for each in moved[sequence] if (each, sequence) not in given_up]
            written += _move(connection, sequence, without, None) + _move(connection, sequence, arrived, now)
    else:
        for sequence, last in moved.items() if len(moved) == 1 else _last_moves(moved):
            written += _move(connection, sequence, last, now)
    if not written:  # outcomes that were already written are repeated as a whole, and then move no subscription
        return {}
    dead: Mapping[Key, int] = settlements.given_up() if given_up else {}
    return {key: More(len(each) - dead.get(key, 0), dead.get(key, 0)) for key, each in settlements.moved.items()}


def _last_moves(moved: Mapping[int, list[int]]) -> Iterator[tuple[int, Collection[int]]]:
    """Yield the subscriptions by the last update that they have moved to."""
    seen: set[int] = set()
    for sequence in sorted(moved, reverse=True):
        yield sequence, [each for each in moved[sequence] if each not in seen]
        seen.update(moved[sequence])


def _move(connection: Connection, sequence: int, subscriptions: Collection[int], delivered_at: float | None) -> int:
    """Move subscriptions past an update, which arrived at that time, or never if it is None. Return how many moved."""
    if not subscriptions:
        return 0
    return connection.execute(
        "UPDATE positions SET position = ?, delivered_at = coalesce(?, delivered_at) "
        "WHERE subscription_id IN (SELECT value FROM json_each(?)) AND position < ?",
        (sequence, delivered_at, as_json(subscriptions), sequence),
    ).rowcount


def _delete_replayed(connection: Connection, letters: Iterable[int], counts: Mapping[Key, More]) -> dict[Key, More]:
    """Delete dead letters that arrived. Return the counts with them as delivered, without redeliveries."""
    arrived = connection.execute(
        "DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?)) "
        "RETURNING topic_id, sequence, redelivery",
        (as_json(letters),),
    ).fetchall()
    changed: dict[Key, More] = {}
    for topic, sequence, redelivery in arrived:
        if not redelivery:
            key = topic, sequence
            delivered, dead = changed.get(key) or counts.get(key) or More(0, 0)
            changed[key] = More(delivered + 1, dead - 1)
    return changed


def _write_retries(connection: Connection, retries: Iterable[Retry]) -> None:
    # A subscription may have ended meanwhile. Its retry must not prevent the others from being written.
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
