"""The encoding of a partition's journal: records of changes, and snapshots of everything."""

import json
import sys
import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from attrs import asdict, define, field

from websubhub.standalone.adapters.nats.records.membership import StoredRetry

_PLAIN, _PACKED = b"0", b"1"
_PACK_FROM = 1_024
_LENGTH_BYTES = 4
_POSITIONS_MOST = 40_000
_RETRIES_MOST = 1_000


@define
class JournalEntry:
    """A record of a partition's journal, with pairs by their ids and updates by their numbers in the stream.

    Attributes:
        positions: The last update that each pair got.
        retries: The scheduled retries.
        cleared: The pairs whose failed attempts no longer count.
        turned_away: The last update that the callback of each pair turned away.
        released: Whether the owner releases the partition with this record.
    """

    positions: dict[int, int] = field(factory=dict)
    retries: dict[int, StoredRetry] = field(factory=dict)
    cleared: set[int] = field(factory=set)
    turned_away: dict[int, int] = field(factory=dict)
    released: bool = False

    def __bool__(self) -> bool:
        return bool(self.positions or self.retries or self.cleared or self.turned_away or self.released)

    def fold(self, later: "JournalEntry") -> None:
        """Merge a later record into this one."""
        for pair, position in later.positions.items():
            self.positions[pair] = max(position, self.positions.get(pair, 0))
        for pair in later.cleared:
            self.retries.pop(pair, None)
        self.retries |= later.retries
        self.turned_away |= later.turned_away
        self.released = later.released


def split(entry: JournalEntry) -> Iterator[JournalEntry]:
    """Split a record into parts that each fit into a message."""
    positions, retries = iter(entry.positions.items()), iter(entry.retries.items())
    part = JournalEntry(cleared=entry.cleared, turned_away=entry.turned_away, released=entry.released)
    while True:
        part.positions = dict(islice(positions, _POSITIONS_MOST))
        part.retries = dict(islice(retries, _RETRIES_MOST))
        if not part:
            return
        yield part
        part = JournalEntry()


def write_entry(entry: JournalEntry) -> bytes:
    """Return a record in its stored form: JSON, and 8 bytes for each pair that moved."""
    groups: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))
    for pair, position in entry.positions.items():
        groups[position].append(pair)
    head: dict[str, Any] = {"moved": [[position, len(pairs)] for position, pairs in groups.items()]}
    if entry.retries:
        head["retries"] = {str(pair): asdict(retry) for pair, retry in entry.retries.items()}
    if entry.cleared:
        head["cleared"] = list(entry.cleared)
    if entry.turned_away:
        head["turned_away"] = {str(pair): stored for pair, stored in entry.turned_away.items()}
    if entry.released:
        head["released"] = True
    text = json.dumps(head, separators=(",", ":")).encode()
    body = len(text).to_bytes(_LENGTH_BYTES, "big") + text + b"".join(map(_as_bytes, groups.values()))
    return _PLAIN + body if len(body) < _PACK_FROM else _PACKED + zlib.compress(body, 1)


def read_entry(data: bytes) -> JournalEntry:
    """Return a stored record.

    Raises:
        ValueError, TypeError, KeyError, zlib.error: The data is not such a record.
    """
    body = zlib.decompress(data[1:]) if data[:1] == _PACKED else data[1:]
    end = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "big")
    head = json.loads(body[_LENGTH_BYTES:end])
    pairs = array("Q")
    pairs.frombytes(body[end:])
    if sys.byteorder == "big":
        pairs.byteswap()
    entry, place = JournalEntry(released=bool(head.get("released"))), 0
    for position, count in head["moved"]:
        entry.positions |= dict.fromkeys(pairs[place : place + count], position)
        place += count
    entry.retries = {int(pair): StoredRetry(**values) for pair, values in _items(head, "retries")}
    entry.cleared = set(head.get("cleared", ()))
    entry.turned_away = {int(pair): stored for pair, stored in _items(head, "turned_away")}
    return entry


def _items(head: Mapping[str, Any], name: str) -> Any:
    return head.get(name, {}).items()


def _as_bytes(pairs: "array[int]") -> bytes:
    if sys.byteorder == "big":
        pairs.byteswap()
    return pairs.tobytes()
