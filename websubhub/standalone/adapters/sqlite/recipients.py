"""Reads what a batch of claims needs: updates, callbacks, secrets, and how often they failed."""

from collections.abc import Iterable, Sequence

from websubhub.standalone.adapters.sqlite.database import Connection
from websubhub.standalone.adapters.sqlite.thread import Database
from websubhub.standalone.adapters.sqlite.updates import Key, UpdateCache, read_attempts, read_callbacks, read_update
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Claim

Recipient = tuple[Update | None, str | None, str | None, int]
"""An update, the callback and secret it goes to, and which attempt it is; None for what is not there any more."""

_Read = tuple[list[str | None], list[str | None], dict[int, Key], dict[Key, Update]]


class Recipients:
    """Turns claims into what can be delivered.

    Args:
        database: Where it is read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache = UpdateCache()

    def published(self, key: Key, update: Update) -> None:
        """Keep an update at hand that will be claimed soon."""
        self._cache.put(key, update)

    async def read(self, claims: Sequence[Claim], repeated: Sequence[Claim]) -> list[Recipient]:
        """For each claim its recipient.

        Args:
            claims: All of them.
            repeated: Those of them that failed before.
        """
        updates, missing = self._cached(_keys(claims))

        def work(connection: Connection) -> _Read:
            read = {key: update for key in missing if (update := read_update(connection, key)) is not None}
            attempts = read_attempts(connection, repeated) if repeated else {}
            return *read_callbacks(connection, claims), attempts, read

        callbacks, secrets, attempts, read = await self._database.read(work)
        for key, update in read.items():
            self._cache.put(key, update)
        updates |= read
        found: list[Recipient] = []
        log, sequence, newest = None, 0, None
        for claim, callback, secret in zip(claims, callbacks, secrets, strict=True):
            if claim.sequence != sequence or claim.log is not log:  # it rarely differs from the one before
                log, sequence = claim.log, claim.sequence
                newest = updates.get((log.number, sequence))
            found.append((newest, callback, secret, _attempt(claim, attempts) if claim.repeated else 1))
        return found

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


def _keys(claims: Sequence[Claim]) -> set[Key]:
    """The updates of claims."""
    keys: set[Key] = set()
    log, sequence = None, 0
    for claim in claims:
        if claim.sequence != sequence or claim.log is not log:
            log, sequence = claim.log, claim.sequence
            keys.add((log.number, sequence))
    return keys


def _attempt(claim: Claim, attempts: dict[int, Key]) -> int:
    sequence, made = attempts.get(claim.subscription, (0, 0))
    if sequence != claim.sequence or claim.letter:
        return 1
    return max(made, 1) if claim.early else made + 1
