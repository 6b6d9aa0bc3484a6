"""Reading the data that claims need from SQLite. Unreadable rows are reported, so that others do not wait for them."""

import json
from collections.abc import Collection, Iterable, Sequence

from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.file.database import Connection, is_about_values
from websubhub.standalone.adapters.sqlite.rows import as_json
from websubhub.standalone.adapters.sqlite.updates import read_update
from websubhub.standalone.broker.needed import Made, Needed
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Key


def read_needed(
    connection: Connection, updates: Collection[Key], subscriptions: Sequence[int], repeated: Sequence[int]
) -> Needed:
    """Return the data that claims need, as in ``Journal.read``."""
    unreadable: set[Key | int] = set()
    read = _read_updates(connection, updates, unreadable)
    made = _read_made(connection, repeated) if repeated else {}
    return Needed(*_read_callbacks(connection, subscriptions, unreadable), read, made, unreadable)


def _read_updates(connection: Connection, keys: Iterable[Key], unreadable: set[Key | int]) -> dict[Key, Update]:
    updates = {}
    for key in keys:
        try:
            update = read_update(connection, key)
        except Exception as error:
            if not is_about_values(error):
                raise
            unreadable.add(key)
        else:
            if update is not None:
                updates[key] = update
    return updates


def _read_callbacks(
    connection: Connection, subscriptions: Sequence[int], unreadable: set[Key | int]
) -> tuple[list[str | None], list[str | None]]:
    """Return callbacks and secrets. If they cannot be read at once, read them one by one to find unreadable ones."""
    try:
        return _read_all_callbacks(connection, subscriptions)
    except Exception as error:
        if not is_about_values(error):
            raise
    callbacks: list[str | None] = []
    secrets: list[str | None] = []
    for subscription in subscriptions:
        callback = secret = None
        try:
            callback, secret = _read_callback(connection, subscription)
        except Exception as error:
            if not is_about_values(error):
                raise
            unreadable.add(subscription)
        callbacks.append(callback)
        secrets.append(secret)
    return callbacks, secrets


def _read_all_callbacks(
    connection: Connection, subscriptions: Sequence[int]
) -> tuple[list[str | None], list[str | None]]:
    """Return the callback of each subscription, or None if it was removed, and its secret, in one SQLite step.

    ``write_settlements`` explains why.

    Raises:
        sqlite3.Error: A value is not text, or cannot be read from the database.
    """
    callbacks, secrets = connection.execute(
        "SELECT json_group_array(callback), json_group_array(secret) "
        "FROM json_each(?) AS claimed LEFT JOIN subscriptions ON subscriptions.id = claimed.value",
        (as_json(subscriptions),),
    ).fetchone()
    return json.loads(callbacks), json.loads(secrets)


def _read_callback(connection: Connection, subscription: int) -> tuple[str | None, str | None]:
    """Return the callback and the secret of one subscription.

    Raises:
        UnreadableError: A value is not text.
        sqlite3.Error: A value cannot be read from the database.
    """
    row = connection.execute("SELECT callback, secret FROM subscriptions WHERE id = ?", (subscription,)).fetchone()
    return (None, None) if row is None else (rows.text(row[0]), rows.text_or_none(row[1]))


def _read_made(connection: Connection, subscriptions: Iterable[int]) -> dict[int, Made]:
    found = connection.execute(
        "SELECT subscription_id, sequence, attempts, refusals, turned_away AND turned_away = position "
        "FROM retries JOIN positions USING (subscription_id) "
        "WHERE subscription_id IN (SELECT value FROM json_each(?))",
        (as_json(subscriptions),),
    ).fetchall()
    # Invalid counts are ignored: the retry schedule starts over, and still ends.
    return {row[0]: Made(row[1], row[2], row[3], bool(row[4])) for row in found if _are_whole(row[1:4])}


def _are_whole(values: Sequence[object]) -> bool:
    return all(isinstance(value, int) for value in values)
