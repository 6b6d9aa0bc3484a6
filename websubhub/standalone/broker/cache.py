"""A cache of the most recently published or read updates."""

from collections import OrderedDict

from websubhub.standalone.ports import Update
from websubhub.standalone.schedule.claims import Key

_CACHE_BYTES = 32 * 1_048_576
#: Several times the number of concurrent deliveries. An update, especially a small one, takes more memory than its
#: content.
_CACHE_UPDATES = 2_048


class UpdateCache:
    """Updates by topic and sequence number, limited in number and in the size of their content."""

    def __init__(self) -> None:
        self._updates: OrderedDict[Key, Update] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Update | None:
        """Return an update, or None if it is not cached."""
        update = self._updates.get(key)
        if update is not None:
            self._updates.move_to_end(key)
        return update

    def put(self, key: Key, update: Update) -> None:
        """Cache an update, and evict the least recently used ones above the limits."""
        if key not in self._updates:
            self._updates[key] = update
            self._bytes += len(update.content)
        while len(self._updates) > 1 and (self._bytes > _CACHE_BYTES or len(self._updates) > _CACHE_UPDATES):
            _, dropped = self._updates.popitem(last=False)
            self._bytes -= len(dropped.content)
