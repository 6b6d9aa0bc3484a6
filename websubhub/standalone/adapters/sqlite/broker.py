"""Content distribution on SQLite: one row for an update, and a position for each subscription."""

import logging
from collections.abc import Callable, Sequence

import anyio
import anyio.lowlevel

from websubhub.standalone.adapters.sqlite.bell import Bell
from websubhub.standalone.adapters.sqlite.database import Connection, Database
from websubhub.standalone.adapters.sqlite.deliveries import ClaimedDelivery, Desk
from websubhub.standalone.adapters.sqlite.flusher import Flusher
from websubhub.standalone.adapters.sqlite.letters import delete_letters, mark_replaying, read_failing, read_letters
from websubhub.standalone.adapters.sqlite.recipients import Recipients
from websubhub.standalone.adapters.sqlite.reclaiming import Reclaimer, oldest_position
from websubhub.standalone.adapters.sqlite.updates import Admission, Key, append_update, oldest_published
from websubhub.standalone.ports import (
    BacklogFullError,
    DeadLetter,
    FailingDelivery,
    HostState,
    Statistics,
    StoreError,
    Update,
)
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.claims import Claim
from websubhub.standalone.schedule.columns import ENDED
from websubhub.standalone.schedule.members import Members
from websubhub.standalone.schedule.outcomes import Outcomes
from websubhub.standalone.schedule.turns import Turns

_LOOK_AGAIN_SECONDS = 1.0  # the wall clock may jump
_TOPICS_LOOKED_AT = 1000

_log = logging.getLogger(__name__)


class SqliteBroker:
    """Satisfies ``ContentBroker``.

    Args:
        database: Where updates, positions and dead letters are kept.
        board: Who is owed what.
        clock: The wall clock.
    """

    def __init__(self, database: Database, board: Board, clock: Callable[[], float]) -> None:
        self._database = database
        self._board = board
        self._clock = clock
        self._members = Members(board)
        self._turns = Turns(board)
        self._bell = Bell()
        self._recipients = Recipients(database)
        self._desk = Desk(Outcomes(board), clock, self._bell.ring)
        self._flusher = Flusher(database, self._desk)
        self._reclaimer = Reclaimer(database, board, self._flusher)

    async def run(self) -> None:
        """Bring settlements to the disk until cancelled."""
        await self._flusher.run()

    def wake(self) -> None:
        """Say that a delivery may have become due."""
        self._bell.ring()

    def look_at(self, topic: int) -> None:
        """Say that a topic may have updates to delete."""
        self._reclaimer.look_at(topic)

    async def publish(self, update: Update) -> None:
        """Accept an update for every subscription that its topic has now; durable on return."""

        def then(appended: tuple[Admission, Key]) -> None:
            admission, (topic, sequence) = appended
            if admission is Admission.TAKEN:
                self._recipients.published((topic, sequence), update)
                self._members.publish(topic, sequence, self._clock())
                self._reclaimer.look_at(topic)
                self._bell.ring()

        admission, _ = await self._database.write(
            lambda connection: append_update(connection, update, self._admit), then
        )
        if admission is Admission.FULL:
            raise BacklogFullError(f"More than {self._board.limits.waiting} deliveries would be waiting.")

    async def claim(self, limit: int) -> Sequence[ClaimedDelivery]:
        """Wait until deliveries are due and take 1 to ``limit`` of them."""
        if limit < 1:
            raise ValueError("At least 1 delivery must be claimed.")
        while True:
            if self._flusher.is_behind():
                await self._flusher.flush()
            claims = self._turns.take(limit, self._clock())
            if claims:
                deliveries = await self._read(claims)
                if deliveries:
                    return deliveries
            else:
                await self._wait()

    async def flush(self) -> None:
        """Return once every settlement made so far is durable."""
        await self._flusher.flush()

    async def statistics(self) -> Statistics:
        """The counts of this moment."""
        board = self._board
        behind = [log for log in board.logs.values() if log.waiting][:_TOPICS_LOOKED_AT]
        keys = [(log.number, await oldest_position(log) + 1) for log in behind]

        def work(connection: Connection) -> tuple[int, float | None]:
            dead: int = connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
            return dead, oldest_published(connection, keys)

        dead_letters, oldest = await self._database.read(work)
        return Statistics(
            topics=len(board.logs),
            subscriptions=board.subscriptions,
            waiting=board.waiting,
            in_flight=board.in_flight,
            retrying=board.retrying,
            dead_letters=dead_letters,
            oldest_published_at=oldest,
        )

    async def failing(self, *, limit: int = 100) -> list[FailingDelivery]:
        """The deliveries that failed and will be tried again, the next one first."""
        await self._flusher.flush()
        return await self._database.read(lambda connection: read_failing(connection, limit))

    async def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """A page of the dead letters, the oldest first."""
        await self._flusher.flush()
        return await self._database.read(lambda connection: read_letters(connection, after, limit))

    async def replay(self, letters: Sequence[int]) -> int:
        """Try these dead letters once more, soon; one that fails again stays."""
        now = self._clock()

        def then(rows: list[tuple[int, int, int, int]]) -> None:
            for row in rows:
                self._members.replay(*row)
            self._bell.ring()

        rows = await self._database.write(lambda connection: mark_replaying(connection, letters, now), then)
        return len(rows)

    async def drop(self, letters: Sequence[int]) -> int:
        """Forget these dead letters. Returns how many there were."""

        def then(rows: list[tuple[int, int | None, int]]) -> None:
            for topic, subscription, letter in rows:
                self._reclaimer.look_at(topic)
                if subscription is not None:
                    self._members.drop_letter(topic, subscription, letter)

        rows = await self._database.settle(lambda connection: delete_letters(connection, letters), then)
        return len(rows)

    async def pause_host(self, host: str) -> None:
        """Hold back every delivery to this host until it is resumed."""
        statement = "INSERT OR IGNORE INTO paused_hosts VALUES (?)"
        await self._database.write(
            lambda connection: connection.execute(statement, (host.lower(),)).rowcount,
            lambda _: self._board.hosts.pause(host.lower()),
        )

    async def resume_host(self, host: str) -> None:
        """Deliver to this host again, at once."""

        def then(_: int) -> None:
            self._board.hosts.resume(host.lower())
            self._bell.ring()

        statement = "DELETE FROM paused_hosts WHERE host = ?"
        await self._database.write(lambda connection: connection.execute(statement, (host.lower(),)).rowcount, then)

    async def hosts(self, *, limit: int = 100) -> list[HostState]:
        """The hosts that are paused, failing or busy, in this order."""
        await anyio.lowlevel.checkpoint()
        return self._board.hosts.states(limit)

    async def reclaim(self) -> int:
        """Delete the updates that nobody is owed any more. Returns how many."""
        return await self._reclaimer.reclaim()

    def _admit(self, topic: int) -> Admission:
        # Called on the thread of the database: it reads two numbers and changes nothing.
        log = self._board.logs.get(topic)
        if log is None or not log.active:
            return Admission.NOBODY
        return Admission.FULL if self._members.would_exceed(topic) else Admission.TAKEN

    async def _read(self, claims: list[Claim]) -> list[ClaimedDelivery]:
        """Claims with their updates and callbacks. Those whose subscription was removed meanwhile are left out."""
        try:
            with anyio.CancelScope(shield=True):
                if any(claim.repeated for claim in claims):
                    await self._flusher.flush()
                found = await self._recipients.read(claims)
        except StoreError:
            for claim in claims:
                self._turns.put_back(claim, self._clock())
            raise
        self._board.hosts.name({claim.host: recipient[1] for claim, recipient in zip(claims, found, strict=True)})
        desk = self._desk
        deliveries = []
        for claim, (update, callback, secret, attempt) in zip(claims, found, strict=True):
            if update is None or callback is None:
                self._forget(claim)
            else:
                deliveries.append(ClaimedDelivery(desk, claim, update, callback, secret, attempt))
        return deliveries

    def _forget(self, claim: Claim) -> None:
        """Drop a claim whose subscription, or for whatever reason whose update, is not there any more."""
        if claim.segment.states[claim.index] != ENDED:
            _log.error("An update that was owed to a subscription is missing in the database.")
        self._desk.done(claim)

    async def _wait(self) -> None:
        now = self._clock()
        time = self._turns.next_time(now)
        if time is not None and time <= now:
            await anyio.lowlevel.checkpoint()
        else:
            seconds = _LOOK_AGAIN_SECONDS if time is None else min(time - now, _LOOK_AGAIN_SECONDS)
            await self._bell.wait(seconds)
