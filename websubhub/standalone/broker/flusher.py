"""Brings the outcomes of deliveries to the journal, some milliseconds' worth at a time."""

import logging

import anyio

from websubhub.standalone.broker.desk import Desk
from websubhub.standalone.broker.journal import Journal
from websubhub.standalone.broker.settlements import Settlements
from websubhub.standalone.ports import StoreError

_TOGETHER_SECONDS = 0.02  # what a crash in between repeats
_AGAIN_SECONDS = 1.0
_UNWRITTEN_MOST = 100_000

_log = logging.getLogger(__name__)


class Flusher:
    """Writes settlements in the background; those that cannot be written are kept and written later.

    Args:
        journal: Where to.
        desk: Where they come from.
    """

    def __init__(self, journal: Journal, desk: Desk) -> None:
        self._journal = journal
        self._desk = desk
        self._lock = anyio.Lock()
        self._unwritten: list[Settlements] = []

    def is_behind(self) -> bool:
        """Return whether so much is unwritten that nothing more should be claimed."""
        return sum(unwritten.count for unwritten in self._unwritten) > _UNWRITTEN_MOST

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            if not self._desk.settlements.count and not self._unwritten:
                await self._desk.unwritten.wait(_AGAIN_SECONDS)
            await anyio.sleep(_TOGETHER_SECONDS)
            try:
                await self.flush()
            except StoreError as error:
                _log.warning("Outcomes of deliveries could not be written and will be written later: %s", error)
                await anyio.sleep(_AGAIN_SECONDS)

    async def flush(self) -> None:
        """Write every outcome there is.

        Raises:
            StoreError: They could not be written, and are kept.
        """
        if self._desk.settlements.count:
            self._unwritten.append(self._desk.take())
        if not self._unwritten:
            return
        with anyio.CancelScope(shield=True):
            async with self._lock:
                writing = self._unwritten.copy()
                if writing:
                    await self._journal.settle(writing)
                    del self._unwritten[: len(writing)]
