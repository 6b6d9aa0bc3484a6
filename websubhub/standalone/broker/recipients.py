"""Reading the data that claims need (updates, callbacks, secrets and attempts) from memory or from the journal."""

from collections.abc import Container, Iterable, Sequence

from websubhub.standalone.broker.cache import UpdateCache
from websubhub.standalone.broker.journal import Journal
from websubhub.standalone.broker.needed import Needed
from websubhub.standalone.broker.recipient_cache import RecipientCache
from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Claim, Key

_FEW = 256  # subscriptions of a topic; the cache would not keep more of them until the next update
# Subscriptions at their host's limit are claimed one by one. A small read also reads ahead for those behind them.
_FEW_CLAIMS = 32
_AHEAD = 128


class Recipients:
    """Reads the data that claims need, unless it is cached.

    Args:
        journal: The journal to read from.
        cache: The cache of updates.
        recipients: The cache of callbacks and secrets.
    """

    def __init__(self, journal: Journal, cache: UpdateCache, recipients: RecipientCache) -> None:
        self._journal = journal
        self._cache = cache
        self._recipients = recipients

    def at_hand(self, claims: Sequence[Claim]) -> Needed | None:
        """Return the data of claims if all of it is in memory, else None."""
        recipients = self._recipients.get_all([claim.subscription for claim in claims])
        if recipients is None:
            return None
        updates: dict[Key, Update] = {}
        read_ahead: list[int] = []
        log, sequence, is_large = None, 0, False
        for claim in claims:
            if claim.repeated:
                return None
            if claim.sequence != sequence or claim.log is not log:  # it rarely differs from the previous one
                log, sequence, is_large = claim.log, claim.sequence, claim.log.active > _FEW
                key = log.number, sequence
                update = updates.get(key) or self._cache.get(key)
                if update is None:
                    return None
                updates[key] = update
            if is_large:
                read_ahead.append(claim.subscription)
        for subscription in read_ahead:  # it will not be needed again soon
            self._recipients.drop(subscription)
        return Needed([callback for callback, _ in recipients], [secret for _, secret in recipients], updates, {})

    async def read(self, claims: Sequence[Claim], repeated: Sequence[Claim]) -> Needed:
        """Return the data that claims need.

        Args:
            claims: The claims.
            repeated: Those that failed before.
        """
        updates, missing = self._cached(_keys(claims))
        wanted = [claim.subscription for claim in claims]
        ahead = _ahead_of(claims) if len(claims) < _FEW_CLAIMS else []
        with self._recipients.reading() as changed:
            needed = await self._journal.read(missing, wanted + ahead, [claim.subscription for claim in repeated])
        for key, update in needed.updates.items():
            self._cache.put(key, update)
        needed.updates.update(updates)
        self._keep_ahead(ahead, needed, changed)
        for claim, callback, secret in zip(claims, needed.callbacks, needed.secrets, strict=True):
            if claim.log.active <= _FEW and callback is not None and claim.subscription not in changed:
                self._recipients.put(claim.subscription, (callback, secret))
        return needed

    def _keep_ahead(self, ahead: Sequence[int], needed: Needed, changed: Container[int]) -> None:
        """Cache the data that was read ahead for later claims, and remove it from the end of ``needed``."""
        start = len(needed.callbacks) - len(ahead)
        for subscription, callback, secret in zip(ahead, needed.callbacks[start:], needed.secrets[start:], strict=True):
            if callback is not None and subscription not in changed:
                self._recipients.put(subscription, (callback, secret))
        del needed.callbacks[start:], needed.secrets[start:]

    def _cached(self, keys: Iterable[Key]) -> tuple[dict[Key, Update], list[Key]]:
        """Return the cached updates, and the keys of the others."""
        updates: dict[Key, Update] = {}
        missing: list[Key] = []
        for key in keys:
            update = self._cache.get(key)
            if update is None:
                missing.append(key)
            else:
                updates[key] = update
        return updates, missing


def _ahead_of(claims: Sequence[Claim]) -> list[int]:
    """Return the subscriptions that are waiting for the hosts of claims and get their slots next."""
    hosts = {claim.host for claim in claims if claim.host.parked}
    return [subscription for host in hosts if host.parked for subscription in host.parked.first(_AHEAD // len(hosts))]


def _keys(claims: Sequence[Claim]) -> set[Key]:
    """Return the updates of claims."""
    keys: set[Key] = set()
    log, sequence = None, 0
    for claim in claims:
        if claim.sequence != sequence or claim.log is not log:
            log, sequence = claim.log, claim.sequence
            keys.add((log.number, sequence))
    return keys
