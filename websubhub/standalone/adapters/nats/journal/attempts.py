"""Failed attempts on NATS: each message holds several, and never changes."""

import json
import logging
from base64 import b64decode, b64encode
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

import anyio
from attrs import evolve

from websubhub import authority_of, url_identity
from websubhub.standalone.adapters.nats.records.attempts import AttemptKeys, number_of, place_of
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.wire.errors import Stored, UnavailableError
from websubhub.standalone.adapters.nats.wire.following import Following
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.names import number_hash
from websubhub.standalone.adapters.nats.wire.reading import read_batch
from websubhub.standalone.broker.settlements import AttemptMade
from websubhub.standalone.ports import AttemptOutcome, FailedAttempt

log: logging.Logger = logging.getLogger("websubhub")

_ROW_BYTES = 500
_MESSAGE_BYTES = 65_536
_TOGETHER = 4  # how sparse attempts may be that are read in one go
_NAME_BYTES = 16
_WRITE_SECONDS = 1.0
_UNWRITTEN_MOST = 256  # messages, so that it takes at most 16 MiB; the oldest are dropped


class AttemptLog:
    """Writes failed attempts, takes those of other processes, and reads them.

    Args:
        jetstream: The servers.
        records: The records, which also notify the other processes.
    """

    def __init__(self, jetstream: JetStream, records: Records) -> None:
        self._jetstream = jetstream
        self._records = records
        self._topics = records.knowledge.topics
        self._known = records.knowledge.publishes.attempts
        self._stream = records.names.stream("f")
        self._subject = records.names.subject("f", "attempts")
        self._unwritten: deque[bytes] = deque(maxlen=_UNWRITTEN_MOST)
        self._writing = anyio.Lock()
        self._fails = False
        self.following: Following = Following(jetstream, self._stream, records.names.subject("f", ">"), self.take)

    async def write(self, attempts: Sequence[AttemptMade]) -> None:
        """Write failed attempts, or keep those that cannot be written now: no delivery may have to wait for them."""
        self._unwritten += _messages([self._row(attempt) for attempt in attempts])
        if not self._fails:
            await self.write_unwritten()

    async def write_unwritten(self) -> None:
        """Write what could not be written before, if that is possible now."""
        async with self._writing:
            while self._unwritten:
                data = self._unwritten[0]
                try:
                    await self._write(data)
                except UnavailableError as error:
                    log.debug("Failed attempts cannot be written now: %s", error)
                    self._fails = True
                    return
                if self._unwritten[0] is data:  # else it was dropped meanwhile
                    self._unwritten.popleft()
            self._fails = False

    async def _write(self, data: bytes) -> None:
        name = blake2b(data, digest_size=_NAME_BYTES).hexdigest()  # what comes again is written once
        sequence = await self._jetstream.write(self._subject, data, name=name, seconds=_WRITE_SECONDS)
        if sequence == self.following.applied + 1:
            self.take(Stored(self._subject, sequence, data))
        self.following.wrote(sequence)
        await self._records.tell("f", sequence)

    def _row(self, made: AttemptMade) -> dict[str, Any]:
        topic = self._topics.numbered(made.topic)
        return {
            "message_id": made.message_id,
            "topic": "" if topic is None else topic.url,
            "callback": made.callback,
            "attempt": made.attempt,
            "attempted_at": made.attempted_at,
            "status": made.status,
            "milliseconds": made.milliseconds,
            "outcome": made.outcome.value,
            "reason": made.reason,
            "answer": b64encode(made.answer).decode(),
        }

    def take(self, message: Stored) -> None:
        """Take failed attempts that follow all those taken before."""
        for place, made in enumerate(_rows(message)):
            size = _ROW_BYTES + len(made.callback) + len(made.reason) + len(made.answer)
            keys = keys_of(
                message_id=made.message_id,
                topic=made.topic,
                callback=made.callback,
                host=made.host,
                outcome=made.outcome,
            )
            self._known.add(number_of(message.sequence, place), keys, made.attempted_at, size)

    async def read(self, numbers: Iterable[int]) -> list[FailedAttempt]:
        """Return the attempts with these numbers, in order, except those that no longer exist."""
        wanted = [(number, *place_of(number)) for number in numbers]
        found = await self._messages({sequence for _, sequence, _ in wanted})
        attempts = []
        for number, sequence, place in wanted:
            rows = found.get(sequence, [])
            if place < len(rows):
                attempts.append(evolve(rows[place], number=number))
        return attempts

    async def _messages(self, sequences: set[int]) -> dict[int, list[FailedAttempt]]:
        found: dict[int, list[FailedAttempt]] = {}
        if sequences and max(sequences) - min(sequences) < _TOGETHER * len(sequences):
            messages, _ = await read_batch(self._jetstream, self._stream, min(sequences), self._subject)
            found = {message.sequence: _rows(message) for message in messages if message.sequence in sequences}
        for sequence in sequences - set(found):
            message = await self._jetstream.get(self._stream, sequence)
            if message is not None:
                found[sequence] = _rows(message)
        return found

    async def forget(self, below: int) -> None:
        """Delete the attempts in messages below a number in the stream."""
        await self._jetstream.purge(self._stream, below)


def keys_of(
    *,
    message_id: str | None = None,
    topic: str | None = None,
    callback: str | None = None,
    host: str | None = None,
    outcome: AttemptOutcome | None = None,
) -> AttemptKeys:
    """Return the keys of failed attempts.

    Args:
        message_id: The id of the message.
        topic: The topic.
        callback: The callback, as its subscriber wrote it.
        host: The host, as ``authority_of`` writes it.
        outcome: The consequence.
    """
    return AttemptKeys(
        message=None if message_id is None else number_hash(message_id),
        topic=None if topic is None else number_hash(url_identity(topic) if topic else ""),
        callback=None if callback is None else number_hash(callback),
        host=None if host is None else number_hash(host),
        outcome=outcome,
    )


def _messages(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Return rows as they are written, several in a message."""
    parts: defaultdict[int, list[str]] = defaultdict(list)
    part = size = 0
    for row in rows:
        text = json.dumps(row)
        if size and size + len(text) > _MESSAGE_BYTES:
            part, size = part + 1, 0
        parts[part].append(text)
        size += len(text)
    return (f"[{','.join(part)}]".encode() for part in parts.values())


def _rows(message: Stored) -> list[FailedAttempt]:
    """Return the attempts in a message, or none if it cannot be read."""
    try:
        return [_attempt(row) for row in json.loads(message.data)]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        log.error("The failed attempts %d of the stream cannot be read, and are skipped.", message.sequence)  # noqa: TRY400
        return []


def _attempt(row: dict[str, Any]) -> FailedAttempt:
    read = {"outcome": AttemptOutcome(row["outcome"]), "answer": b64decode(row["answer"])}
    return FailedAttempt(number=0, host=authority_of(row["callback"]), **row | read)
