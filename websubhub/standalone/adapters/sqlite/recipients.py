"""Reads what a batch of claims needs: updates, callbacks, secrets, and how often they failed."""

from collections.abc import Sequence

from websubhub.standalone.adapters.sqlite.database import Connection, Database
from websubhub.standalone.adapters.sqlite.updates import (
    Key,
    UpdateCache,
    read_attempts,
    read_recipients,
    read_update,
)
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Claim

Recipient = tuple[Update, str, str | None, int]
"""An update, the callback and secret it goes to, and which attempt it is."""

_Read = tuple[dict[int, tuple[str, str | None]], dict[int, Key], dict[Key, Update]]


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

    async def read(self, claims: Sequence[Claim]) -> list[Recipient | None]:
        """For each claim its recipient, or None when the subscription was removed."""
        updates: dict[Key, Update] = {}
        missing: set[Key] = set()
        for key in {(claim.log.number, claim.sequence) for claim in claims}:
            update = self._cache.get(key)
            if update is None:
                missing.add(key)
            else:
                updates[key] = update
        repeated = any(claim.repeated for claim in claims)

        def work(connection: Connection) -> _Read:
            read = {key: update for key in missing if (update := read_update(connection, key)) is not None}
            attempts = read_attempts(connection, claims) if repeated else {}
            return read_recipients(connection, claims), attempts, read

        callbacks, attempts, read = await self._database.read(work)
        for key, update in read.items():
            self._cache.put(key, update)
        updates |= read
        return [_recipient(claim, callbacks, attempts, updates) for claim in claims]


def _recipient(
    claim: Claim,
    callbacks: dict[int, tuple[str, str | None]],
    attempts: dict[int, Key],
    updates: dict[Key, Update],
) -> Recipient | None:
    callback = callbacks.get(claim.subscription)
    update = updates.get((claim.log.number, claim.sequence))
    if callback is None or update is None:
        return None
    return update, *callback, _attempt(claim, attempts) if claim.repeated else 1


def _attempt(claim: Claim, attempts: dict[int, Key]) -> int:
    sequence, made = attempts.get(claim.subscription, (0, 0))
    if sequence != claim.sequence or claim.letter:
        return 1
    return max(made, 1) if claim.early else made + 1
