"""An answer whose status line was read counts by its status; what follows only decides about the connection."""

import contextlib
import socket
import time
from collections.abc import Callable

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.websubhub.distribution.peers import NO_CONTENT, Peer, answering, open_engine, peer, reset, send
from websubhub import ContentDistributionMessage, HubClient, Subscription
from websubhub._distribution.delivery import SharedContent
from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.wire.answer import AnswerReader
from websubhub._distribution.wire.lenient import FIELDS_MOST, LenientHead

LIMITS = EngineLimits()
KEPT = 100
END = b"Retry-After: 7\r\nContent-Length: 5\r\n\r\nhello"

#: Answers with Retry-After, and the body that can be read of each; other readers take most of them.
UNSOUND = {
    "the length twice": (b"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n" + END, b"hello"),
    "the length as a list": (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 5, 5\r\n\r\nhello", b"hello"),
    "two lengths": (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n" + END, b""),
    "a signed length": (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: +5\r\n\r\nhello", b""),
    "a negative length": (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: -1\r\n\r\nhello", b""),
    "a length beyond reason": (b"HTTP/1.1 503\r\nRetry-After: 7\r\nContent-Length: 99999999999999999999\r\n\r\n", b""),
    "no length": (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: \r\n\r\nhello", b""),
    "a length and chunks": (b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n" + END, b""),
    "chunks twice": (
        b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nTransfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello",
    ),
    "bad chunks": (
        b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        b"hello",
    ),
    "an unknown coding": (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nTransfer-Encoding: gzip\r\n\r\nhello", b"hello"),
    "a folded line": (b"HTTP/1.1 503 Busy\r\nX: a\r\n b\r\n\tc\r\n" + END, b"hello"),
    "a folded first line": (b"HTTP/1.1 503 Busy\r\n folded\r\n" + END, b"hello"),
    "line feeds": (b"HTTP/1.1 503 Busy\nRetry-After: 7\nContent-Length: 5\n\nhello", b"hello"),
    "one line feed": (b"HTTP/1.1 503 Busy\r\nX: y\n" + END, b"hello"),
    "line feeds before": (b"HTTP/1.1 100 Continue\n\nHTTP/1.1 503 Busy\r\n" + END, b"hello"),
    "an empty line before": (b"\r\nHTTP/1.1 503 Busy\r\n" + END, b"hello"),
    "no reason": (b"HTTP/1.1 503\n" + END, b"hello"),
    "two spaces": (b"HTTP/1.1  503  Busy\r\n" + END, b"hello"),
    "a tab": (b"HTTP/1.1\t503\tBusy\r\n" + END, b"hello"),
    "another version": (b"HTTP/2 503 Busy\r\n" + END, b"hello"),
    "a version to come": (b"HTTP/1.7 503 Busy\r\n" + END, b"hello"),
    "no colon": (b"HTTP/1.1 503 Busy\r\nX\r\n" + END, b"hello"),
    "space before the colon": (b"HTTP/1.1 503 Busy\r\nRetry-After : 7\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "no name": (b"HTTP/1.1 503 Busy\r\n: x\r\n" + END, b"hello"),
    "an odd name": (b"HTTP/1.1 503 Busy\r\nX(y): z\r\nm\xc3\xb6: z\r\n" + END, b"hello"),
    "NUL in a name": (b"HTTP/1.1 503 Busy\r\nX\x00: y\r\n" + END, b"hello"),
    "NUL in a value": (b"HTTP/1.1 503 Busy\r\nX: \x00\r\n" + END, b"hello"),
    "a bare carriage return": (b"HTTP/1.1 503 Busy\r\nX: a\rb\r\n" + END, b"hello"),
}  # fmt: skip


def read(pieces: list[bytes], kept: int = 0) -> tuple[DeliveryOutcome, bool]:
    """The outcome, and whether the connection is kept; in the end the peer closes it."""
    reader = AnswerReader(LIMITS, kept, "POST")
    for piece in pieces:
        outcome = reader.feed(piece)
        if outcome is not None:
            return outcome, reader.reusable
    return reader.end(DeliveryFailure.RESET, "It was closed.", closed=True), reader.reusable


def cuts(data: bytes) -> list[list[bytes]]:
    return [[data], [bytes([byte]) for byte in data], *([data[:at], data[at:]] for at in range(1, len(data)))]


@pytest.mark.parametrize(("answer", "body"), UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_answer_counts_by_its_status_and_ends_the_connection(answer: bytes, body: bytes) -> None:
    for pieces in cuts(answer):
        outcome, reusable = read(pieces)
        assert (outcome.status, outcome.failure, outcome.retry_after, outcome.body) == (503, None, "7", b"")
        assert not reusable
        outcome, reusable = read(pieces, KEPT)
        assert (outcome.status, outcome.failure, outcome.retry_after, outcome.body) == (503, None, "7", body)
        assert not reusable


@pytest.mark.parametrize("ending", ["cut", "too many bytes", "too many lines"])
def test_a_head_that_does_not_end_counts_by_its_status(ending: str) -> None:
    more = {
        "cut": b"Unfinished: ",
        "too many bytes": b"X: " + b"x" * 2 * LIMITS.head_bytes,
        "too many lines": b"X:\r\n" * (FIELDS_MOST + 1),
    }[ending]
    for line in (b"HTTP/1.1 503 Busy\r\n", b"HTTP/1.1 503 Busy\n"):
        for kept in (0, KEPT):
            outcome, reusable = read([line, b"Retry-After: 7\r\n", more], kept)
            assert (outcome.status, outcome.failure, outcome.retry_after) == (503, None, "7")
            assert len(outcome.headers) <= FIELDS_MOST
            assert not reusable


@pytest.mark.parametrize("line", [b"X: y\r\n", b"X\r\n", b"X\n", b"\tx\r\n", b"a:\n"])
def test_an_endless_head_is_read_no_further_than_its_bound(line: bytes) -> None:
    reader = AnswerReader(LIMITS, 0, "POST")
    assert reader.feed(b"HTTP/1.1 503 Busy\r\n") is None
    fed = 0
    while (outcome := reader.feed(line * 100)) is None:
        fed += len(line) * 100
        assert fed <= LIMITS.head_bytes
    assert (outcome.status, outcome.failure, len(outcome.headers) <= FIELDS_MOST) == (503, None, True)


@pytest.mark.parametrize(
    "informational",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\n\n", b"HTTP/1.1 103 Early Hints\r\nX: y\n\n"],
)
def test_what_is_only_informational_is_no_answer(informational: bytes) -> None:
    outcome, reusable = read([informational] * 5)
    assert (outcome.status, outcome.failure, reusable) == (0, DeliveryFailure.RESET, False)
    outcome, reusable = read([informational] * 10_000)
    assert (outcome.status, outcome.failure, reusable) == (0, DeliveryFailure.TOO_LARGE, False)


def test_a_line_that_never_ends_is_searched_once() -> None:
    class Counting(bytearray):
        searched = 0

        def find(self, sub: bytes, start: int = 0) -> int:  # type: ignore[override]
            Counting.searched += len(self) - start
            return super().find(sub, start)

    head = LenientHead()
    head._buffer = Counting()
    head.feed(b"HTTP/1.1 200 OK\nX: ")
    for _ in range(10_000):
        head.feed(b"xx")
    assert Counting.searched < 2 * len(head._buffer) + 100


# --- the same as h11 says, which reads verifications and topics -----------------------------------------------------

_LINES = [
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503\r\n", b"HTTP/1.0 204 No\n", b"HTTP/1.1 100 Continue\r\n",
    b"HTTP/1.1 304 \r\n", b"Content-Length: 5\r\n", b"Content-Length: 5\n", b"content-length: 5 , 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n", b"X: y\r\n", b" folded\r\n", b"X:\t\xff \n",
    b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Retry-After: 7\r\n", b"\r\n", b"\n", b"hello",
    b"5\r\nhello\r\n", b"0\r\n\r\n", b"5;x=y\r\nhello\r\n", b"0\r\nTrailer: x\r\n\r\n",
]  # fmt: skip
_SOUND = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    b"HTTP/1.0 500 Broken\r\nX: y\r\n\r\nuntil it is closed",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A sound answer of which a few bytes were changed, added or taken away."""
    answer = bytearray(draw(st.sampled_from(_SOUND)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(answer)))
        until = min(len(answer), at + draw(st.integers(0, 3)))
        answer[at:until] = draw(
            st.sampled_from(_LINES) | st.binary(max_size=2) | st.sampled_from([b"\n", b" ", b":", b","])
        )
    return bytes(answer)


def as_h11_reads(answer: bytes) -> tuple[int, bytes, bytes] | None:
    """The status, the body, and what follows, if h11 takes the answer for complete."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        for data in (answer, b""):
            connection.receive_data(data)
            while (event := connection.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    return status, body, connection.trailing_data[0]
                elif not isinstance(event, h11.InformationalResponse):
                    return None
    except h11.RemoteProtocolError:
        return None
    return None


@given(mutated() | st.lists(st.sampled_from(_LINES), max_size=8).map(b"".join), st.integers(1, 30))
@example(b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 5, 5\nContent-Length: 5\r\n\nhello", 3)
def test_what_h11_takes_for_an_answer_has_the_same_status_here(answer: bytes, size: int) -> None:
    theirs = as_h11_reads(answer)
    pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
    for cut in ([answer], pieces):
        for kept in (0, 1000):
            outcome, reusable = read(cut, kept)
            if theirs is not None:
                status, body, _ = theirs
                assert (outcome.status, outcome.failure) == (status, None)
                assert outcome.body_failure is not None or not kept or outcome.body == body
                # What comes in another piece is noticed before the connection is used again.
                assert not reusable or cut is pieces or theirs[2] == b"", "nothing is left for the next delivery"


# --- over sockets -----------------------------------------------------------------------------------------------------


async def test_a_connection_is_closed_after_an_unsound_answer() -> None:
    answers = [answer for answer, _ in UNSOUND.values()]
    until_the_end, _ = UNSOUND["an unknown coding"]

    def script(server: Peer, sock: socket.socket, number: int) -> None:
        server.receive(sock)
        answer = answers[number % len(answers)]
        sock.sendall(answer)
        if answer == until_the_end:
            return
        with contextlib.suppress(ConnectionError):
            server.receive(sock)
            sock.sendall(NO_CONTENT)

    for kept in (0, KEPT):
        with peer(script) as server:
            async with open_engine(connections_per_origin=1) as engine:
                outcomes = await send(
                    engine, [server.url] * len(answers), SharedContent(body=b"", kept_body_bytes=kept)
                )
        assert {(outcome.status, outcome.failure, outcome.retry_after) for outcome in outcomes} == {(503, None, "7")}
        assert (len(server.requests), server.connections) == (len(answers), len(answers))


def _stall(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.recv(1)


def _flood(sock: socket.socket) -> None:
    while True:
        sock.sendall(b"X: " + b"x" * 1000 + b"\r\n")


def _reset_soon(sock: socket.socket) -> None:
    time.sleep(0.02)
    reset(sock)


@pytest.mark.parametrize("then", [socket.socket.close, _reset_soon, _stall, _flood])
@pytest.mark.parametrize("line", [b"HTTP/1.1 410 Gone\r\n", b"HTTP/1.1 200\nX: y\r\n", b"HTTP/1.1 503 Busy\r\nX"])
async def test_a_status_counts_whatever_the_peer_does_after_its_line(
    line: bytes, then: Callable[[socket.socket], None]
) -> None:
    with peer(answering(line, then=then)) as server:
        async with open_engine(total_seconds=0.5) as engine:
            outcomes = await send(engine, [server.url] * 2)
    assert {(outcome.status, outcome.failure) for outcome in outcomes} == {(int(line[9:12]), None)}
    assert server.connections == 2


async def test_the_answer_of_a_subscriber_is_kept_as_far_as_it_is_sound() -> None:
    long = b"HTTP/1.1 201 Created\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000
    for answer, body in (
        (b"HTTP/1.1 201 Created\nContent-Length: 5\n\nhello", b"hello"),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b""),
        (long, b"x" * 65_536),
    ):
        with peer(answering(answer, then=socket.socket.close)) as server:
            subscription = Subscription(
                hub="http://127.0.0.1/hub", topic="http://t.example/", callback=server.url, lease_seconds=60
            )
            async with HubClient(subscription) as client:
                success = await client.notify_content_distribution(ContentDistributionMessage(content=b"x"))
        assert (success.status, success.body) == (201, body)
