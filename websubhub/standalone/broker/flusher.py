"""Brings the outcomes of deliveries to the disk, some milliseconds' worth at a time."""

import logging

import anyio

from websubhub.standalone.adapters.sqlite.database import Connection
from websubhub.standalone.adapters.sqlite.thread import Database
from websubhub.standalone.broker.deliveries import Desk
from websubhub.standalone.broker.settlements import Settlements
from websubhub.standalone.ports import StoreError

_TOGETHER_SECONDS = 0.02  # what a crash in between repeats
_AGAIN_SECONDS = 1.0
_UNWRITTEN_MOST = 100_000

_log = logging.getLogger(__name__)


class Flusher:
    """Writes settlements in the background; those that cannot be written are kept and written later.

    Args:
        database: Where to.
        desk: Where they come from.
    """

    def __init__(self, database: Database, desk: Desk) -> None:
        self._database = database
        self._desk = desk
        self._lock = anyio.Lock()
        self._unwritten: list[Settlements] = []

    def is_behind(self) -> bool:
        """Whether so much is unwritten that nothing more should be claimed."""
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
                    await self._database.settle(lambda connection: _write(connection, writing))
                    del self._unwritten[: len(writing)]


def _write(connection: Connection, all_settlements: list[Settlements]) -> None:
    for settlements in all_settlements:
        settlements.write(connection)
