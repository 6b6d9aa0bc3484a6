"""The database file: opening, migration, transactions and closing. This is the only module that imports sqlite3."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from websubhub.standalone.adapters.sqlite import rows
from websubhub.standalone.adapters.sqlite.file.files import FileLock, InUse, Reserve
from websubhub.standalone.adapters.sqlite.file.schema import FUNCTIONS, MIGRATIONS, PRAGMAS
from websubhub.standalone.ports import DiskFullError, StoreError, StoreVersionError

Connection = sqlite3.Connection
Outcome = tuple[Any, Exception | None]
"""The result of a job, and its error."""

MEMORY = ":memory:"

_NEWEST = len(MIGRATIONS)
_APPLICATION_ID = 0x57536862  # "WShb", which tells file(1) and other programs whose database it is
_TABLES = {"topics", "subscriptions", "positions", "updates", "verifications"}
_SQLITE_LEAST = (3, 35, 0)  # the first with RETURNING


class DatabaseFile:
    """One connection to one file, used by one thread.

    There is only one because SQLite before 3.51.3 may corrupt a file when two connections write or checkpoint at once.

    Args:
        path: The file, or ``:memory:``.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = None if path == MEMORY else FileLock(Path(path))
        self._reserve = None if path == MEMORY else Reserve(Path(path))
        self._files = () if path == MEMORY else (InUse(Path(path)), InUse(Path(f"{path}-wal")))

    def open(self) -> Connection:
        """Lock the file for this process, and migrate it to the newest version.

        Raises:
            StoreLockedError: Another process has the file open.
            StoreVersionError: A newer version wrote the file.
            StoreError: The file cannot be opened.
        """
        if sqlite3.sqlite_version_info < _SQLITE_LEAST:
            raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: version 3.35 or newer is needed.")
        if self._lock is not None and self._reserve is not None:
            self._lock.acquire()
            self._reserve.restore()
        try:
            return self._connect()
        except sqlite3.Error as error:
            self._release()
            raise StoreError(f"The database {self._path} cannot be opened: {error}.") from None
        except StoreError:
            self._release()
            raise

    def close(self, connection: Connection) -> None:
        """Close the connection, which empties the write-ahead log, and unlock the file."""
        connection.close()
        self._release()

    def has_room(self, connection: Connection) -> bool:
        """Return whether there is space for more than operations that free space."""
        if self._reserve is None or self._reserve.restore():
            return True
        _empty_log(connection)
        return self._reserve.restore()

    def check_presence(self) -> None:
        """Check that the file still exists, so that what is written now will not be lost.

        Raises:
            StoreError: The file no longer exists.
        """
        for file in self._files:
            if not file.is_there():
                raise StoreError(f"The database {self._path} was removed or replaced while it was in use.")

    def transact(self, connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Outcome]:
        """Run all jobs in one transaction. If it fails, run each in its own, so that only the faulty ones fail."""
        try:
            connection.execute("BEGIN")
            outcomes: list[Outcome] = [(work(connection), None) for work in works]
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - it is raised to the caller
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if len(works) == 1:
                if is_bad_text(error) and connection.text_factory is str:
                    return self._transact_lenient(connection, works)
                return [(None, self._translate(connection, error))]
            return [self.transact(connection, [work])[0] for work in works]
        return outcomes

    def read(self, connection: Connection, work: Callable[[Connection], Any]) -> Outcome:
        """Run a job that does not write. Nobody else writes meanwhile, so it needs a transaction only if it fails."""
        try:
            return work(connection), None
        except Exception:  # noqa: BLE001 - it is run again, and then raised to the caller
            return self.transact(connection, [work])[0]

    def _transact_lenient(self, connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Outcome]:
        """Run the jobs again, reading invalid UTF-8 as surrogates, so that one bad row does not hide the others."""
        connection.text_factory = _lenient_text
        try:
            return self.transact(connection, works)
        finally:
            connection.text_factory = str

    def _translate(self, connection: Connection, error: Exception) -> Exception:
        if isinstance(error, rows.UNREADABLE):
            return StoreError(f"The database {self._path} contains something that cannot be read: {error!r}.")
        if not isinstance(error, sqlite3.Error):
            return error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            if self._reserve is not None:
                self._reserve.release()
            _empty_log(connection)
            return disk_full()
        return StoreError(f"The database {self._path} failed: {error}.")

    def _connect(self) -> Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=256)
        try:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            self._check_owner(connection, version)
            if version > _NEWEST:
                raise StoreVersionError(f"The database {self._path} was written by a newer version of websubhub.")
            for pragma in PRAGMAS:
                connection.execute(pragma).fetchall()
            for name, function in FUNCTIONS.items():
                connection.create_function(name, 1, function, deterministic=True)
            for number in range(version, _NEWEST):
                connection.executescript(
                    f"BEGIN; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; "
                    f"PRAGMA application_id = {_APPLICATION_ID}; COMMIT;"
                )
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_owner(self, connection: Connection, version: int) -> None:
        owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        # The first version had no application id, but its tables distinguish it from other programs' databases.
        ours = owner == _APPLICATION_ID or (not owner and (not tables or (version > 0 and tables >= _TABLES)))
        if not ours:
            raise StoreError(f"The database {self._path} belongs to another program.")

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _lenient_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def is_about_values(error: Exception) -> bool:
    """Return whether an error is about the values of a row, not about the database or its disk.

    A damaged page counts, since its content is lost and retrying does not bring it back.
    """
    if is_bad_text(error):
        return True
    if isinstance(error, sqlite3.Error):
        code: int = getattr(error, "sqlite_errorcode", 0)
        return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}  # the statements themselves are correct
    return isinstance(error, rows.UNREADABLE)


def is_bad_text(error: Exception) -> bool:
    """Return whether a row could not be read because a text in it is not UTF-8."""
    return isinstance(error, sqlite3.OperationalError) and "decode to UTF-8" in str(error)


def touch(connection: Connection) -> None:
    """Write to the file without changing its content."""
    connection.execute(f"PRAGMA user_version = {_NEWEST}")


def disk_full() -> DiskFullError:
    """Return the error for a write that has no space."""
    return DiskFullError("The disk has no space for more updates.")


def _empty_log(connection: Connection) -> None:
    """Free the space of the write-ahead log, as far as the disk has space to write it to the file."""
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
