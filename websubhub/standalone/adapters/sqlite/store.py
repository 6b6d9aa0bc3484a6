"""The SQLite store as a whole: opening, loading, running and closing it."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from websubhub.standalone.adapters.sqlite.announcements import SqliteAnnouncements
from websubhub.standalone.adapters.sqlite.file.database import Connection, touch
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.file.timekeeping import Timekeeper
from websubhub.standalone.adapters.sqlite.journal import SqliteJournal
from websubhub.standalone.adapters.sqlite.letters import SqliteLetters
from websubhub.standalone.adapters.sqlite.loading import load
from websubhub.standalone.adapters.sqlite.messages.retention import Retention
from websubhub.standalone.adapters.sqlite.messages.store import SqliteMessages
from websubhub.standalone.adapters.sqlite.subscriptions import SqliteSubscriptions
from websubhub.standalone.adapters.sqlite.topics import SqliteTopics
from websubhub.standalone.adapters.sqlite.verifications import SqliteVerifications
from websubhub.standalone.broker.broker import Broker
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.clock import HubClock
from websubhub.standalone.ports import StoreError
from websubhub.standalone.schedule.limits import DeliveryLimits


class SqliteStore:
    """Satisfies ``HubStore``: an async context manager over one file, which no other process may have open.

    Args:
        path: The file. The file and its companions are created if missing, readable only by their owner.
        limits: The limits of deliveries.
        clock: Returns the time, in seconds since 1970. With a ``HubClock``, setting the wall clock does not affect
            leases and retries.

    Attributes:
        clock: The clock of everything in the store.

    Raises:
        StoreLockedError: Another process has the file open.
        StoreVersionError: A newer version wrote the file.
        StoreError: The file cannot be opened.
    """

    def __init__(
        self, path: str, *, limits: DeliveryLimits | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.clock = clock
        self._stack = AsyncExitStack()
        self._database = Database(path)
        self._timekeeper = Timekeeper(self._database, clock) if isinstance(clock, HubClock) else None
        self._ledger = Ledger(limits or DeliveryLimits(), clock)
        self._retention = Retention(self._database, self._ledger)
        self.broker: Broker = Broker(self._ledger, SqliteJournal(self._database, self._ledger, self._retention))
        self.messages: SqliteMessages = SqliteMessages(self._database, self._ledger, self._retention, self.broker.flush)
        self.letters: SqliteLetters = SqliteLetters(self._database, self.broker.flush)
        self.topics: SqliteTopics = SqliteTopics(self._database, self._ledger.members)
        self.subscriptions: SqliteSubscriptions = SqliteSubscriptions(self._database, self._ledger.members, clock)
        self.announcements: SqliteAnnouncements = SqliteAnnouncements(self._database, clock)
        self.verifications: SqliteVerifications = SqliteVerifications(self._database, clock)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._database)
            if self._timekeeper is not None:
                await stack.enter_async_context(self._timekeeper.running())
            await load(self._database, self._ledger)
            await self._retention.load()
            await stack.enter_async_context(self.broker.running())
            self._stack = stack.pop_all()
        return self

    async def examine(self) -> None:
        """Check that the file is intact.

        Raises:
            StoreError: The file is damaged. The message says how.
        """

        def work(connection: Connection) -> list[str]:
            return [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]

        found = await self._database.read(work)
        if found != ["ok"]:
            raise StoreError(f"The database is damaged: {'; '.join(found)}.")

    async def check_writable(self) -> None:
        """Check that the store can write now, by writing.

        Raises:
            StoreError: The store cannot write. The message says why.
        """
        await self._database.write(touch)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write all settlements and close the file, even if the block is cancelled."""
        await self._stack.__aexit__(exc_type, exc, traceback)
