"""Requests that two programs on the way could read in two ways, and what the server makes of each (SMG)."""

import re
import sys
from contextlib import suppress

import anyio
import h11
import pytest
from anyio.abc import SocketStream

from _websub.asgi.edge import AsgiEdge
from _websub.grammar import heads
from _websub.http import Answer, Request, plain
from _websub.server.streams import strict
from tests.websub.peers import connected, read_all, read_message, served, status_of
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

HEAD = b"POST /hub HTTP/1.1\r\nHost: hub.test\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BODY = b"3\r\nabc\r\n0\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: hub.test\r\n\r\n"
AS_BODY = b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN
UPGRADE = b"Connection: Upgrade\r\nUpgrade: other\r\n"
H2C = HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
WEBSOCKET = (
    b"GET /hub HTTP/1.1\r\nHost: hub.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CONNECT = b"CONNECT hub.test:80 HTTP/1.1\r\nHost: hub.test:80\r\n"

#: What comes, and the statuses of all that is answered; 0 is a connection that is closed without an answer.
CASES: dict[str, tuple[bytes, list[int]]] = {
    "Content-Length and Transfer-Encoding": (HEAD + b"Content-Length: 3\r\n" + CHUNKED + b"\r\n" + BODY, [400]),
    "the other way round": (HEAD + CHUNKED + b"Content-Length: 3\r\n\r\n" + BODY, [400]),
    "bare LF in the head": (HEAD.replace(b"\r\n", b"\n") + b"\n", [400]),
    "one bare LF": (b"POST /hub HTTP/1.1\r\nHost: hub.test\nX: y\r\n\r\n", [400]),
    "bare LF at the end": (HEAD + b"X: y\r\n\n", [400]),
    "bare CR in a value": (HEAD + b"X: y\rz\r\n\r\n", [400]),
    "obs-fold": (HEAD + b"X: y\r\n z\r\n\r\n", [400]),
    "obs-fold with a tab": (HEAD + b"X: y\r\n\tz\r\n\r\n", [400]),
    "Transfer-Encoding folded": (HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + BODY, [400]),
    "fold before Transfer-Encoding": (HEAD + b"X: y\r\n " + CHUNKED + b"\r\n" + BODY, [400]),
    "space before the first header": (b"POST /hub HTTP/1.1\r\n " + CHUNKED + b"Host: x\r\n\r\n" + BODY, [400]),
    "fold in a name": (HEAD + b"Transfer-\r\n Encoding: chunked\r\n\r\n" + BODY, [400]),
    "two different lengths": (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", [400]),
    "two equal lengths": (HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", [200]),
    "a list of equal lengths": (HEAD + b"Content-Length: 3, 3\r\n\r\nabc", [200]),
    "a list of different lengths": (HEAD + b"Content-Length: 3, 4\r\n\r\nabc", [400]),
    "length with a plus": (HEAD + b"Content-Length: +3\r\n\r\nabc", [400]),
    "length with a minus": (HEAD + b"Content-Length: -3\r\n\r\nabc", [400]),
    "length in hexadecimal": (HEAD + b"Content-Length: 0x3\r\n\r\nabc", [400]),
    "length with an underscore": (HEAD + b"Content-Length: 1_0\r\n\r\nabc", [400]),
    "empty length": (HEAD + b"Content-Length: \r\n\r\n", [400]),
    "huge length": (HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", [400]),
    "no Host": (b"POST /hub HTTP/1.1\r\n\r\n", [400]),
    "two Hosts": (HEAD + b"Host: other.test\r\n\r\n", [400]),
    "Host with a path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", [400]),
    "space before the colon": (HEAD + b"X : y\r\n\r\n", [400]),
    "Transfer-Encoding with a space": (HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + BODY, [400]),
    "NUL in a value": (HEAD + b"X: \0\r\n\r\n", [400]),
    "NUL in a name": (HEAD + b"X\0: y\r\n\r\n", [400]),
    "header without a colon": (HEAD + b"nothing\r\n\r\n", [400]),
    "header without a name": (HEAD + b": y\r\n\r\n", [400]),
    "other Transfer-Encoding": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + BODY, [501]),
    "Transfer-Encoding identity": (HEAD + b"Transfer-Encoding: identity\r\n\r\n", [501]),
    "Transfer-Encoding xchunked": (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + BODY, [501]),
    "Transfer-Encoding with a quality": (HEAD + b"Transfer-Encoding: chunked;q=1\r\n\r\n" + BODY, [501]),
    "Transfer-Encoding twice": (HEAD + CHUNKED + CHUNKED + b"\r\n" + BODY, [501]),
    "Transfer-Encoding in capitals": (HEAD + CHUNKED.upper() + b"\r\n" + BODY, [200]),
    "Transfer-Encoding with a vertical tab": (HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + BODY, [400]),
    "Transfer-Encoding in HTTP/1.0": (HEAD.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + BODY, [400]),
    "chunked": (HEAD + CHUNKED + b"\r\n" + BODY, [200]),
    "garbage after a chunk": (HEAD + CHUNKED + b"\r\n3\r\nabcXX0\r\n\r\n", [400]),
    "chunk with a minus": (HEAD + CHUNKED + b"\r\n-3\r\nabc\r\n0\r\n\r\n", [400]),
    "chunk with a prefix": (HEAD + CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n", [400]),
    "chunk too large for a number": (HEAD + CHUNKED + b"\r\n" + b"f" * 40 + b"\r\nabc\r\n0\r\n\r\n", [400]),
    "request after garbage of a chunk": (HEAD + CHUNKED + b"\r\n0\r\nX" + b"\r\n\r\n" + HIDDEN, [400]),
    "20,000 chunks of one byte": (HEAD + CHUNKED + b"\r\n" + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n", [400]),
    "1,000 chunks of one byte": (HEAD + CHUNKED + b"\r\n" + b"1\r\nx\r\n" * 1_000 + b"0\r\n\r\n", [200]),
    "CONNECT": (CONNECT + b"\r\n", [501]),
    "request as the body of CONNECT": (CONNECT + AS_BODY, [501]),
    "request as the body of an upgrade": (HEAD + UPGRADE + AS_BODY, [200]),
    "upgrade with a chunked body": (HEAD + UPGRADE + CHUNKED + b"\r\n" + BODY, [200]),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: hub.test\r\n\r\n", [501]),
    "target without a slash": (b"GET hub HTTP/1.1\r\nHost: hub.test\r\n\r\n", [400]),
    "target of another scheme": (b"GET ftp://hub.test/hub HTTP/1.1\r\nHost: hub.test\r\n\r\n", [400]),
    "space in the target": (b"GET /a b HTTP/1.1\r\nHost: hub.test\r\n\r\n", [400]),
    "tab in the request line": (b"GET\t/hub\tHTTP/1.1\r\nHost: hub.test\r\n\r\n", [400]),
    "HTTP/2.0 in the request line": (b"GET /hub HTTP/2.0\r\nHost: hub.test\r\n\r\n", [505]),
    "HTTP/9.9": (b"GET /hub HTTP/9.9\r\nHost: hub.test\r\n\r\n", [505]),
    "HTTP/0.9": (b"GET /hub\r\n\r\n", [400]),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", [505]),
    "h2c": (H2C, [200]),
    "20 KB of headers": (HEAD + b"X: " + b"y" * 20_000 + b"\r\n\r\n", [431]),
    "20 KB of many headers": (HEAD + b"X: y\r\n" * 3_400 + b"\r\n", [431]),
    "20 KB of target": (b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: hub.test\r\n\r\n", [431]),
    "15 KB of headers": (HEAD + b"X: " + b"y" * 15_000 + b"\r\n\r\n", [200]),
    "TLS in the clear": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100, [400]),
    "empty line first": (b"\r\n" + HEAD + b"\r\n", [400]),
    "WebSocket": (WEBSOCKET, [200]),
    "WebSocket and a request": (WEBSOCKET + HIDDEN, [200, 200]),
    "WebSocket between two requests": (HIDDEN + WEBSOCKET + HIDDEN, [200, 200, 200]),
    "WebSocket and a frame": (WEBSOCKET + b"\x81\x05hello", [200]),
    "h2c and a request": (H2C + HIDDEN, [200, 200]),
    "two requests at once": (HEAD + b"\r\n" + HIDDEN, [200, 200]),
    "more than the length says": (HEAD + b"Content-Length: 3\r\n\r\nabc" + HIDDEN, [200, 200]),
    "less than the length says": (HEAD + b"Content-Length: 30\r\n\r\nabc", [0]),
}


async def echo(request: Request) -> Answer:
    return Answer(plain(200, f"{request.path} {len(request.body)}"))


def statuses_of(answers: bytes) -> list[int]:
    """The statuses of all answers on a connection."""
    return [status_of(b"HTTP/1.1" + each) for each in answers.split(b"HTTP/1.1")[1:]] or [0]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.threat(
    "SMG-1",
    "SMG-2",
    "SMG-3",
    "SMG-4",
    "SMG-5",
    "SMG-6",
    "SMG-7",
    "SMG-8",
    "SMG-9",
    "SMG-10",
    "SMG-11",
    "SMG-12",
    "SMG-13",
    "SMG-14",
    "SMG-15",
)
async def test_smuggling(case: str, caplog: pytest.LogCaptureFixture) -> None:
    request, expected = CASES[case]
    async with served(AsgiEdge(echo)) as url:
        async with connected(url) as stream:
            await stream.send(request)
            await stream.send_eof()
            assert statuses_of(await read_all(stream)) == expected
        async with connected(url) as stream:
            await stream.send(HEAD + b"\r\n")
            await stream.send_eof()
            assert statuses_of(await read_all(stream)) == [200]
    assert caplog.messages == []


@pytest.mark.parametrize("behind", [b"Connection: close\r\n", UPGRADE], ids=["close", "upgrade"])
@pytest.mark.threat("SMG-5")
async def test_what_comes_behind_a_body_leaves_no_request_unanswered(behind: bytes) -> None:
    """Either it is the last request, which its answer says, or the next one is answered."""
    async with served(AsgiEdge(echo), idle_seconds=600) as url, connected(url) as stream:
        await stream.send(HEAD + CHUNKED + b"\r\n3\r\nabc\r\n0\r\n" + behind + b"\r\n")
        first = await read_message(stream)
        assert status_of(first) == 200
        if b"connection: close" not in first:
            await stream.send(HIDDEN)
            assert status_of(await read_message(stream)) == 200


@pytest.mark.parametrize("pause", [False, True], ids=["at once", "one after the other"])
async def test_a_request_behind_a_chunked_body_is_answered_or_known_to_be_not(pause: bool) -> None:  # noqa: FBT001
    async with served(AsgiEdge(echo)) as url, connected(url) as stream:
        await stream.send(HEAD + CHUNKED + b"\r\n" + BODY + (b"" if pause else HIDDEN))
        first = await read_message(stream)
        assert status_of(first) == 200
        if b"connection: close" in first:
            assert not pause
            return
        if pause:
            await stream.send(HIDDEN)
        await stream.send_eof()
        assert b"/hidden" in await read_all(stream)


@pytest.mark.parametrize(
    ("case", "size"),
    [
        *[(case, size) for case in ("obs-fold", "one bare LF", "chunked", "preface of HTTP/2") for size in (1, 2, 7)],
        ("20 KB of many headers", 100),
        ("20 KB of headers", 1_000),
    ],
)
async def test_pieces_make_no_difference(case: str, size: int) -> None:
    request, expected = CASES[case]
    async with (
        served(AsgiEdge(echo), idle_seconds=60) as url,
        connected(url) as stream,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(_send_in_pieces, stream, request, size)
        assert statuses_of(await read_all(stream)) == expected
        tasks.cancel_scope.cancel()


async def _send_in_pieces(stream: SocketStream, request: bytes, size: int) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        for start in range(0, len(request), size):
            await stream.send(request[start : start + size])
        await stream.send_eof()


@pytest.mark.threat("DOS-5")
def test_a_body_in_the_smallest_pieces_is_given_up_before_it_is_read() -> None:
    connection = strict.StrictConnection(h11.SERVER, max_incomplete_event_size=16_384)
    connection.receive_data(HEAD + CHUNKED + b"\r\n" + b"1\r\nx\r\n" * 20_000)
    events = list[object]()
    with pytest.raises(h11.RemoteProtocolError, match="small pieces"):
        events.extend(iter(connection.next_event, h11.NEED_DATA))
    assert len(events) <= 1_100


def test_a_head_in_pieces_costs_no_more_than_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are counted that are looked at, not seconds."""
    looked_at = 0

    class Counting:
        def __init__(self, pattern: "re.Pattern[bytes]") -> None:
            self._pattern = pattern

        def search(self, text: bytes, start: int = 0, end: int = sys.maxsize) -> "re.Match[bytes] | None":
            nonlocal looked_at
            looked_at += min(len(text), end) - start
            return self._pattern.search(text, start, end)

    for name in ("_AMBIGUOUS", "_HEAD_ENDS"):
        monkeypatch.setattr(heads, name, Counting(getattr(heads, name)))
    head = HEAD + b"X: y\r\n" * 2_000 + b"\r\n"
    connection = strict.StrictConnection(h11.SERVER, max_incomplete_event_size=16_384)
    events = []
    for byte in head:
        connection.receive_data(bytes([byte]))
        events.append(connection.next_event())
    assert isinstance(events[-1], h11.Request)
    assert looked_at < 10 * len(head)
