"""Finds what claims need: updates, callbacks, secrets, and how often they failed."""

from collections.abc import Iterable, Sequence

from websubhub.standalone.broker.cache import UpdateCache
from websubhub.standalone.broker.journal import Journal
from websubhub.standalone.broker.needed import Needed
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Claim, Key


class Recipients:
    """Reads what claims need, as far as it is not at hand.

    Args:
        journal: Where it is read.
        cache: The updates that are at hand.
    """

    def __init__(self, journal: Journal, cache: UpdateCache) -> None:
        self._journal = journal
        self._cache = cache

    async def read(self, claims: Sequence[Claim], repeated: Sequence[Claim]) -> Needed:
        """Return what claims need.

        Args:
            claims: All of them.
            repeated: Those of them that failed before.
        """
        updates, missing = self._cached(_keys(claims))
        needed = await self._journal.read(
            missing, [claim.subscription for claim in claims], [claim.subscription for claim in repeated]
        )
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


def _keys(claims: Sequence[Claim]) -> set[Key]:
    """The updates of claims."""
    keys: set[Key] = set()
    log, sequence = None, 0
    for claim in claims:
        if claim.sequence != sequence or claim.log is not log:
            log, sequence = claim.log, claim.sequence
            keys.add((log.number, sequence))
    return keys
