"""Subscriptions in a SQLite file, so that they survive the process (the only module that imports sqlite3)."""

import functools
import math
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import anyio
import anyio.to_thread
import attrs

from _websub.errors import WebSubError
from _websub.grammar.signature import check_secret
from _websub.grammar.urls import check_url
from websubsub import _clock
from websubsub._state import lock as _state_lock
from websubsub._state.state import Subscription

T = TypeVar("T")

SCHEMA_VERSION = 2
_APPLICATION_ID = 0x57537362  # "WSsb", by which file(1) and other programs recognise the database
_BUSY_SECONDS = 5.0
_COLUMNS = tuple(field.name for field in attrs.fields(Subscription))
_CREATE = """
CREATE TABLE IF NOT EXISTS subscription (
    callback TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    hub TEXT NOT NULL,
    topic TEXT NOT NULL,
    state TEXT NOT NULL,
    secret TEXT,
    next_secret TEXT,
    old_secret TEXT,
    old_secret_until REAL NOT NULL,
    verified_at REAL,
    expires_at REAL
) STRICT
"""
# The start of the clock in the process that wrote the times, so that another process can convert them to its own clock
# even if the time was set in between.
_CREATE_CLOCK = "CREATE TABLE IF NOT EXISTS clock (boot TEXT PRIMARY KEY, start REAL NOT NULL) STRICT"
_SHIFT = """
UPDATE subscription SET
    verified_at = verified_at + :by, expires_at = expires_at + :by, old_secret_until = old_secret_until + :by
"""
_SAVE = """
INSERT OR REPLACE INTO subscription VALUES (
    :callback, :target, :hub, :topic, :state, :secret, :next_secret, :old_secret, :old_secret_until, :verified_at,
    :expires_at
)
"""


class StateError(WebSubError, ValueError):
    """The state cannot be stored in this place. The message says why."""


class StateFile:
    """A store in a file that only its owner can read, since it contains secrets and callbacks.

    Args:
        path: The file. It is created if it does not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._connection: sqlite3.Connection | None = None
        self._lock: Path | None = None
        self._turn: anyio.Lock | None = None

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            StateError: The file cannot be opened or written, is not a state file, is damaged, is of a newer version, or
                is open in another process.
        """
        self._turn = anyio.Lock()
        await anyio.to_thread.run_sync(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._close)

    def _open(self) -> None:
        try:
            self._lock = _state_lock.acquire(self._path)
            self._connection = _connect(self._path)
        except BlockingIOError:
            raise StateError(f"The state file {self._path} is open in another process.") from None
        except (OSError, sqlite3.Error, StateError) as error:
            self._close()
            if isinstance(error, StateError):
                raise
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise StateError(f"The state file {self._path} cannot be used: {reason}.") from error

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            _state_lock.release(lock)

    async def load(self) -> Sequence[Subscription]:
        """Return all subscriptions, the oldest first.

        Raises:
            StateError: The file is damaged, or has a value that no version writes.
        """
        return await self._run(_load)

    async def save(self, subscription: Subscription) -> None:
        """Save a subscription. It is on disk when this returns.

        Raises:
            StateError: The file cannot be written.
        """
        row = {**attrs.asdict(subscription), "state": subscription.state.value}
        await self._run(lambda connection: connection.execute(_SAVE, row).close())

    async def delete(self, subscription: Subscription) -> None:
        """Delete a subscription.

        Raises:
            StateError: The file cannot be written.
        """
        statement = "DELETE FROM subscription WHERE callback = ?"
        await self._run(lambda connection: connection.execute(statement, (subscription.callback,)).close())

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None or self._turn is None:
            raise RuntimeError("The state file is not open.")
        async with self._turn:
            try:
                return await anyio.to_thread.run_sync(functools.partial(work, self._connection))
            except (sqlite3.Error, ValueError, TypeError) as error:
                raise StateError(f"The state file {self._path} cannot be used: {error}.") from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        _check_owner(connection, path)
        if version > SCHEMA_VERSION:
            raise StateError(f"The state file {path} was written by a newer version.")
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise StateError(f"The state file {path} is damaged: {' '.join(found.split())}.")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_CREATE)
        connection.execute(_CREATE_CLOCK)
        _convert_times(connection)
        # Written at every start, so that a full disk is noticed at once.
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    tables = {name for name in tables if not name.startswith("sqlite_")}  # for example those of ANALYZE
    columns = tuple(row[1] for row in connection.execute("PRAGMA table_info(subscription)"))
    # The first version had no application id, but its table distinguishes it from other programs' databases.
    mine = owner == _APPLICATION_ID or (not owner and tables <= {"subscription", "clock"})
    if not mine or (columns and columns != _COLUMNS):
        raise StateError(f"The state file {path} belongs to another program.")


def _convert_times(connection: sqlite3.Connection) -> None:
    """Convert the stored times to the clock of this process, unless the machine was rebooted in between."""
    boot = _clock.boot()
    row = connection.execute("SELECT start FROM clock WHERE boot = ?", (boot,)).fetchone() if boot else None
    if row is not None:
        connection.execute(_SHIFT, {"by": _clock.START - row[0]})
    connection.execute("DELETE FROM clock")
    connection.execute("INSERT INTO clock VALUES (?, ?)", (boot, _clock.START))


def _load(connection: sqlite3.Connection) -> list[Subscription]:
    with closing(connection.execute("SELECT * FROM subscription ORDER BY rowid")) as rows:
        return [_checked(Subscription(**dict(zip(_COLUMNS, row, strict=True)))) for row in rows]


def _checked(kept: Subscription) -> Subscription:
    """Check a stored subscription, and return it unchanged.

    Raises:
        ValueError: The subscription has a value that no version writes.
    """
    for name, url in (("callback", kept.callback), ("hub", kept.hub), ("topic", kept.topic)):
        check_url(url, f"The {name} of a subscription")
    for secret in (kept.secret, kept.next_secret, kept.old_secret):
        if secret is not None:
            check_secret(secret)
    times = [kept.old_secret_until, *(time for time in (kept.verified_at, kept.expires_at) if time is not None)]
    if not all(map(math.isfinite, times)) or (kept.verified_at is None) is not (kept.expires_at is None):
        raise ValueError("The lease of a subscription is not valid.")
    return kept
