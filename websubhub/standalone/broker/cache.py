"""The updates that were published or read last."""

from collections import OrderedDict

from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Key

_CACHE_BYTES = 32 * 1_048_576


class UpdateCache:
    """Updates by topic and sequence number, bounded by the size of their content."""

    def __init__(self) -> None:
        self._updates: OrderedDict[Key, Update] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Update | None:
        """Return an update, if it is here."""
        update = self._updates.get(key)
        if update is not None:
            self._updates.move_to_end(key)
        return update

    def put(self, key: Key, update: Update) -> None:
        """Cache an update, evicting the least recently used."""
        if key not in self._updates:
            self._updates[key] = update
            self._bytes += len(update.content)
        while self._bytes > _CACHE_BYTES and len(self._updates) > 1:
            _, dropped = self._updates.popitem(last=False)
            self._bytes -= len(dropped.content)
