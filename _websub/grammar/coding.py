"""Content codings: a compressed body is unpacked piece by piece, so that its reader sets the limit.

Requests ask for ``identity``, but some servers compress anyway: CDNs, and servers of files that are stored compressed.
One layer of ``gzip``, ``x-gzip`` or ``deflate`` is unpacked; anything else is an error that names the coding
(RFC 9110, 8.4.1). Nothing is unpacked before it is read, so a small body that unpacks to a large one only costs what is
read of it.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from _websub.grammar.charsets import find_charset

_STEP_BYTES = 4_096
_PIECE_BYTES = 16_384
_MEMBERS_LIMIT = 10_000
# The codings that servers name for an unchanged body. Some name its charset instead.
_NO_CODINGS = frozenset(("", "identity", "none", "binary", "7bit", "8bit"))
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}", re.ASCII)

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS
_ZLIB_HEAD_BYTES = 2


class ContentCodingError(ValueError):
    """A body cannot be unpacked. The message says why in one sentence."""


class ContentDecoder(Protocol):
    """Unpacks one body."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Unpack a chunk, in pieces of at most 16 KiB. Consume them all before feeding the next chunk.

        Raises:
            ContentCodingError: The body does not match its Content-Encoding.
        """
        ...

    def finish(self) -> None:
        """End the body.

        Raises:
            ContentCodingError: The body ended too early.
        """
        ...


def content_decoder(values: Iterable[str]) -> ContentDecoder:
    """Return a decoder for a body with these ``Content-Encoding`` headers.

    Args:
        values: The values of the headers, in order.

    Raises:
        ContentCodingError: There is more than one coding, or an unknown one.
    """
    names = [name.strip().lower() for value in values for name in value.split(",")]
    names = [name for name in names if name not in _NO_CODINGS and find_charset(name) is None]
    if not names:
        return _Identity()
    if len(names) > 1:
        raise ContentCodingError("The content is compressed more than once.")
    if names[0] in {"gzip", "x-gzip"}:
        return _Gzip()
    if names[0] == "deflate":
        return _Deflate()
    shown = names[0] if _NAME.fullmatch(names[0]) else "something without a name"
    raise ContentCodingError(f"The content is compressed with {shown}, which is not supported.")


class _Identity:
    """A body that is not compressed."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def finish(self) -> None:
        pass


class _Gzip:
    """One or more members of gzip (RFC 1952), which may be padded with zeros."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._members = 1

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        # In small steps, since the data after a member is copied for the next one.
        for start in range(0, len(chunk), _STEP_BYTES):
            data = chunk[start : start + _STEP_BYTES]
            while data:
                if self._member.eof:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    self._begin_member()
                yield from _inflate(self._member, data, "gzip")
                data = self._member.unused_data

    def _begin_member(self) -> None:
        self._members += 1
        if self._members > _MEMBERS_LIMIT:
            raise ContentCodingError("The content consists of too many gzip members.")
        self._member = zlib.decompressobj(_GZIP)

    def finish(self) -> None:
        if not self._member.eof:
            raise ContentCodingError("The content ended in the middle of its gzip data.")


class _Deflate:
    """Deflate, which is zlib (RFC 1950), or raw deflate (RFC 1951) from servers that misread the name."""

    def __init__(self) -> None:
        self._head = b""
        self._stream: zlib._Decompress | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        if self._stream is None:
            chunk = self._head + chunk
            if len(chunk) < _ZLIB_HEAD_BYTES:
                self._head = chunk
                return
            self._stream = zlib.decompressobj(_ZLIB if _is_zlib(chunk) else _RAW)
        if self._stream.eof and chunk:
            raise ContentCodingError("The content continues after its deflate data.")
        yield from _inflate(self._stream, chunk, "deflate")
        if self._stream.unused_data:
            raise ContentCodingError("The content continues after its deflate data.")

    def finish(self) -> None:
        if self._stream is None or not self._stream.eof:
            raise ContentCodingError("The content ended in the middle of its deflate data.")


def _is_zlib(head: bytes) -> bool:
    """Return whether these bytes begin with a zlib header (RFC 1950, 2.2)."""
    return head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0  # noqa: PLR2004 - numbers of the RFC


def _inflate(stream: "zlib._Decompress", data: bytes, name: str) -> Iterator[bytes]:
    while True:
        try:
            piece = stream.decompress(data, _PIECE_BYTES)
        except zlib.error:
            raise ContentCodingError(f"The content is not {name}, although its Content-Encoding says so.") from None
        if piece:
            yield piece
        data = stream.unconsumed_tail
        # When all input is consumed, there may still be output that did not fit.
        if stream.eof or not (data or len(piece) == _PIECE_BYTES):
            return
