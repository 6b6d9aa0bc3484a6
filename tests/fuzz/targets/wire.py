"""Bytes on the wire: answers of HTTP, and bodies that came compressed."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterable

import attrs
import h11

from _websub.grammar.coding import ContentCodingError, content_decoder
from tests.fuzz.target import Target, cut, parts_of, text_of, words
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.wire.answer import AnswerReader

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LIMITS = EngineLimits(head_bytes=8_192)
_BODY_LIMIT = 65_536
_UNPACKED_LIMIT = 4 * 1024 * 1024
_PIECE_LIMIT = 16_384


@attrs.frozen
class _Read:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def answer(data: bytes) -> None:
    """An answer has one meaning, however it is cut; where h11 understands it as well, it is the same.

    httpcore, and so httpx, reads answers by h11: what both read must agree, or a proxy of the one sort would see
    another answer than a hub.
    """
    for kept in (0, _BODY_LIMIT):
        whole = _outcome([data], kept)
        pieces = _outcome(cut(data), kept)
        assert _meaning(whole) == _meaning(pieces), "another answer in pieces"
    ours, theirs = _outcome([data], _BODY_LIMIT), _by_h11(data)
    if theirs is None or ours.failure is not None or ours.body_failure is not None:
        return
    assert ours.status == theirs.status, "another status than that of h11"
    assert ours.body == theirs.body, "another body than that of h11"
    # Values with control characters are none (RFC 9110, 5.5): we leave them out, and h11 takes most of them.
    # Lengths that agree may be made one (RFC 9110, 8.6), which h11 does; that they count, the body has shown.
    found = Counter((name.lower(), value.strip(" \t")) for name, value in ours.headers)
    expected = Counter(pair for pair in theirs.headers if not _CONTROL.search(pair[1]))
    for lengths in (found, expected):
        for pair in [pair for pair in lengths if pair[0] == "content-length"]:
            del lengths[pair]
    assert found == expected, "other headers than those of h11"


def _outcome(pieces: Iterable[bytes], kept: int) -> DeliveryOutcome:
    reader = AnswerReader(_LIMITS, kept, "POST")
    for piece in pieces:
        outcome = reader.feed(piece)
        if outcome is not None:
            break
    else:
        outcome = reader.end(DeliveryFailure.RESET, "The connection was closed.", closed=True)
    assert outcome.failure is None or not reader.reusable, "kept although it failed"
    assert outcome.failure is not None or 200 <= outcome.status < 1000, "no status of an answer"
    assert len(outcome.body) <= kept, "more of the body than was asked for"
    return outcome


def _meaning(outcome: DeliveryOutcome) -> object:
    return outcome.status, outcome.failure, outcome.delivered, outcome.retry_after


def _by_h11(data: bytes) -> _Read | None:
    """The answer that h11 reads, if it finds all of one in it and nothing wrong."""
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LIMITS.head_bytes)
    client.send(h11.Request(method="POST", target="/", headers=[("Host", "a"), ("Content-Length", "0")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    client.receive_data(b"")
    response, body = None, b""
    try:
        while True:
            event = client.next_event()
            if isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            elif not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                return None
    except h11.RemoteProtocolError:
        return None
    if response is None:
        return None
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
    return _Read(response.status_code, headers, body)


def coding(data: bytes) -> None:
    """A body is unpacked in small pieces, however it is cut, and to what the standard library makes of it."""
    name, body = parts_of(data, 2)
    values = [text_of(name)]
    whole = _unpacked([body], values)
    assert whole == _unpacked(cut(body), values), "something else in pieces"
    if whole is None:
        return
    expected = _by_library(text_of(name).strip().lower(), body)
    assert expected is None or whole == expected, "another content than that of the standard library"


def _unpacked(pieces: Iterable[bytes], values: list[str]) -> bytes | None:
    try:
        decoder = content_decoder(values)
        unpacked = bytearray()
        for piece in pieces:
            for part in decoder.feed(piece):
                assert values[0].strip() in {"", "identity"} or len(part) <= _PIECE_LIMIT, "a large piece"
                unpacked += part
                if len(unpacked) > _UNPACKED_LIMIT:
                    return None
        decoder.finish()
    except ContentCodingError:
        return None
    return bytes(unpacked)


def _by_library(name: str, body: bytes) -> bytes | None:
    try:
        if name in {"gzip", "x-gzip"}:
            return gzip.decompress(body)
        if name == "deflate":
            return zlib.decompress(body)
    except (OSError, EOFError, zlib.error):
        return None
    return body if name in {"", "identity"} else None


_HELLO = b"hello hello hello"
TARGETS = (
    Target(
        "answer",
        answer,
        (
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end",
            b"HTTP/1.0 503 Later\r\nRetry-After: 120\r\nConnection: keep-alive\r\n\r\n",
        ),
        (
            *words(
                "HTTP/1.1 HTTP/1.0 HTTP/2 200 204 304 100 101 102 410 503 600 999 Content-Length: Transfer-Encoding: "
                "chunked identity gzip, Connection: close keep-alive Upgrade: Retry-After: 0 +5 -1 5,5 5,6 0x5 "
                "99999999999999999999"
            ),
            b"\r\n",
            b"\r\n\r\n",
            b"\n\n",
            b"\r\n ",
            b": ",
            b" :",
            b"\x0b",
            b"\x00",
        ),
        work=2_000,
    ),
    Target(
        "coding",
        coding,
        (
            b"gzip\n" + gzip.compress(_HELLO, mtime=0),
            b"gzip\n" + gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0) + b"\0\0",
            b"deflate\n" + zlib.compress(_HELLO),
            b"deflate\n" + zlib.compress(_HELLO)[2:-4],
            b"identity\nhello",
            b"gzip, gzip\n" + gzip.compress(gzip.compress(_HELLO, mtime=0), mtime=0),
        ),
        (*words("gzip x-gzip deflate identity br zstd , \x1f\x8b\x08 x\x9c"), gzip.compress(b"\x00" * 99999, mtime=0)),
        work=2_000,
    ),
)
