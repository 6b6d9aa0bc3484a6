"""Following a stream: every process reads it once from its beginning, and then everything new."""

import logging
from collections.abc import Callable
from time import monotonic

import anyio

from websubhub.standalone.adapters.nats.wire.errors import Stored
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.reading import read_batch
from websubhub.standalone.broker.bell import Bell
from websubhub.standalone.ports import StoreClosedError, StoreError

log: logging.Logger = logging.getLogger("websubhub")

_LOOK_SECONDS = 1.0
_BEHIND_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class Following:
    """Reads the messages of a stream in order.

    Args:
        jetstream: The servers.
        stream: The stream.
        subject: Its subjects.
        take: Called with each message.

    Attributes:
        applied: The number of the last message up to which all were taken.
    """

    def __init__(self, jetstream: JetStream, stream: str, subject: str, take: Callable[[Stored], None]) -> None:
        self._jetstream = jetstream
        self.stream = stream
        self._subject = subject
        self._take = take
        self._rung = Bell()
        self._moved = Bell()
        self._wanted = 0
        self._reading = anyio.Lock()
        self.applied: int = 0

    async def load(self) -> None:
        """Read all existing messages.

        Raises:
            StoreError: The stream cannot be read.
        """
        last = await self.last()
        until = monotonic() + _LOOK_SECONDS
        while self.applied < last:
            before = self.applied
            await self._read()
            if self.applied > before:
                until = monotonic() + _LOOK_SECONDS
            elif await self._jetstream.next(self.stream, self.applied + 1) is None:
                break  # the last ones were deleted
            elif monotonic() > until:
                raise StoreError(f"The stream {self.stream} cannot be read to its end.")
        self.applied = max(self.applied, last)

    async def last(self) -> int:
        """Return the number of the last message."""
        return (await self._jetstream.state(self.stream)).last

    async def run(self) -> None:
        """Take new messages until cancelled."""
        behind = 0
        while True:
            more = False
            try:
                more = await self._read()
            except StoreClosedError:
                return
            except StoreError as error:
                log.debug("The stream %s cannot be followed now: %s", self.stream, error)
            if self.applied >= self._wanted:
                behind = 0
            if not more:
                is_behind = self.applied < self._wanted and behind < len(_BEHIND_SECONDS)
                await self._rung.wait(_BEHIND_SECONDS[behind] if is_behind else _LOOK_SECONDS)
                behind += is_behind

    def ring(self, sequence: int) -> None:
        """Signal that there is a message with this number."""
        if sequence > self._wanted:
            self._wanted = sequence
            self._rung.ring()

    def wrote(self, sequence: int) -> bool:
        """Note that a message of this process was taken, and return whether all before it were too."""
        if sequence == self.applied + 1:
            self._move(sequence)
            return True
        self.ring(sequence)
        return sequence <= self.applied

    async def reached(self, sequence: int, seconds: float) -> bool:
        """Wait until everything up to a number was taken, within a time limit. Return whether it was."""
        self.ring(sequence)
        until = monotonic() + seconds
        while self.applied < sequence and (left := until - monotonic()) > 0:
            await self._moved.wait(left)
        return self.applied >= sequence

    async def _read(self) -> bool:
        """Take some messages, and return whether there are more."""
        async with self._reading:
            start = self.applied + 1
            messages, more = await read_batch(self._jetstream, self.stream, start, self._subject)
            for message in messages:
                if message.sequence > self.applied:  # else it was taken when it was written, meanwhile
                    self._take(message)
                    self._move(message.sequence)
        return more

    def _move(self, sequence: int) -> None:
        self.applied = sequence
        self._moved.ring()
