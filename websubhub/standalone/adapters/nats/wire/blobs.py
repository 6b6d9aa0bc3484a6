"""Data that is too large for one message, stored in parts."""

from websubhub.standalone.adapters.nats.wire.jetstream import JetStream
from websubhub.standalone.adapters.nats.wire.names import Names
from websubhub.standalone.adapters.nats.wire.reading import read_batch
from websubhub.standalone.ports import StoreError

PART_BYTES = 524_288
"""The size of a part. Smaller data stays in its message."""


class Blobs:
    """Bytes by name.

    Args:
        jetstream: The servers.
        names: The names of the hub.
    """

    def __init__(self, jetstream: JetStream, names: Names) -> None:
        self._jetstream = jetstream
        self._names = names
        self._stream = names.stream("b")

    async def put(self, name: str, data: bytes) -> None:
        """Store bytes under a new name of lower case letters and digits."""
        for part, start in enumerate(range(0, len(data), PART_BYTES)):
            piece = data[start : start + PART_BYTES]
            subject = self._names.subject("b", name, part)
            await self._jetstream.write(subject, piece, name=f"blob-{name}-{part}")

    async def get(self, name: str, size: int) -> bytes | None:
        """Return the bytes with a name, or None if they no longer exist.

        Raises:
            StoreError: They cannot be read now.
        """
        subject = self._names.subject("b", name, "*")
        start, pieces, more = 1, list[bytes](), True
        while more:
            messages, more = await read_batch(self._jetstream, self._stream, start, subject)
            pieces += [message.data for message in messages]
            start = messages[-1].sequence + 1 if messages else start
        found = b"".join(pieces)
        if found and len(found) != size:
            raise StoreError("A part of a large message cannot be read now.")
        return found or None

    async def delete(self, name: str) -> None:
        """Delete the bytes with a name."""
        await self._jetstream.ask(f"STREAM.PURGE.{self._stream}", {"filter": self._names.subject("b", name, ">")})
