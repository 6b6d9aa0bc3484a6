"""The database behind one thread: concurrent writes are committed together, with one fsync."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from time import monotonic
from typing import Any, Self, TypeVar, cast

import anyio
from anyio.lowlevel import current_token

from websubhub.standalone.adapters.sqlite.file.database import Connection, DatabaseFile, disk_full
from websubhub.standalone.ports import StoreClosedError, StoreError

log: logging.Logger = logging.getLogger("websubhub")

T = TypeVar("T")

_TOGETHER = 512  # the most writes in one commit
_SETTLED_TOGETHER = 64  # the most settlements in one commit, since a single one may take long
_READING_SECONDS = 0.003  # how long reads may start between two commits; at least one always runs
_NEXT_SECONDS = 0.02


class _Job:
    """A function to run on the connection, and the callers that are waiting for it.

    Attributes:
        result: What the function returned, once it has run.
        error: The exception that it raised instead.
        landed: Whether either was reported.
    """

    __slots__ = ("_awaited", "error", "landed", "result", "then", "work")

    def __init__(self, work: Callable[[Connection], Any], then: Callable[[Any], None] | None) -> None:
        self.work = work
        self.then = then
        self.result: Any = None
        self.error: Exception | None = None
        self.landed = False
        self._awaited: anyio.Event | None = None

    async def wait(self) -> None:
        """Wait until the job is done."""
        if not self.landed:
            if self._awaited is None:
                self._awaited = anyio.Event()
            await self._awaited.wait()

    async def outcome(self) -> Any:
        """Wait until the job is done, and return its result or raise its error."""
        await self.wait()
        if self.error is not None:
            raise self.error
        return self.result

    def land(self) -> None:
        """Report the result on the event loop."""
        if self.then is not None and self.error is None:
            try:
                self.then(self.result)
            except Exception as error:
                # The other jobs of the commit must not wait forever. Only the caller of this one gets the error.
                log.exception("A committed write could not be reported.")
                self.error = error
        self.landed = True
        if self._awaited is not None:
            self._awaited.set()


class Unhurried:
    """Writes that join the next commit, or run after a moment, since a commit of two writes costs as much as of one.

    Args:
        put: Puts a job into the queue of writes without waking the thread.
        wake: Wakes the thread.
    """

    def __init__(self, put: Callable[[_Job], None], wake: Callable[[], None]) -> None:
        self._put = put
        self._wake = wake
        self._last: _Job | None = None  # the others are written before it

    async def write(self, work: Callable[[Connection], T], then: Callable[[T], None]) -> T:
        """Do the same as ``Database.write``, a little later. Code that depends on it calls ``catch_up`` first."""
        self._last = job = _Job(work, then)
        self._put(job)
        try:
            with anyio.move_on_after(_NEXT_SECONDS):
                await job.wait()
        finally:
            self._hurry(job)
        return cast("T", await job.outcome())

    async def catch_up(self) -> None:
        """Wait until all of them are written and reported."""
        job = self._last
        if job is not None:
            self._hurry(job)
            await job.wait()
            self._last = None if self._last is job else self._last

    def _hurry(self, job: _Job) -> None:
        if not job.landed:
            self._wake()


class Database:
    """A database file for use on the event loop. It is an async context manager.

    Args:
        path: The file, or ``:memory:``.

    Attributes:
        unhurried: Writes that can wait for a moment.
    """

    def __init__(self, path: str) -> None:
        self._file = DatabaseFile(path)
        # Each put wakes the thread once. Unlike a condition, it has no lock that one holds while the other waits.
        self._wanted = SimpleQueue[None]()
        self._writes: deque[_Job] = deque()
        self._settling: deque[_Job] = deque()
        self._reads: deque[_Job] = deque()
        self._open = False
        self._thread = threading.Thread(target=self._run, name="websubhub-sqlite", daemon=True)
        self._call_soon: Callable[..., object] = _nowhere
        put = partial(self._put, self._writes, wake=False)
        self.unhurried: Unhurried = Unhurried(put, partial(self._wanted.put, None))

    async def __aenter__(self) -> Self:
        native: Any = current_token().native_token
        self._call_soon = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
        opened = _Job(_nothing, None)
        self._reads.append(opened)
        self._open = True
        self._thread.start()
        with anyio.CancelScope(shield=True):
            await opened.wait()
        if opened.error is not None:
            self._open = False
            self._thread.join()
            raise opened.error
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Finish all jobs, then close the file."""
        self._open = False
        self._wanted.put(None)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.join)

    async def write(self, work: Callable[[Connection], T], then: Callable[[T], None] | None = None) -> T:
        """Run ``work`` in a transaction. It is on disk when this returns.

        Args:
            work: The function to run. It may run twice if another job in its transaction fails.
            then: Called with the result on the event loop. Calls happen in the order of the commits.

        Raises:
            DiskFullError: There is no space.
            StoreClosedError: The database is closed.
            StoreError: SQLite failed for another reason.
        """
        return await self._ask(self._writes, work, then)

    async def write_along(
        self, work: Callable[[Connection], T], then: Callable[[T], None], along: Callable[[Connection], None] | None
    ) -> tuple[T, bool]:
        """Do the same as ``write``, and run an independent function before it in the same transaction.

        Returns:
            The result, and whether the other function succeeded.
        """
        if along is None:
            return await self.write(work, then), True
        other, job = _Job(along, None), _Job(work, then)
        self._put(self._writes, other, job)
        return await job.outcome(), other.error is None

    async def settle(self, work: Callable[[Connection], T], then: Callable[[T], None] | None = None) -> T:
        """Do the same as ``write``, for work that frees space: it runs after other writes, and may use the reserve."""
        return await self._ask(self._settling, work, then)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work``, which must not write, after all earlier writes.

        Raises:
            StoreClosedError: The database is closed.
            StoreError: SQLite failed.
        """
        return await self._ask(self._reads, work, None)

    async def _ask(self, queue: deque[_Job], work: Callable[[Connection], T], then: Callable[[T], None] | None) -> T:
        job = _Job(work, then)
        self._put(queue, job)
        return cast("T", await job.outcome())

    def _put(self, queue: deque[_Job], *jobs: _Job, wake: bool = True) -> None:
        if not self._open:
            raise StoreClosedError("The database is closed.")
        queue.extend(jobs)
        if wake:
            self._wanted.put(None)

    # --- on the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        opened = self._reads.popleft()
        try:
            connection = self._file.open()
        except StoreError as error:
            opened.error = error
            self._answer([opened])
            return
        self._answer([opened])
        try:
            while self._wait():
                self._round(connection)
        finally:
            self._file.close(connection)

    def _wait(self) -> bool:
        while not (self._writes or self._settling or self._reads):
            if not self._open:
                return False
            self._wanted.get()
        return True

    def _round(self, connection: Connection) -> None:
        writes = _first(self._writes, _TOGETHER)
        if writes:
            self._write(connection, writes)
            self._answer(writes)
        settling = _first(self._settling, _SETTLED_TOGETHER)
        if settling:
            self._transact(connection, settling)
            self._answer(settling)
        until = monotonic() + _READING_SECONDS
        while self._reads:
            job = self._reads.popleft()
            job.result, job.error = self._file.read(connection, job.work)
            self._answer([job])
            if monotonic() > until:
                return

    def _write(self, connection: Connection, jobs: list[_Job]) -> None:
        try:
            self._file.check_presence()
            if not self._file.has_room(connection):
                raise disk_full()
        except StoreError as error:
            for job in jobs:
                job.error = error
        else:
            self._transact(connection, jobs)

    def _transact(self, connection: Connection, jobs: list[_Job]) -> None:
        outcomes = self._file.transact(connection, [job.work for job in jobs])
        for job, (result, error) in zip(jobs, outcomes, strict=True):
            job.result, job.error = result, error

    def _answer(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        try:
            self._call_soon(_land, jobs)
        except RuntimeError:
            # The event loop has ended, and with it all waiting callers.
            return


def _first(queue: deque[_Job], most: int) -> list[_Job]:
    return [queue.popleft() for _ in range(min(len(queue), most))]


def _land(jobs: list[_Job]) -> None:
    for job in jobs:
        job.land()


def _nothing(_connection: Connection) -> None:
    """Do nothing. This is the first job of the thread, whose end means that the file is open."""


def _nowhere(*_arguments: object) -> None:
    """Do nothing, until the event loop is known."""
