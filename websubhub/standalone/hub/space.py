"""Detecting a full disk from the store's errors, and noticing when it has space again."""

from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.ports import DiskFullError, HubStore, StoreError


class Space:
    """Records when the disk becomes full, and when it has space again.

    Args:
        store: The store.
        events: Where to record that.
    """

    def __init__(self, store: HubStore, events: Events) -> None:
        self._store = store
        self._events = events
        self._full = False

    def note(self, error: StoreError) -> None:
        """Note an error of the store. Only a full disk matters here."""
        if isinstance(error, DiskFullError) and not self._full:
            self._full = True
            self._events.record(Kind.DISK_FULL, reason=str(error))

    async def look(self) -> None:
        """Check whether a full disk has space again."""
        if not self._full:
            return
        try:
            await self._store.check_writable()
        except StoreError:
            return
        self._full = False
        self._events.record(Kind.SPACE_AGAIN)
