"""Changing records by compare-and-set."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import anyio.lowlevel

from websubhub.standalone.adapters.nats.records.knowledge import Knowledge
from websubhub.standalone.adapters.nats.wire.errors import Stored, SupersededError
from websubhub.standalone.adapters.nats.wire.following import Following
from websubhub.standalone.adapters.nats.wire.jetstream import STREAM_OF_LETTER, JetStream
from websubhub.standalone.adapters.nats.wire.names import Names
from websubhub.standalone.ports import StoreError

_TRIES = 50
_MARK_SECONDS = 86_400


class Records:
    """Changes records, and tells the other processes.

    Args:
        jetstream: The servers.
        names: The names of the hub.
        knowledge: What this process knows.
        tell: Tells the others that a stream has a message with this number.

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
        """Change a record in one step, however many others change it at the same time.

        Args:
            subject: The record.
            decide: Returns what it is to say, given what is known; nothing to delete it, or None to leave it. It is
                called again whenever somebody else was faster. What it raises is raised.

        Returns:
            Whether it was changed.

        Raises:
            StoreError: It could not be changed, or nobody knows whether it was.
        """
        for _ in range(_TRIES):
            data = decide()
            if data is None:
                return False
            expected = self.knowledge.sequence(subject)
            if not data and not expected:
                return True  # it is not there anyway
            headers = {} if data else {"Nats-TTL": f"{_MARK_SECONDS}s"}
            try:
                sequence = await self._jetstream.write(
                    subject, data, name=uuid4().hex, expected=expected, headers=headers
                )
            except SupersededError as superseded:
                self._learn(subject, superseded.last)
            else:
                await self._wrote(Stored(subject, sequence, data))
                return True
        raise StoreError("A record is changed by so many at once that it could not be changed.")

    async def turn(self) -> None:
        """Give other tasks a turn first.

        Raises:
            StoreClosedError: The store was closed.
        """
        await anyio.lowlevel.checkpoint()
        self._jetstream.connection.check()

    async def refresh(self, subject: str) -> None:
        """Learn what a record says now, whichever process wrote it last."""
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
