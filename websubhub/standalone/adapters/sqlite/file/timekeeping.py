"""Carrying stored times over from the clock of one run of the hub to the clock of the next."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import attrs

from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.broker.background import in_background
from websubhub.standalone.clock import ClockReading, HubClock, seconds_between
from websubhub.standalone.ports import StoreError

log: logging.Logger = logging.getLogger("websubhub")

_LOOK_SECONDS = 5.0
_NOTE_SECONDS = 600.0
_TOLERANCE_SECONDS = 2.0  # a leap second, and the time between two readings
_TIMES = ("_at", "_until")
_COLUMNS = ", ".join(field.name for field in attrs.fields(ClockReading))


class Timekeeper:
    """Stores clock readings, and moves all stored times to the hub's clock when the hub starts.

    The clock of a run starts from the wall clock. If someone set the wall clock since the previous run, every stored
    time is moved by the same amount, so that leases and waits keep their remaining time.

    Args:
        database: The database.
        clock: The clock of this run.
    """

    def __init__(self, database: Database, clock: HubClock) -> None:
        self._database = database
        self._clock = clock
        self._noted = clock.read()

    async def begin(self) -> None:
        """Move the stored times before anything reads them."""
        now = self._clock.read()

        def work(connection: Connection) -> float:
            before = _noted(connection)
            moved = 0.0 if before is None else now.hub - before.hub - seconds_between(before, now)
            if abs(moved) > _TOLERANCE_SECONDS:
                _move(connection, moved)
            _note(connection, now)
            return moved

        moved = await self._database.settle(work)
        if abs(moved) > _TOLERANCE_SECONDS:
            log.warning("The wall clock was set by %+.0f s. Leases and retries were moved with it.", moved)
        self._noted = now

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry the times over, watch the wall clock during the block, and store the clocks at the end."""
        await self.begin()
        try:
            async with in_background(self._run):
                yield
        finally:
            with anyio.CancelScope(shield=True):
                await self.note()

    async def _run(self) -> None:
        while True:
            await anyio.sleep(_LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Store the clock readings if the wall clock was set, or if they have not been stored for a while."""
        now = self._clock.read()
        step = now.ahead - self._noted.ahead
        if abs(step) > _TOLERANCE_SECONDS:
            log.warning("The wall clock was set by %+.0f s. This does not affect leases and retries.", step)
        elif now.steady - self._noted.steady < _NOTE_SECONDS:
            return
        await self.note(now)

    async def note(self, now: ClockReading | None = None) -> None:
        """Store the clock readings."""
        reading = now or self._clock.read()
        try:
            await self._database.settle(lambda connection: _note(connection, reading))
        except StoreError as error:
            log.warning("The time could not be stored: %s", error)
        else:
            self._noted = reading


def _noted(connection: Connection) -> ClockReading | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM clock").fetchone()  # noqa: S608
    return ClockReading(**dict(zip(_COLUMNS.split(", "), row, strict=True))) if row else None


def _note(connection: Connection, reading: ClockReading) -> None:
    connection.execute("DELETE FROM clock")
    connection.execute(f"INSERT INTO clock ({_COLUMNS}) VALUES (?, ?, ?, ?)", attrs.astuple(reading))  # noqa: S608


def _move(connection: Connection, seconds: float) -> None:
    """Add seconds to every stored time, which are the columns with the suffixes above."""
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")') if row[1].endswith(_TIMES)]
        if columns:
            changes = ", ".join(f'"{column}" = "{column}" + :seconds' for column in columns)
            connection.execute(f'UPDATE "{table}" SET {changes}', {"seconds": seconds})  # noqa: S608 - names of our own
