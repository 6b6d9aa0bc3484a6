"""The form of a table of subscriptions: columns in pieces, each of which is made and read in one short step."""

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import field, frozen

from websubhub.standalone.adapters.nats.records.pairs import KnownPair
from websubhub.standalone.adapters.nats.wire.errors import Stored

PIECE_ROWS = 500
_LENGTH_BYTES = 4
_PIECE_MOST = 256 * 1_048_576

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, zlib.error)
"""The errors of a damaged table."""


@frozen
class TablePiece:
    """Some rows of a table.

    Attributes:
        topics: The URLs of their topics.
        columns: For each row its topic by index, its callback, its secret, its lease in seconds, when it was requested,
            its start as in the record, the number of its record in the stream, and its id in the journal.
        others: The records that no row can hold, because a verification is pending.
    """

    topics: Sequence[str]
    columns: Sequence[Sequence[Any]] = field(repr=False)
    others: Sequence[Stored] = field(repr=False)


def write_piece(rows: Sequence[tuple[KnownPair, int]], others: Sequence[Stored]) -> bytes:
    """Return the stored form of a piece.

    Args:
        rows: The subscriptions, each with the number of its record in the stream.
        others: The records that no row can hold.
    """
    topics: dict[str, int] = {}
    columns: list[list[Any]] = [[] for _ in range(8)]
    topic, callback, secret, lease, requested, start, sequence, own = (column.append for column in columns)
    for pair, number in rows:
        value = pair.value
        if value is not None:
            topic(topics.setdefault(value.topic, len(topics)))
            callback(value.callback)
            secret(value.secret)
            lease(value.lease_seconds)
            requested(value.requested_at)
            start(pair.start)
            sequence(number)
            own(pair.id)
    records = [(record.subject, record.sequence, record.data.decode()) for record in others]
    piece = zlib.compress(json.dumps([list(topics), columns, records]).encode(), 1)
    return len(piece).to_bytes(_LENGTH_BYTES, "big") + piece


def read_pieces(data: bytes) -> Iterator[TablePiece]:
    """Yield the pieces of a table, one after the other.

    Raises:
        UNREADABLE: The data is no table.
    """
    at = 0
    while at < len(data):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(data[at:begin], "big")
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(data[begin:at], _PIECE_MOST)
        if not unpacking.eof:
            raise ValueError("a piece is not whole")
        topics, columns, records = json.loads(text)
        others = [Stored(subject, int(number), text.encode()) for subject, number, text in records]
        yield TablePiece(topics, columns, others)
