"""The journal of a broker in SQLite: a row for each update, and a position for each subscription."""

from collections.abc import Collection, Sequence
from functools import partial

import anyio.lowlevel

from websubhub.standalone.adapters.sqlite.counts import correct_recipients
from websubhub.standalone.adapters.sqlite.failing import read_failing
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.file.space import free_pages
from websubhub.standalone.adapters.sqlite.file.thread import Database
from websubhub.standalone.adapters.sqlite.letters import delete_letters, mark_replaying, read_letters
from websubhub.standalone.adapters.sqlite.messages.attempts import size_of
from websubhub.standalone.adapters.sqlite.messages.retention import Retention
from websubhub.standalone.adapters.sqlite.outcomes import write_settlements
from websubhub.standalone.adapters.sqlite.publish_keys import append_once
from websubhub.standalone.adapters.sqlite.reading import read_needed
from websubhub.standalone.adapters.sqlite.updates import AppendedUpdate, append_update, delete_updates, oldest_published
from websubhub.standalone.broker.journal import Appended
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.broker.needed import Needed
from websubhub.standalone.broker.settlements import Settlements
from websubhub.standalone.ports import (
    DeadLetter,
    DeliveryFilter,
    FailingDelivery,
    FailingPlace,
    PublishKey,
    Update,
)
from websubhub.standalone.schedule.claims import Key
from websubhub.standalone.schedule.members import Admission

_PAUSE = "INSERT OR IGNORE INTO paused_hosts VALUES (?)"
_RESUME = "DELETE FROM paused_hosts WHERE host = ?"


class SqliteJournal:
    """Satisfies ``Journal``.

    Args:
        database: The database.
        ledger: Notified of what was committed.
        retention: Decides which updates are kept as messages.
    """

    def __init__(self, database: Database, ledger: Ledger, retention: Retention) -> None:
        self._database = database
        self._ledger = ledger
        self._retention = retention

    async def append(
        self, update: Update, key: PublishKey | None = None, outcomes: Settlements | None = None
    ) -> Appended:
        """Append an update to the log of its topic, unless one with the same key was accepted within a day."""
        await self._database.unhurried.catch_up()  # otherwise a confirmed subscription might still be missing
        now = self._ledger.clock()
        members = self._ledger.members  # the database thread only reads from it
        recipients = 0

        def work(connection: Connection) -> AppendedUpdate:
            if key is not None:
                return append_once(connection, update, key, now, members)
            return append_update(connection, update, members)

        def then(appended: AppendedUpdate) -> None:
            nonlocal recipients
            if appended.admission is Admission.TAKEN:
                self._retention.added(len(update.content))
                recipients = self._ledger.published(appended.update, *appended.position)

        along = None if outcomes is None else partial(write_settlements, settlements=outcomes, now=now)
        appended, settled = await self._database.write_along(work, then, along)
        if settled and outcomes is not None:
            self._retention.added_attempts(size_of(outcomes.attempts))
        if appended.admission is not Admission.TAKEN:
            return Appended(appended.update.id, appended.admission, settled, appended.recipients)
        if recipients != appended.recipients:
            correct = partial(correct_recipients, number=appended.number, recipients=recipients)
            await self._database.settle(correct)
        return Appended(appended.update.id, appended.admission, settled, recipients)

    async def read(self, updates: Collection[Key], subscriptions: Sequence[int], repeated: Sequence[int]) -> Needed:
        """Return the data that claims need."""
        return await self._database.read(lambda connection: read_needed(connection, updates, subscriptions, repeated))

    async def settle(self, settlements: Sequence[Settlements]) -> None:
        """Write all of these outcomes or none."""
        now = self._ledger.clock()

        def work(connection: Connection) -> None:
            for each in settlements:
                write_settlements(connection, each, now)

        await self._database.settle(work)
        self._retention.added_attempts(sum(size_of(each.attempts) for each in settlements))

    async def delete_updates(self, bounds: Sequence[Key]) -> int:
        """Delete the updates of topics up to and including these, except those of dead letters. Return how many."""
        await self._retention.expire()
        bounds = self._retention.bounds(bounds)
        deleted, more = 0, bool(bounds)
        while more:
            some = await self._database.settle(lambda connection: delete_updates(connection, bounds))
            self._retention.deleted([bound for bound in bounds if bound[0] not in some.left], some.newest)
            deleted, more = deleted + some.deleted, some.more
        while deleted and await self._database.settle(free_pages):
            await anyio.lowlevel.checkpoint()
        return deleted

    async def counts(self, owed: Sequence[Key]) -> tuple[int, float | None]:
        """Return the number of dead letters, and when the oldest of these updates was published, or None."""

        def work(connection: Connection) -> tuple[int, float | None]:
            dead: int = connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
            return dead, oldest_published(connection, owed)

        return await self._database.read(work)

    async def failing(self, only: DeliveryFilter, after: FailingPlace | None, limit: int) -> list[FailingDelivery]:
        """Return a page of the deliveries that failed and will be retried, next one first."""
        return await self._database.read(lambda connection: read_failing(connection, only, after, limit))

    async def dead_letters(self, after: int, limit: int) -> list[DeadLetter]:
        """Return a page of the dead letters, oldest first, after an id."""
        return await self._database.read(lambda connection: read_letters(connection, after, limit))

    async def replay(self, letters: Sequence[int]) -> int:
        """Mark these dead letters as replaying if their subscription is active."""
        now = self._ledger.clock()

        def then(rows: list[tuple[int, int, int, int]]) -> None:
            for row in rows:
                self._ledger.replaying(*row)

        rows = await self._database.write(lambda connection: mark_replaying(connection, letters, now), then)
        return len(rows)

    async def drop(self, letters: Sequence[int]) -> int:
        """Delete these dead letters."""

        def then(rows: list[tuple[int, int | None, int]]) -> None:
            for row in rows:
                self._ledger.dropped(*row)

        rows = await self._database.settle(lambda connection: delete_letters(connection, letters), then)
        return len(rows)

    async def hold_host(self, host: str, *, paused: bool) -> None:
        """Store that a host is paused or no longer paused."""
        await self._database.write(
            lambda connection: connection.execute(_PAUSE if paused else _RESUME, (host,)).rowcount,
            lambda _: self._ledger.host_held(host, paused=paused),
        )
