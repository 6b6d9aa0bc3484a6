"""Reads what claims need: updates, callbacks, secrets, and how often they failed."""

from collections.abc import Iterable, Sequence

from attrs import field, frozen

from websubhub.standalone.adapters.sqlite.database import Connection, is_about_values
from websubhub.standalone.adapters.sqlite.thread import Database
from websubhub.standalone.adapters.sqlite.updates import Key, UpdateCache, read_callback, read_callbacks, read_update
from websubhub.standalone.broker.deliveries import FIRST, Before
from websubhub.standalone.broker.settlements import as_json
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Claim


@frozen
class Made:
    """The attempts that a subscription's retry row tells of.

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
    """What claims need; nothing is there for what was removed.

    Attributes:
        callbacks: For each claim its callback, or None.
        secrets: For each claim its secret.
        updates: By topic and sequence number.
        made: The attempts of those that failed before, by subscription.
        unreadable: The updates, by topic and sequence number, and the subscriptions that are there and cannot be read.
    """

    callbacks: list[str | None] = field(repr=False)
    secrets: list[str | None] = field(repr=False)
    updates: dict[Key, Update]
    made: dict[int, Made]
    unreadable: set[Key | int] = field(factory=set)

    def is_unreadable(self, claim: Claim) -> bool:
        """Whether what a claim needs is there and cannot be read, now or ever."""
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


class Recipients:
    """Finds what claims need.

    Args:
        database: Where it is read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache = UpdateCache()

    def published(self, key: Key, update: Update) -> None:
        """Keep an update at hand that will be claimed soon."""
        self._cache.put(key, update)

    async def read(self, claims: Sequence[Claim], repeated: Sequence[Claim]) -> Needed:
        """What claims need.

        Args:
            claims: All of them.
            repeated: Those of them that failed before.
        """
        updates, missing = self._cached(_keys(claims))

        def work(connection: Connection) -> Needed:
            unreadable: set[Key | int] = set()
            read = _read_updates(connection, missing, unreadable)
            made = _read_made(connection, repeated) if repeated else {}
            return Needed(*_read_callbacks(connection, claims, unreadable), read, made, unreadable)

        needed = await self._database.read(work)
        for key, update in needed.updates.items():
            self._cache.put(key, update)
        needed.updates.update(updates)
        return needed

    def _cached(self, keys: Iterable[Key]) -> tuple[dict[Key, Update], list[Key]]:
        """The updates that are at hand, and the keys of those that are not."""
        updates: dict[Key, Update] = {}
        missing: list[Key] = []
        for key in keys:
            update = self._cache.get(key)
            if update is None:
                missing.append(key)
            else:
                updates[key] = update
        return updates, missing


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
    connection: Connection, claims: Sequence[Claim], unreadable: set[Key | int]
) -> tuple[list[str | None], list[str | None]]:
    """What ``read_callbacks`` returns; if that fails, one by one, so that only those fail that must."""
    try:
        return read_callbacks(connection, claims)
    except Exception as error:
        if not is_about_values(error):
            raise
    callbacks: list[str | None] = []
    secrets: list[str | None] = []
    for claim in claims:
        callback = secret = None
        try:
            callback, secret = read_callback(connection, claim)
        except Exception as error:
            if not is_about_values(error):
                raise
            unreadable.add(claim.subscription)
        callbacks.append(callback)
        secrets.append(secret)
    return callbacks, secrets


def _read_made(connection: Connection, claims: Iterable[Claim]) -> dict[int, Made]:
    found = connection.execute(
        "SELECT subscription_id, sequence, attempts, refusals, turned_away AND turned_away = position "
        "FROM retries JOIN positions USING (subscription_id) "
        "WHERE subscription_id IN (SELECT value FROM json_each(?))",
        (as_json(claim.subscription for claim in claims),),
    ).fetchall()
    # Counts that are none are forgotten: the schedule begins anew, and has an end.
    return {row[0]: Made(row[1], row[2], row[3], bool(row[4])) for row in found if _are_whole(row[1:4])}


def _are_whole(values: Sequence[object]) -> bool:
    return all(isinstance(value, int) for value in values)


def _keys(claims: Sequence[Claim]) -> set[Key]:
    """The updates of claims."""
    keys: set[Key] = set()
    log, sequence = None, 0
    for claim in claims:
        if claim.sequence != sequence or claim.log is not log:
            log, sequence = claim.log, claim.sequence
            keys.add((log.number, sequence))
    return keys
