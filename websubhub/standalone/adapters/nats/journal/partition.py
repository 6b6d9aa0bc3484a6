"""The journal of one partition: one subject, which serves as its log and snapshot, and decides who owns it."""

import zlib
from uuid import uuid4

import anyio
from attrs import frozen

from websubhub.standalone.adapters.nats.journal.codec import JournalEntry, read_entry, split, write_entry
from websubhub.standalone.adapters.nats.wire.blobs import PART_BYTES, Blobs
from websubhub.standalone.adapters.nats.wire.errors import Stored
from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.names import Names
from websubhub.standalone.adapters.nats.wire.reading import read_batch
from websubhub.standalone.ports import StoreError

_OWNER = "Wsh-Owner"
_BLOB = "Wsh-Blob"
_RELEASED = "Wsh-Released"
_ENTRIES_MOST = 64
_BYTES_MOST = 262_144
_WRITE_SECONDS = 2.5  # whoever writes tries again
_LOOKS = 20
_PAUSE_SECONDS = 0.05


@frozen
class _Doubt:
    """A write that was never answered."""

    payload: bytes
    name: str
    headers: dict[str, str]


class PartitionLog:
    """Reads and writes the journal of a partition. Each write names the one that it follows, so only one can win.

    Args:
        jetstream: The servers.
        names: The names of the hub.
        blobs: Stores snapshots that are too large for a message.
        number: The number of the partition.
        owner: The id of this process.
    """

    def __init__(self, jetstream: JetStream, names: Names, blobs: Blobs, number: int, owner: str) -> None:
        self._jetstream = jetstream
        self._blobs = blobs
        self._stream = names.stream("p")
        self._subject = names.subject("p", number)
        self._owner = owner
        self._writing = anyio.Lock()
        self._doubt: _Doubt | None = None
        self._sequence = 0
        self._entries = 0
        self._bytes = 0
        self._blob = ""
        self.number = number

    async def last(self) -> tuple[str, bool]:
        """Return the last writer, or an empty string if there is none, and whether it released the partition."""
        last = await self._jetstream.last(self._subject)
        return ("", True) if last is None else (last.headers.get(_OWNER, ""), _RELEASED in last.headers)

    async def read(self) -> JournalEntry:
        """Read everything, so that the next write follows what was read.

        Raises:
            StoreError: The journal cannot be read.
        """
        async with self._writing:
            last = await self._jetstream.last(self._subject)
            self._doubt, self._blob = None, ""
            self._sequence = 0 if last is None else last.sequence
            messages = await self._read_up_to(self._sequence)
            whole = JournalEntry()
            try:
                for message in messages:
                    whole.fold(read_entry(await self._data(message)))
            except (ValueError, TypeError, KeyError, zlib.error) as error:
                raise StoreError(f"The journal of partition {self.number} is damaged: {error}.") from None
            return whole

    async def _read_up_to(self, last: int) -> list[Stored]:
        found: list[Stored] = []
        for _ in range(_LOOKS):
            start = found[-1].sequence + 1 if found else 1
            messages, more = await read_batch(self._jetstream, self._stream, start, self._subject)
            found += messages
            if not last or (found and found[-1].sequence >= last):
                return found
            if not more:
                await anyio.sleep(_PAUSE_SECONDS)  # the nearest server is behind
        raise StoreError(f"The journal of partition {self.number} cannot be read to its end.")

    async def _data(self, message: Stored) -> bytes:
        name, _, size = message.headers.get(_BLOB, "").partition(" ")
        if not name:
            return message.data
        self._blob = name
        data = await self._blobs.get(name, int(size))
        if data is None:
            raise StoreError(f"The snapshot of partition {self.number} is missing.")
        return data

    def is_long(self) -> bool:
        """Return whether it is time for a snapshot."""
        return self._entries >= _ENTRIES_MOST or self._bytes >= _BYTES_MOST

    async def append(self, entry: JournalEntry) -> None:
        """Write what has changed.

        Raises:
            SupersededError: Another process owns the partition.
            StoreError: The write failed, or its result is unknown.
        """
        async with self._writing:
            await self._settle_doubt()
            for part in split(entry):
                payload = write_entry(part)
                await self._write(payload, {})
                self._entries += 1
                self._bytes += len(payload)

    async def replace(self, whole: JournalEntry) -> None:
        """Write everything, replacing what was written before.

        Raises:
            SupersededError: Another process owns the partition.
            StoreError: The write failed, or its result is unknown.
        """
        async with self._writing:
            await self._settle_doubt()
            payload, headers, before = write_entry(whole), {"Nats-Rollup": "sub"}, self._blob
            blob = ""
            if len(payload) > PART_BYTES:
                blob = uuid4().hex
                await self._blobs.put(blob, payload)
                headers[_BLOB] = f"{blob} {len(payload)}"
                payload = b""
            if whole.released:
                headers[_RELEASED] = "1"
            await self._write(payload, headers)
            self._blob, self._entries, self._bytes = blob, 0, 0
            if before:
                await self._blobs.delete(before)

    async def _settle_doubt(self) -> None:
        if self._doubt is not None:
            await self._write(self._doubt.payload, self._doubt.headers, self._doubt.name)

    async def _write(self, payload: bytes, headers: dict[str, str], name: str = "") -> None:
        name = name or f"{self._owner}-{self.number}-{uuid4().hex}"
        head = headers | {_OWNER: self._owner}
        self._doubt = _Doubt(payload, name, headers)
        self._sequence = await self._jetstream.write(
            self._subject, payload, name=name, expected=self._sequence, headers=head, seconds=_WRITE_SECONDS
        )
        self._doubt = None
