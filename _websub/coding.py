"""Content-Encoding, undone in pieces: gzip and deflate, never larger than a limit (RFC 9110, 8.4)."""

import zlib
from collections.abc import Iterator

_PIECE_BYTES = 16 * 1024
_GZIP = frozenset({"gzip", "x-gzip"})
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_IDENTITY = frozenset({"", "identity"})
_NAME_LIMIT = 40
# The first byte of the format that deflate should have, and that some servers leave out (RFC 9110, 8.4.1.2).
_ZLIB_METHOD, _METHOD_MASK, _HEADER_MULTIPLE = 8, 0x0F, 31


class CodingError(ValueError):
    """Content that cannot be unpacked, and why, in one sentence."""


class Decoder:
    """Unpacks content that arrives in pieces.

    Args:
        coding: ``gzip`` or ``deflate``.
        limit: How many bytes may come out at the most.
    """

    def __init__(self, coding: str, limit: int) -> None:
        self._coding = coding
        self._room = limit
        self._beginning = b""
        self._engine = zlib.decompressobj(_GZIP_WINDOW) if coding in _GZIP else None
        self._over = False

    def feed(self, data: bytes) -> bytes:
        """Take the next packed bytes, give what they unpack to.

        Raises:
            CodingError: They are damaged, or more would come out than the limit allows.
        """
        return b"".join(self.pieces(data))

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The same in pieces of 16 KiB, so that others get their turn between them, and all within the limit is given.

        Raises:
            CodingError: As ``feed``, after the last good piece.
        """
        if self._engine is None:
            self._beginning += data
            if len(self._beginning) < len(b"xx"):
                return
            data, self._engine = self._beginning, zlib.decompressobj(_deflate_window(self._beginning))
        while data and not self._over:
            piece = self._unpack(data)
            data = self._engine.unconsumed_tail
            if self._engine.eof:
                data = self._next_member()
            if piece[: self._room]:
                yield piece[: self._room]
            self._room -= len(piece)
            if self._room < 0:
                raise CodingError(f"The {self._coding} content is too large when it is unpacked.")

    def finish(self) -> bytes:
        """Say that the content is complete, and give what is left of it.

        Raises:
            CodingError: It ends in its middle.
        """
        rest = b"" if self._engine is None or self._over else self._engine.flush()
        if not self._over and (self._engine is None or not self._engine.eof):
            raise CodingError(f"The {self._coding} content ends in its middle.")
        return rest

    def _unpack(self, data: bytes) -> bytes:
        try:
            return self._engine.decompress(data, _PIECE_BYTES) if self._engine else b""
        except zlib.error:
            raise CodingError(f"The {self._coding} content is damaged.") from None

    def _next_member(self) -> bytes:
        """What follows the end: of gzip maybe a further member, anything else is padding (RFC 1952, 2.2)."""
        rest = self._engine.unused_data.lstrip(b"\0") if self._engine else b""
        self._over = self._coding not in _GZIP or (bool(rest) and not rest.startswith(b"\x1f\x8b"[: len(rest)]))
        if rest and not self._over:
            self._engine = zlib.decompressobj(_GZIP_WINDOW)
            return rest
        return b""


def decoder_for(header_value: str | None, limit: int) -> Decoder | None:
    """What unpacks content with this Content-Encoding; None where nothing is packed.

    Args:
        header_value: The Content-Encoding as it came.
        limit: How many bytes may come out at the most.

    Raises:
        CodingError: The coding is unknown, or there are several.
    """
    codings = [coding.strip().lower() for coding in (header_value or "").split(",")]
    packed = [coding for coding in codings if coding not in _IDENTITY]
    if not packed:
        return None
    if len(packed) > 1 or packed[0] not in _GZIP | {"deflate"}:
        shown = "".join(character for character in ", ".join(packed) if character.isprintable())[:_NAME_LIMIT]
        raise CodingError(f"The Content-Encoding {shown} was not asked for and cannot be read.")
    return Decoder(packed[0], limit)


def _deflate_window(beginning: bytes) -> int:
    first = int.from_bytes(beginning[:2], "big")
    is_zlib = beginning[0] & _METHOD_MASK == _ZLIB_METHOD and first % _HEADER_MULTIPLE == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
