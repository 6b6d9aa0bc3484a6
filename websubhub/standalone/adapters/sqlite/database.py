"""SQLite behind one thread: whatever is asked at the same time is committed together, with one fsync."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import anyio
from anyio.lowlevel import current_token

from websubhub.standalone.adapters.sqlite.files import FileLock, Reserve
from websubhub.standalone.adapters.sqlite.schema import MIGRATIONS, PRAGMAS
from websubhub.standalone.ports import DiskFullError, StoreClosedError, StoreError, StoreVersionError

T = TypeVar("T")
Connection = sqlite3.Connection
MEMORY = ":memory:"

_TOGETHER = 512  # writes in one commit at most
_NEWEST = len(MIGRATIONS)
_SQLITE_LEAST = (3, 35, 0)  # the first with RETURNING


class _Job:
    """Something to do on the connection, and who waits for it."""

    __slots__ = ("error", "event", "result", "then", "work")

    def __init__(self, work: Callable[[Connection], Any], then: Callable[[Any], None] | None) -> None:
        self.work = work
        self.then = then
        self.event = anyio.Event()
        self.result: Any = None
        self.error: Exception | None = None


class Database:
    """One SQLite file, an async context manager.

    SQLite before 3.51.3 may corrupt a file when two connections write or checkpoint at once, so that the one
    connection of the one thread does everything.

    Args:
        path: The file, or ``:memory:``.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = None if path == MEMORY else FileLock(Path(path))
        self._reserve = None if path == MEMORY else Reserve(Path(path))
        self._wanted = threading.Condition()
        self._writes: deque[_Job] = deque()
        self._settling: deque[_Job] = deque()
        self._reads: deque[_Job] = deque()
        self._open = False
        self._thread = threading.Thread(target=self._run, name="websubhub-sqlite", daemon=True)
        self._call_soon: Callable[..., object] = _nowhere

    async def __aenter__(self) -> Self:
        native: Any = current_token().native_token
        self._call_soon = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
        opened = _Job(_nothing, None)
        self._reads.append(opened)
        self._open = True
        self._thread.start()
        with anyio.CancelScope(shield=True):
            await opened.event.wait()
        if opened.error is not None:
            self._open = False
            self._thread.join()
            raise opened.error
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Do what was asked before, then close the file."""
        with self._wanted:
            self._open = False
            self._wanted.notify()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.join)

    async def write(self, work: Callable[[Connection], T], then: Callable[[T], None] | None = None) -> T:
        """Run ``work`` in a transaction; it is on disk on return.

        Args:
            work: What to do; it may run twice, when what shares its transaction fails.
            then: Called with the result on the event loop, for all writes in the order of their commits.

        Raises:
            DiskFullError: There is no space.
            StoreClosedError: The database was closed.
            StoreError: SQLite refused for another reason.
        """
        return await self._ask(self._writes, work, then)

    async def settle(self, work: Callable[[Connection], T], then: Callable[[T], None] | None = None) -> T:
        """``write`` for what frees or narrows: it comes after other writes, and may use the space kept in reserve."""
        return await self._ask(self._settling, work, then)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work``, which must not write, behind the writes asked before.

        Raises:
            StoreClosedError: The database was closed.
            StoreError: SQLite refused.
        """
        return await self._ask(self._reads, work, None)

    async def _ask(self, queue: deque[_Job], work: Callable[[Connection], T], then: Callable[[T], None] | None) -> T:
        job = _Job(work, then)
        with self._wanted:
            if not self._open:
                raise StoreClosedError("The database is closed.")
            queue.append(job)
            self._wanted.notify()
        await job.event.wait()
        if job.error is not None:
            raise job.error
        return cast("T", job.result)

    # --- on the event loop, called by the thread ----------------------------------------------------------------------

    @staticmethod
    def _land(jobs: list[_Job]) -> None:
        for job in jobs:
            if job.then is not None and job.error is None:
                job.then(job.result)
            job.event.set()

    # --- on the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        opened = self._reads.popleft()
        try:
            connection = self._connect()
        except StoreError as error:
            opened.error = error
            self._answer([opened])
            return
        self._answer([opened])
        try:
            while self._wait():
                self._round(connection)
        finally:
            connection.close()
            self._leave()

    def _wait(self) -> bool:
        with self._wanted:
            while not (self._writes or self._settling or self._reads):
                if not self._open:
                    return False
                self._wanted.wait()
            return True

    def _round(self, connection: Connection) -> None:
        writes = [self._writes.popleft() for _ in range(min(len(self._writes), _TOGETHER))]
        if writes:
            self._write(connection, writes)
            self._answer(writes)
        for queue in (self._settling, self._reads):
            if queue:
                job = queue.popleft()
                self._commit(connection, [job])
                self._answer([job])

    def _write(self, connection: Connection, jobs: list[_Job]) -> None:
        if self._reserve is None or self._reserve.restore():
            self._commit(connection, jobs)
            return
        _empty_log(connection)
        for job in jobs:
            job.error = _disk_full()

    def _commit(self, connection: Connection, jobs: list[_Job]) -> None:
        """One transaction for all jobs; when it fails, one for each, so that only those fail that must."""
        try:
            connection.execute("BEGIN")
            for job in jobs:
                job.result = job.work(connection)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if len(jobs) > 1:
                for job in jobs:
                    self._commit(connection, [job])
            else:
                jobs[0].error = self._translate(connection, error)

    def _translate(self, connection: Connection, error: Exception) -> Exception:
        if not isinstance(error, sqlite3.Error):
            return error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            if self._reserve is not None:
                self._reserve.release()
            _empty_log(connection)
            return _disk_full()
        return StoreError(f"The database {self._path} failed: {error}.")

    def _answer(self, jobs: list[_Job]) -> None:
        try:
            self._call_soon(self._land, jobs)
        except RuntimeError:
            # The event loop has ended, and with it everybody who waited.
            return

    def _connect(self) -> Connection:
        if sqlite3.sqlite_version_info < _SQLITE_LEAST:
            raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old, 3.35 or newer is needed.")
        if self._lock is not None and self._reserve is not None:
            self._lock.acquire()
            self._reserve.restore()
        try:
            connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=256)
            for pragma in PRAGMAS:
                connection.execute(pragma).fetchall()
            self._migrate(connection)
        except sqlite3.Error as error:
            self._leave()
            raise StoreError(f"The database {self._path} cannot be opened: {error}.") from None
        except StoreError:
            self._leave()
            raise
        return connection

    def _migrate(self, connection: Connection) -> None:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _NEWEST:
            raise StoreVersionError(f"The database {self._path} was written by a newer version of websubhub.")
        for number in range(version, _NEWEST):
            connection.executescript(f"BEGIN; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT;")

    def _leave(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _empty_log(connection: Connection) -> None:
    """Give the space of the write-ahead log back, as far as the disk lets it be written to the file."""
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _disk_full() -> DiskFullError:
    return DiskFullError("The disk has no space for more updates.")


def _nothing(_connection: Connection) -> None:
    """What the thread is asked first, to say when the file is open."""


def _nowhere(*_arguments: object) -> None:
    """Stands in until the event loop is known."""
