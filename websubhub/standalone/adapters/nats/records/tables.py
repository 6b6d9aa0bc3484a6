"""Tables of subscriptions: the same as their records, in large pieces that a process reads much faster at its start."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import anyio
import anyio.lowlevel
from attrs import asdict, frozen

from websubhub.standalone.adapters.nats.records.changing import MARK_SECONDS, Records
from websubhub.standalone.adapters.nats.records.pairs import KnownPair, PairRecord
from websubhub.standalone.adapters.nats.records.table_rows import PIECE_ROWS, UNREADABLE, read_pieces, write_piece
from websubhub.standalone.adapters.nats.wire.blobs import Blobs
from websubhub.standalone.adapters.nats.wire.errors import Stored
from websubhub.standalone.adapters.nats.wire.jetstream import StreamState
from websubhub.standalone.adapters.nats.wire.names import PARTITIONS, pair_hash, partition_of
from websubhub.standalone.ports import StoreError

log: logging.Logger = logging.getLogger("websubhub")

FEW: int = 10_000
"""Up to how many subscriptions a hub needs no tables."""
_LOOK_SECONDS = 60.0
_RENEWED_SECONDS = MARK_SECONDS / 4
_CHANGED_PART = 10  # a table is written again when a tenth of all subscriptions has changed
_READ_SECONDS = MARK_SECONDS / 2  # well before the marks of what was deleted since are gone


@frozen
class _Table:
    """Where a table is, and what it includes.

    Attributes:
        blob: The name of its data.
        size: The size of its data in bytes.
        upto: The number of the last message of the stream that it includes.
        at: When it was begun.
        stream: When the stream was created.
    """

    blob: str
    size: int
    upto: int
    at: float
    stream: str


class SubscriptionTables:
    """Writes a table of each partition of this process now and then, and reads all of them at the start.

    A table is only a shortcut. What changed after it is read from the stream, and without a good one, everything is.

    Args:
        records: The records.
        blobs: Keeps the tables.
        clock: The hub's clock.
    """

    def __init__(self, records: Records, blobs: Blobs, clock: Callable[[], float]) -> None:
        self._records = records
        self._knowledge = records.knowledge
        self._blobs = blobs
        self._clock = clock

    async def load(self, state: StreamState) -> None:
        """Take all that the tables include, if there is a good one of each partition.

        Args:
            state: The state of the stream of subscriptions.
        """
        found: list[tuple[_Table, bytes]] = []
        for number in range(PARTITIONS):
            table = self._table(number)
            if table is None or not self._is_good(table, state):
                return
            data = await self._read(table)
            if data is None:
                return
            found.append((table, data))
        try:
            for number, (_, data) in enumerate(found):
                for piece in read_pieces(data):
                    self._knowledge.take_rows(number, piece, state.first)
                    await anyio.lowlevel.checkpoint()
        except UNREADABLE as error:
            log.warning("A table of subscriptions is damaged, so all of them are read one by one: %r", error)
        else:
            self._records.followed["s"].applied = min(table.upto for table, _ in found)

    async def _read(self, table: _Table) -> bytes | None:
        try:
            return await self._blobs.get(table.blob, table.size)
        except StoreError as error:  # a server may be behind
            log.debug("A table of subscriptions cannot be read now: %s", error)
            return None

    def _is_good(self, table: _Table, state: StreamState) -> bool:
        age = self._clock() - table.at
        return table.stream == state.created and table.upto <= state.last and abs(age) <= _READ_SECONDS

    async def run(self) -> None:
        """Write tables until cancelled."""
        while True:
            await anyio.sleep(_LOOK_SECONDS)
            try:
                await self.write_due()
            except StoreError as error:
                log.debug("A table of subscriptions cannot be written now: %s", error)

    async def write_due(self) -> None:
        """Write the tables of this process that are missing, old, or lack much of what has changed.

        Raises:
            StoreError: One of them cannot be written.
        """
        pairs, followed = self._knowledge.pairs, self._records.followed["s"]
        if len(pairs) <= FEW:
            return
        for number in sorted(self._knowledge.membership.owned):
            table = self._table(number)
            if (
                table is None
                or self._clock() - table.at > _RENEWED_SECONDS
                or followed.applied - table.upto > len(pairs) // _CHANGED_PART
            ):
                await self._write(number)

    async def _write(self, number: int) -> None:
        state = await self._records.state("s")
        upto, at = self._records.followed["s"].applied, self._clock()
        pieces = []
        for piece in self._pieces(number):
            pieces.append(piece)
            await anyio.lowlevel.checkpoint()
        data = b"".join(pieces)
        table, before = _Table(uuid4().hex, len(data), upto, at, state.created), self._table(number)
        await self._blobs.put(table.blob, data)

        def decide() -> bytes | None:
            now = self._table(number)
            return json.dumps(asdict(table)).encode() if now == before else None  # else another process was faster

        written = await self._records.change(self._records.names.subject("m", _name(number)), decide)
        dropped = before if written else table
        if dropped is not None:
            await self._blobs.delete(dropped.blob)

    def _pieces(self, number: int) -> Iterator[bytes]:
        """Yield the table in pieces. What changes in between has a higher number in the stream than the table."""
        pairs = list(self._knowledge.pairs.of_partition[number].values())
        for start in range(0, len(pairs), PIECE_ROWS):
            rows, others = list[tuple[KnownPair, int]](), list[Stored]()
            for pair in pairs[start : start + PIECE_ROWS]:
                subject = self._records.names.subject("s", number, f"{pair.id:016x}")
                pending = self._knowledge.pairs.pending.of(pair.key)
                if pending is None:
                    rows.append((pair, self._knowledge.sequence(subject)))
                else:
                    record = PairRecord(pair.value, pair.start, pending.value)
                    others.append(Stored(subject, self._knowledge.sequence(subject), record.write()))
            yield write_piece(rows, others)
        yield write_piece([], list(self._strangers(number)))

    def _strangers(self, number: int) -> Iterator[Stored]:
        """Yield the records of pairs that only have a pending verification."""
        for kept in list(self._knowledge.pairs.pending):
            value = kept.value
            if partition_of(value.callback) == number and self._knowledge.pairs.of(kept.pair) is None:
                subject = self._records.names.subject("s", number, pair_hash(value.topic, value.callback))
                yield Stored(subject, self._knowledge.sequence(subject), PairRecord(pending=value).write())

    def _table(self, number: int) -> _Table | None:
        told: Any = self._knowledge.agreed.get(_name(number))
        try:
            return _Table(str(told["blob"]), int(told["size"]), int(told["upto"]), float(told["at"]), told["stream"])
        except (TypeError, ValueError, LookupError):
            return None


def _name(number: int) -> str:
    return f"subscriptions-{number}"
