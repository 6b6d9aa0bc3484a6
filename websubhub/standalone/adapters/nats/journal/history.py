"""The retention of messages, their counts and failed attempts."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from websubhub.standalone.adapters.nats.journal.attempts import AttemptLog
from websubhub.standalone.adapters.nats.journal.letters import LetterRecords
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.counts import CountedBy
from websubhub.standalone.adapters.nats.records.topics import KnownTopic
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.broker.background import in_background
from websubhub.standalone.ports import StoreError
from websubhub.standalone.schedule.limits import DeliveryLimits

log: logging.Logger = logging.getLogger("websubhub")

_WRITE_SECONDS = 1.0
_LAST_SECONDS = 3.0
_ATTEMPTS_SHARE = 4


class History:
    """Writes the counts of this process, and expires old history.

    Args:
        jetstream: The servers.
        records: The records.
        limits: How long and how much is kept.
        most_bytes: How much of the messages there is space for.
        own: The id of this process.

    Attributes:
        attempts: The failed attempts.
        letters: The dead letters.
    """

    def __init__(
        self, jetstream: JetStream, records: Records, limits: DeliveryLimits, most_bytes: int, own: str
    ) -> None:
        self._records = records
        self._messages = records.knowledge.publishes.messages
        self._counts = records.knowledge.publishes.counts
        self._known_attempts = records.knowledge.publishes.attempts
        self.attempts: AttemptLog = AttemptLog(jetstream, records)
        self.letters: LetterRecords = LetterRecords(records, records.knowledge.ledger.clock)
        self._limits = limits
        self._most_bytes = min(limits.message_bytes, most_bytes)
        self._clock = records.knowledge.ledger.clock
        self._own = own

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write counts, and what else is unwritten, during the block and at its end, even if cancelled."""
        try:
            async with in_background(self._write_counts):
                yield
        finally:
            with anyio.move_on_after(_LAST_SECONDS, shield=True):
                await self._try_to_write()

    async def _write_counts(self) -> None:
        while True:
            await anyio.sleep(_WRITE_SECONDS)
            await self._try_to_write()

    async def _try_to_write(self) -> None:
        await self._try_to_write_attempts()
        changed, self._counts.changed = self._counts.changed, set()
        while changed:
            bucket = changed.pop()
            try:
                await self._records.change(self._subject(CountedBy(self._own, bucket)), self._writer(bucket))
            except StoreError as error:
                self._counts.changed |= changed | {bucket}
                log.debug("The counts of deliveries cannot be written now: %s", error)
                return

    async def _try_to_write_attempts(self) -> None:
        try:
            await self.attempts.write_unwritten()
        except StoreError as error:
            log.debug("Failed attempts cannot be written now: %s", error)

    def _writer(self, bucket: int) -> Callable[[], bytes]:
        return lambda: self._counts.write(bucket)

    def _subject(self, by: CountedBy) -> str:
        return self._records.names.subject("c", by.process, by.bucket)

    def let_messages_expire(self) -> int:
        """Find out up to where messages have expired, and return how many more have."""
        return self._messages.expire(self._clock() - self._limits.message_seconds, self._most_bytes)

    async def expire_topic(self, topic: KnownTopic) -> None:
        """Expire all current messages of a topic, for every process of the hub."""
        record = json.dumps({"topic": topic.url, "until": next(topic.updates_before(None), 0)}).encode()
        await self._records.change(self._records.names.subject("x", topic.hash), lambda: record)

    async def expire(self) -> int:
        """Expire what exceeds the limits, and return how many messages have expired."""
        expired = self.let_messages_expire()
        before = self._clock() - self._limits.message_seconds
        below = self._known_attempts.expire(before, self._limits.message_bytes // _ATTEMPTS_SHARE)
        if 0 in self._records.knowledge.membership.owned:  # one of the processes deletes for all
            if below:
                await self.attempts.forget(below)
            for by in self._counts.below(self._messages.first()):
                await self._records.change(self._subject(by), bytes)
            for topic in self._messages.settled_topics():
                await self._records.change(self._records.names.subject("x", topic.hash), bytes)
        return expired
