"""Content-Encoding undone: the same in any pieces, and bounded by what comes out."""

import gzip
import zlib
from collections.abc import Callable

import pytest

from _websub.coding import CodingError, decoder_for

TEXT = b"It rains. " * 10_000
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
PACKED = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip in capitals": ("X-GZip", gzip.compress(TEXT)),
    "gzip of two members": ("gzip", gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:])),
    "gzip with padding": ("gzip", gzip.compress(TEXT) + b"\0" * 100),
    "gzip with something behind it": ("gzip", gzip.compress(TEXT) + b"x" * 100),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "deflate without its format": ("deflate", RAW.compress(TEXT) + RAW.flush()),
    "deflate with something behind it": ("deflate", zlib.compress(TEXT) + b"x" * 100),
    "gzip and nothing": ("identity, gzip", gzip.compress(TEXT)),
}


def unpack(coding: str, content: bytes, *, limit: int = len(TEXT), pieces: int = 1_000_000) -> bytes:
    decoder = decoder_for(coding, limit)
    assert decoder is not None
    parts = [decoder.feed(content[start : start + pieces]) for start in range(0, len(content), pieces)]
    return b"".join([*parts, decoder.finish()])


@pytest.mark.parametrize("pieces", [1, 100, 1_000_000])
@pytest.mark.parametrize("packed", PACKED)
def test_content_is_unpacked(packed: str, pieces: int) -> None:
    coding, content = PACKED[packed]
    assert unpack(coding, content, pieces=pieces) == TEXT


@pytest.mark.parametrize("header", [None, "", " ", "identity", "Identity, identity"])
def test_nothing_is_to_be_done_for_content_that_is_not_packed(header: str | None) -> None:
    assert decoder_for(header, 1) is None


@pytest.mark.parametrize(
    ("header", "named"),
    [("br", "br"), ("zstd", "zstd"), ("gzip, gzip", "gzip, gzip"), ("gzip,BR", "gzip, br"), ("\x1b[1m\r\nx", "[1mx")],
)
def test_what_cannot_be_unpacked_is_named(header: str, named: str) -> None:
    with pytest.raises(CodingError) as error:
        decoder_for(header, 1)
    assert named in str(error.value)
    assert str(error.value).isprintable()


def test_an_endless_name_is_not_repeated() -> None:
    with pytest.raises(CodingError) as error:
        decoder_for("x" * 100_000, 1)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("coding", "content", "reason"),
    [
        ("gzip", b"It rains.", "damaged"),
        ("gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8, "damaged"),
        ("gzip", gzip.compress(TEXT)[:-3], "in its middle"),
        ("gzip", b"", "in its middle"),
        ("deflate", b"\x78", "in its middle"),
        ("deflate", zlib.compress(TEXT)[:-1], "in its middle"),
        ("deflate", b"\xff" * 9, "damaged"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 1_000_000])
def test_what_is_wrong_is_said(coding: str, content: bytes, reason: str, pieces: int) -> None:
    with pytest.raises(CodingError, match=reason):
        unpack(coding, content, pieces=pieces)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_no_more_comes_out_than_the_limit_and_all_within_it(coding: str, pack: Callable[[bytes], bytes]) -> None:
    decoder = decoder_for(coding, 100_000)
    assert decoder is not None
    pieces = decoder.pieces(pack(b"\0" * 50_000_000))
    sizes = [len(next(pieces)) for _ in range(1 + 100_000 // 16_384)]
    assert sum(sizes) == 100_000
    assert max(sizes) == 16_384
    with pytest.raises(CodingError, match="too large"):
        next(pieces)
