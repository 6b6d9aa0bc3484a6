"""Subscriptions in a SQLite file, so that they survive the process (the door of sqlite3)."""

import functools
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import anyio
import anyio.to_thread
import attrs

from websubsub._state import Subscription

T = TypeVar("T")

SCHEMA_VERSION = 1
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
_SAVE = """
INSERT OR REPLACE INTO subscription VALUES (
    :callback, :target, :hub, :topic, :state, :secret, :next_secret, :old_secret, :old_secret_until, :verified_at,
    :expires_at
)
"""


class StateError(ValueError):
    """The place for the state cannot be used; the text says why."""


class StateFile:
    """Keeps subscriptions in a file that only its owner can read, since it has secrets and callbacks.

    Args:
        path: The file; it is made when it is not there.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._connection: sqlite3.Connection | None = None
        self._turn: anyio.Lock | None = None

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            StateError: It cannot be opened, is no state file, or is of a newer version.
        """
        self._turn = anyio.Lock()
        try:
            self._connection = await anyio.to_thread.run_sync(self._open)
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"The state file {self._path} cannot be used: {error}.") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(connection.close)

    def _open(self) -> sqlite3.Connection:
        # SQLite gives its journal the mode of the file, which is why the file has to be there first.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise StateError(f"The state file {self._path} was written by a newer version.")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_CREATE)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except BaseException:
            connection.close()
            raise
        return connection

    async def load(self) -> Sequence[Subscription]:
        """All subscriptions, the oldest first."""
        return await self._run(_load)

    async def save(self, subscription: Subscription) -> None:
        """Keep a subscription; on disk when this returns."""
        row = {**attrs.asdict(subscription), "state": subscription.state.value}
        await self._run(lambda connection: connection.execute(_SAVE, row).close())

    async def delete(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        statement = "DELETE FROM subscription WHERE callback = ?"
        await self._run(lambda connection: connection.execute(statement, (subscription.callback,)).close())

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None or self._turn is None:
            raise RuntimeError("The state file is not open.")
        async with self._turn:
            return await anyio.to_thread.run_sync(functools.partial(work, self._connection))


def _load(connection: sqlite3.Connection) -> list[Subscription]:
    with closing(connection.execute("SELECT * FROM subscription ORDER BY rowid")) as rows:
        return [Subscription(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]
