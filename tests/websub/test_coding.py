"""Bodies that came compressed are unpacked piece by piece (threats GZ-1 to GZ-5)."""

import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _websub.grammar.coding import ContentCodingError, content_decoder

Pack = Callable[[bytes], bytes]

CONTENT = b"<feed>" + os.urandom(3_000) + b" and again" * 20_000 + b"</feed>"


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


PACKED: dict[str, Pack] = {"gzip": gzip.compress, "deflate": zlib.compress, "bare deflate": raw_deflate}
CODINGS = [pytest.param(name.split()[-1], pack, id=name) for name, pack in PACKED.items()]


def unpacked(coding: str, *chunks: bytes) -> bytes:
    decoder = content_decoder([coding])
    content = b"".join(piece for chunk in chunks for piece in decoder.feed(chunk))
    decoder.finish()
    return content


@pytest.mark.parametrize("size", [1, 7, 4_096, 1_000_000])
@pytest.mark.parametrize(("coding", "pack"), CODINGS)
def test_what_was_packed_comes_out_however_it_arrives(coding: str, pack: Pack, size: int) -> None:
    packed = pack(CONTENT)
    assert unpacked(coding, *(packed[start : start + size] for start in range(0, len(packed), size))) == CONTENT


@pytest.mark.parametrize("name", ["gzip", "GZip", "x-gzip", " gzip ", "identity, gzip", "gzip,"])
def test_names_are_read_in_any_case_and_identity_is_none(name: str) -> None:
    assert unpacked(name, gzip.compress(CONTENT)) == CONTENT


@pytest.mark.parametrize("name", ["", "identity", " Identity ", "identity, identity"])
def test_what_is_not_packed_stays_as_it_is(name: str) -> None:
    assert unpacked(name, b"\x1f\x8b", b"\x08") == b"\x1f\x8b\x08"
    assert content_decoder([]).feed(b"x") is not None


def test_gzip_may_have_several_members_and_padding() -> None:
    packed = gzip.compress(b"one, ") + b"\0" * 700 + gzip.compress(b"") + gzip.compress(b"two") + b"\0\0"
    assert unpacked("gzip", packed) == b"one, two"
    assert unpacked("gzip", *(packed[n : n + 1] for n in range(len(packed)))) == b"one, two"


@pytest.mark.parametrize("values", [["gzip, gzip"], ["gzip", "deflate"], ["gzip, gzip, gzip"], ["br, gzip"]])
@pytest.mark.threat("GZ-2")
def test_more_than_one_layer_is_refused(values: list[str]) -> None:
    with pytest.raises(ContentCodingError, match="more than once"):
        content_decoder(values)


@pytest.mark.parametrize("name", ["br", "zstd", "compress", "aes128gcm"])
@pytest.mark.threat("GZ-5")
def test_what_is_not_understood_is_named(name: str) -> None:
    with pytest.raises(ContentCodingError, match=name):
        content_decoder([name])


@pytest.mark.parametrize("name", ["\x1b[2J", "x" * 41, "gz ip", "\u20ac"])
def test_a_name_that_is_none_is_not_shown(name: str) -> None:
    with pytest.raises(ContentCodingError) as caught:
        content_decoder([name])
    assert name not in str(caught.value)


@pytest.mark.parametrize(("coding", "pack"), CODINGS)
@pytest.mark.threat("GZ-4")
def test_what_ends_too_early_is_an_error_wherever_it_ends(coding: str, pack: Pack) -> None:
    packed = pack(b"some content " * 50)
    for end in range(len(packed)):
        with pytest.raises(ContentCodingError):
            unpacked(coding, packed[:end])


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("body", [b"not packed at all", b"\xff" * 100, b"\x1f\x8b\x08\x00" + b"\xff" * 100])
def test_what_is_something_else_is_an_error(coding: str, body: bytes) -> None:
    with pytest.raises(ContentCodingError):
        unpacked(coding, body)


@pytest.mark.parametrize(("coding", "pack"), CODINGS)
def test_what_follows_the_end_is_an_error(coding: str, pack: Pack) -> None:
    with pytest.raises(ContentCodingError):
        unpacked(coding, pack(b"content") + b"and more")
    with pytest.raises(ContentCodingError):
        unpacked(coding, pack(b"content"), b"and more")


@pytest.mark.threat("GZ-4")
def test_a_wrong_checksum_is_an_error() -> None:
    packed = bytearray(gzip.compress(b"content"))
    packed[-8] ^= 1
    with pytest.raises(ContentCodingError):
        unpacked("gzip", bytes(packed))


@pytest.mark.parametrize(("coding", "pack"), CODINGS)
@pytest.mark.threat("GZ-1")
def test_nothing_is_unpacked_ahead_of_what_is_taken(coding: str, pack: Pack) -> None:
    bomb = pack(b"\0" * 64 * 1_048_576)
    decoder = content_decoder([coding])
    tracemalloc.start()
    try:
        pieces = decoder.feed(bomb)
        taken = [len(next(pieces)) for _ in range(4)]
        assert tracemalloc.get_traced_memory()[1] < 2 * 1_048_576
    finally:
        tracemalloc.stop()
    assert max(taken) <= 65_536


def test_members_without_content_are_not_unpacked_for_ever() -> None:
    with pytest.raises(ContentCodingError, match="too many"):
        unpacked("gzip", gzip.compress(b"") * 10_001)


@given(st.binary(max_size=2_000), st.sampled_from(["gzip", "deflate"]), st.integers(1, 50))
def test_no_bytes_raise_anything_else(body: bytes, coding: str, size: int) -> None:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    with suppress(ContentCodingError):
        unpacked(coding, *chunks)
