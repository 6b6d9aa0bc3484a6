"""The format of an export: lines of JSON.

The first line names the format, the last one sums up the file, and each line in between is a record.

In an encrypted file, every line except the first is a token that contains some of these lines.
"""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import IO, Any

from websubhub.standalone.transfer.errors import TransferError
from websubhub.standalone.transfer.records import NAMES, Record, as_json, name_of, read_record
from websubhub.standalone.transfer.sealing import Seal, known_seal, new_seal, opened

_FORMAT = "websubhub-export"
_VERSION = 1
_TOGETHER_BYTES = 65_536
_HEADER_BYTES = 4_096
_LINE_BYTES = 33_554_432
_LINES_MOST = 50_000_000


class FileWriter:
    """Writes records. Call ``end`` to complete the file; an incomplete file cannot be imported.

    Args:
        out: Where to write.
        passphrase: The passphrase to encrypt with, or None.

    Attributes:
        counts: How many records of each kind were written.
    """

    def __init__(self, out: IO[bytes], passphrase: str | None = None) -> None:
        self.counts: Counter[str] = Counter[str]()
        self._out = out
        self._digest = sha256()
        self._seal: Seal | None = None
        header: dict[str, Any] = {"format": _FORMAT, "version": _VERSION}
        if passphrase is not None:
            self._seal, header["encrypted"] = new_seal(passphrase)
        self._gathered = bytearray()
        line = _line(header)
        self._digest.update(line)
        out.write(line)

    def write(self, record: Record) -> None:
        """Write a record."""
        name = name_of(record)
        self.counts[name] += 1
        self._put(_line({name: as_json(record)}))

    def end(self) -> None:
        """Write the last line, which completes the file."""
        counts = {name: self.counts[name] for name in NAMES}
        self._put(_line({"end": {"counts": counts, "sha256": self._digest.hexdigest()}}))
        self._write_out()
        self._out.flush()

    def _put(self, line: bytes) -> None:
        self._digest.update(line)
        self._gathered += line
        if len(self._gathered) >= _TOGETHER_BYTES:
            self._write_out()

    def _write_out(self) -> None:
        data = bytes(self._gathered)
        self._gathered.clear()
        self._out.write(data if self._seal is None else self._seal.encrypt(data) + b"\n")


def read_file(source: IO[bytes], passphrase: str | None = None) -> Iterator[Record]:
    """Yield the records of a file, from its start.

    The last line is checked after all records, so read the whole file once before you act on any record.

    Args:
        source: The file.
        passphrase: Its passphrase, if it is encrypted.

    Raises:
        TransferError: It is not an export, damaged, incomplete, or encrypted with another passphrase.
    """
    header = source.readline(_HEADER_BYTES)
    said = _header(header)
    seal = None
    if "encrypted" in said:
        if passphrase is None:
            raise TransferError("The file is encrypted: pass its passphrase with --passphrase-file.")
        seal = known_seal(passphrase, said["encrypted"])
    digest, counts, end = sha256(header), Counter[str](), None
    for number, line in enumerate(_lines(source, seal), 2):
        if end is not None:
            raise TransferError("The file continues after its last line.")
        name, values = _read(line, number)
        if name == "end":
            end = values
            continue
        digest.update(line)
        counts[name] += 1
        try:
            yield read_record(name, values)
        except ValueError as error:
            raise TransferError(f"Record {number - 1} of the file cannot be used: {error}.") from None
    _check_end(end, counts, digest.hexdigest())


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _header(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
        if said["format"] != _FORMAT or not isinstance(said["version"], int):
            raise ValueError
    except (ValueError, TypeError, LookupError, RecursionError):
        raise TransferError("The file was not written by websubhub export.") from None
    if said["version"] > _VERSION:
        raise TransferError("The file was written by a newer version of websubhub, which this one cannot read.")
    values: dict[str, Any] = said
    return values


def _lines(source: IO[bytes], seal: Seal | None) -> Iterator[bytes]:
    """Yield the lines after the first."""
    read = 0
    while line := source.readline(_LINE_BYTES):
        if not line.endswith(b"\n"):
            raise TransferError(
                "The file is cut off." if len(line) < _LINE_BYTES else "A line of the file is too long."
            )
        plain = (line,) if seal is None else opened(seal, line.strip()).splitlines(keepends=True)
        read += len(plain)
        if read > _LINES_MOST:
            raise TransferError(f"The file has more than {_LINES_MOST} lines.")
        yield from plain


def _read(line: bytes, number: int) -> tuple[str, Any]:
    try:
        [(name, values)] = json.loads(line).items()
    except (ValueError, AttributeError, RecursionError):
        raise TransferError(f"Line {number} of the file is damaged.") from None
    return name, values


def _check_end(end: Any, counts: Counter[str], digest: str) -> None:
    if end is None:
        raise TransferError("The file is cut off.")
    try:
        is_whole = end["sha256"] == digest and Counter(end["counts"]) == counts
    except (LookupError, TypeError):
        is_whole = False
    if not is_whole:
        raise TransferError("The file is damaged: its last line does not match the lines before it.")
