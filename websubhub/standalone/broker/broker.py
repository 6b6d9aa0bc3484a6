"""Content distribution on SQLite: one row for an update, and a position for each subscription."""

from collections.abc import Callable, Iterable, Sequence

import anyio.lowlevel

from websubhub import canonical_authority
from websubhub.standalone.adapters.sqlite.database import Connection
from websubhub.standalone.adapters.sqlite.letters import delete_letters, mark_replaying, read_failing, read_letters
from websubhub.standalone.adapters.sqlite.publish_keys import append_once
from websubhub.standalone.adapters.sqlite.thread import Database
from websubhub.standalone.adapters.sqlite.updates import Key, append_update, oldest_published
from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.broker.claiming import Claimer
from websubhub.standalone.broker.deliveries import ClaimedDelivery, Desk
from websubhub.standalone.broker.flusher import Flusher
from websubhub.standalone.broker.recipients import Recipients
from websubhub.standalone.broker.reclaiming import Reclaimer, oldest_position
from websubhub.standalone.ports import (
    BacklogFullError,
    DeadLetter,
    FailingDelivery,
    HostState,
    PublishKey,
    Statistics,
    Update,
)
from websubhub.standalone.schedule.board import Board
from websubhub.standalone.schedule.members import Admission, Members
from websubhub.standalone.schedule.outcomes import Outcomes

_TOPICS_LOOKED_AT = 1000


class SqliteBroker:
    """Satisfies ``ContentBroker``.

    Args:
        database: Where updates, positions and dead letters are kept.
        board: Who is owed what.
        clock: The hub's clock.
        bell: Rings when a delivery may have become due.
    """

    def __init__(self, database: Database, board: Board, clock: Callable[[], float], bell: Bell) -> None:
        self._database = database
        self._board = board
        self._clock = clock
        self._members = Members(board)
        self._bell = bell
        self._recipients = Recipients(database)
        desk = Desk(Outcomes(board), clock, bell.ring)
        self._flusher = Flusher(database, desk)
        self._claimer = Claimer(board, self._recipients, desk, self._flusher, clock, bell)
        self._reclaimer = Reclaimer(database, board, self._flusher)

    async def run(self, topics: Iterable[int]) -> None:
        """Bring settlements to the disk until cancelled.

        Args:
            topics: Those that had updates on the disk at the start.
        """
        for topic in topics:
            self._reclaimer.look_at(topic)
        await self._flusher.run()

    async def publish(self, update: Update, key: PublishKey | None = None) -> str:
        """Accept an update for every subscription that its topic has now; durable on return."""
        now = self._clock()

        def work(connection: Connection) -> tuple[Update, Admission, Key]:
            if key is not None:
                return append_once(connection, update, key, now, self._members.admit)
            return update, *append_update(connection, update, self._members.admit)

        def then(appended: tuple[Update, Admission, Key]) -> None:
            accepted, admission, (topic, sequence) = appended
            if admission is Admission.TAKEN:
                self._recipients.published((topic, sequence), accepted)
                self._members.publish(topic, sequence, self._clock())
                self._reclaimer.look_at(topic)
                self._bell.ring()

        accepted, admission, _ = await self._database.write(work, then)
        if admission is Admission.FULL:
            raise BacklogFullError(f"More than {self._board.limits.waiting} deliveries would be waiting.")
        return accepted.id

    async def claim(self, limit: int) -> Sequence[ClaimedDelivery]:
        """Wait until deliveries are due and take 1 to ``limit`` of them."""
        return await self._claimer.claim(limit)

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
        name = canonical_authority(host)
        statement = "INSERT OR IGNORE INTO paused_hosts VALUES (?)"
        await self._database.write(
            lambda connection: connection.execute(statement, (name,)).rowcount,
            lambda _: self._board.hosts.pause(name),
        )

    async def resume_host(self, host: str) -> None:
        """Deliver to this host again, at once."""
        name = canonical_authority(host)

        def then(_: int) -> None:
            self._board.hosts.resume(name)
            self._bell.ring()

        statement = "DELETE FROM paused_hosts WHERE host = ?"
        await self._database.write(lambda connection: connection.execute(statement, (name,)).rowcount, then)

    async def hosts(self, *, limit: int = 100) -> list[HostState]:
        """The hosts that are paused, failing or busy, in this order."""
        await anyio.lowlevel.checkpoint()
        return self._board.hosts.states(limit)

    async def reclaim(self) -> int:
        """Delete the updates that nobody is owed any more. Returns how many."""
        return await self._reclaimer.reclaim()
