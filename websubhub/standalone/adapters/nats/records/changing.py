"""Changing records by compare-and-set."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import anyio.lowlevel

from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.adapters.nats.wire.errors import Stored, SupersededError
from websubhub.standalone.adapters.nats.wire.following import Following
from websubhub.standalone.adapters.nats.wire.jetstream import STREAM_OF_LETTER, JetStream, StreamState
from websubhub.standalone.adapters.nats.wire.names import Names
from websubhub.standalone.ports import StoreError

_TRIES = 50
MARK_SECONDS: int = 86_400
"""How long the mark of a deleted record stays."""


class Records:
    """Changes records, and notifies the other processes.

    Args:
        jetstream: The servers.
        names: The names of the hub.
        knowledge: What this process knows.
        tell: Notifies the others that a stream has a message with this number.

    Attributes:
        followed: The streams that this process follows, by letter.
    """

    def __init__(
        self,
        jetstream: JetStream,
        names: Names,
        knowledge: Knowledge,
        tell: Callable[[str, int], Awaitable[None]],
    ) -> None:
        self._jetstream = jetstream
        self.names = names
        self.knowledge = knowledge
        self.tell = tell
        self.followed: dict[str, Following] = {}

    async def change(self, subject: str, decide: Callable[[], bytes | None]) -> bool:
        """Change a record in one step, even if others are changing it at the same time.

        Args:
            subject: The record.
            decide: Returns the new content, given what is known; empty to delete the record, or None to leave it as it
                is. It is called again whenever another process was faster. Its exceptions are passed on.

        Returns:
            Whether the record was changed.

        Raises:
            StoreError: The record could not be changed, or the result is unknown.
        """
        for _ in range(_TRIES):
            data = decide()
            if data is None:
                return False
            expected = self.knowledge.sequence(subject)
            if not data and not expected:
                return True  # it is not there anyway
            headers = {} if data else {"Nats-TTL": f"{MARK_SECONDS}s"}
            try:
                sequence = await self._jetstream.write(
                    subject, data, name=uuid4().hex, expected=expected, headers=headers
                )
            except SupersededError as superseded:
                self._learn(subject, superseded.last)
            else:
                await self._wrote(Stored(subject, sequence, data))
                return True
        raise StoreError("A record could not be changed, because too many others are changing it.")

    async def state(self, letter: str) -> StreamState:
        """Return the state of a stream."""
        return await self._jetstream.state(self.names.stream(letter))

    async def turn(self) -> None:
        """Give other tasks a turn first.

        Raises:
            StoreClosedError: The store is closed.
        """
        await anyio.lowlevel.checkpoint()
        self._jetstream.connection.check()

    async def refresh(self, subject: str) -> None:
        """Read the current content of a record, whichever process wrote it last."""
        self._learn(subject, await self._jetstream.last(subject))

    def _learn(self, subject: str, last: Stored | None) -> None:
        if last is None:
            self.knowledge.miss(subject)
        else:
            self.knowledge.take(last)

    async def _wrote(self, message: Stored) -> None:
        self.knowledge.take(message)
        letter = STREAM_OF_LETTER[self.names.letter(message.subject)]
        self.followed[letter].wrote(message.sequence)
        await self.tell(letter, message.sequence)
