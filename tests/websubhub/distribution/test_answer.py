"""Every answer, however it is cut, has one meaning; every malformed one is an outcome."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websubhub._distribution.limits import EngineLimits
from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.wire.answer import AnswerReader

LIMITS = EngineLimits(head_bytes=1024, ignored_body_bytes=64)

KEPT = [
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    (b"HTTP/1.1 204\r\nDate: now\r\n\r\n", 204, b""),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 202, b""),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", 200, b"abcde"),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    (b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!", 200, b"!"),
    (b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone", 410, b"gone"),
    (b"HTTP/1.1 599 Own\r\nContent-Length: 0\r\n\r\n", 599, b""),
    (b"HTTP/1.1 700 Own\r\nContent-Length: 0\r\n\r\n", 700, b""),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n", 304, b""),
]
CLOSED = [
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
    (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", 204),
    (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200),
    (b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204),
    (b"HTTP/1.1 204 No Content\r\n\r\ngarbage", 204),
    (b"HTTP/1.1 204 No Content\r\n\r\n\r\n", 204),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok?", 200),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 100, 200),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", 200),
    (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
]
MALFORMED = [
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200OK\r\nContent-Length: 0\r\n\r\n",
    b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n",
    b" HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\n\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n220 smtp ready\r\n",
]


def read(pieces: list[bytes], kept: int = 0, method: str = "POST") -> tuple[DeliveryOutcome | None, AnswerReader]:
    reader = AnswerReader(LIMITS, kept, method)
    for piece in pieces:
        outcome = reader.feed(piece)
        if outcome is not None:
            return outcome, reader
    return None, reader


def cuts(data: bytes) -> list[list[bytes]]:
    return [[data], [bytes([byte]) for byte in data], *([data[:at], data[at:]] for at in range(1, len(data)))]


@pytest.mark.parametrize(("answer", "status", "body"), KEPT)
def test_complete_answer_leaves_the_connection_for_the_next_delivery(answer: bytes, status: int, body: bytes) -> None:
    for pieces in cuts(answer):
        outcome, reader = read(pieces)
        assert outcome is not None
        assert (outcome.status, outcome.failure, outcome.body, reader.reusable) == (status, None, b"", True)
        outcome, reader = read(pieces, kept=100)
        assert outcome is not None
        assert (outcome.status, outcome.failure, outcome.body, reader.reusable) == (status, None, body, True)


@pytest.mark.parametrize(("answer", "status"), CLOSED)
def test_answer_that_ends_the_connection_counts_all_the_same(answer: bytes, status: int) -> None:
    outcome, reader = read([answer])
    assert outcome is not None
    assert (outcome.status, outcome.failure, reader.reusable) == (status, None, False)


@pytest.mark.parametrize("answer", MALFORMED)
def test_malformed_answer_is_an_outcome(answer: bytes) -> None:
    for pieces in cuts(answer):
        outcome, reader = read(pieces)
        assert outcome is not None
        assert (outcome.failure, outcome.delivered, reader.reusable) == (DeliveryFailure.MALFORMED_ANSWER, False, False)
        assert outcome.detail


@pytest.mark.threat("DOS-5")
def test_storm_of_informational_answers_is_bounded() -> None:
    outcome, _ = read([b"HTTP/1.1 100 Continue\r\n\r\n"] * 50)
    assert outcome is not None
    assert outcome.failure is DeliveryFailure.TOO_LARGE


def test_wanted_body_is_bounded() -> None:
    for pieces in ([b"x" * 101], [b"x"] * 101, [b"x" * 99, b"xx"]):
        outcome, reader = read([b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", *pieces], kept=100)
        assert outcome is not None
        assert (outcome.status, outcome.failure, outcome.delivered) == (200, None, True)
        assert (outcome.body, outcome.body_failure) == (b"x" * 100, DeliveryFailure.TOO_LARGE)
        assert not reader.reusable


def test_wanted_body_may_end_with_the_connection() -> None:
    outcome, reader = read([b"HTTP/1.1 200 OK\r\n\r\nhello"], kept=100)
    assert outcome is None
    assert reader.end(DeliveryFailure.RESET, "closed", closed=True).body == b"hello"


def test_cut_body_that_is_wanted_is_what_was_read_of_it() -> None:
    for head in (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"HTTP/1.1 200 OK\r\n\r\nabc"):
        outcome, reader = read([head], kept=100)
        assert outcome is None
        outcome = reader.end(DeliveryFailure.RESET, "reset")
        assert (outcome.status, outcome.failure, outcome.delivered) == (200, None, True)
        assert (outcome.body, outcome.body_failure, outcome.detail) == (b"abc", DeliveryFailure.RESET, "reset")


def test_cut_body_that_is_not_wanted_takes_nothing_from_the_answer() -> None:
    outcome, reader = read([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
    assert outcome is None
    assert reader.end(DeliveryFailure.TIMEOUT, "slow").delivered


def test_answer_to_head_has_no_body() -> None:
    outcome, reader = read([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"], kept=100, method="HEAD")
    assert outcome is not None
    assert (outcome.status, outcome.failure, outcome.body, reader.reusable) == (200, None, b"", False)


def test_header_fields_are_those_of_the_final_answer() -> None:
    answer = (
        b"HTTP/1.1 103 Early Hints\r\nA: 1\r\n\r\n"
        b"HTTP/1.1 503 Busy\r\nrETRY-aFTER: 120\r\nB: \xe9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n"
    )
    for pieces in cuts(answer):
        outcome, _ = read(pieces)
        assert outcome is not None
        assert outcome.headers == (("rETRY-aFTER", "120"), ("B", "é"), ("Transfer-Encoding", "chunked"))
        assert outcome.retry_after == "120"


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from([0, 10]))
def test_no_bytes_make_the_reader_fail(pieces: list[bytes], kept: int) -> None:
    outcome, reader = read([b"HTTP/1.1 200 OK\r\n", *pieces], kept)
    assert (outcome or reader.end(DeliveryFailure.RESET, "end")).status in {0, 200}


@pytest.mark.threat("AMP-5", "DOS-5")
@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", b"x" * 100),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 16),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"y" * 90 + b"\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: " + b"y" * 90 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 90 + b"\r\n"),
        (b"", b"HTTP/1.1 102 P\r\n\r\n" * 5),
    ],
    ids=["length", "close", "chunks", "extensions", "trailers", "head", "informational"],
)
def test_no_answer_makes_its_server_send_more_than_a_share_of_bytes(beginning: bytes, piece: bytes) -> None:
    reader, sent = AnswerReader(LIMITS, 0, "POST"), len(beginning)
    outcome = reader.feed(beginning)
    while outcome is None:
        outcome = reader.feed(piece)
        sent += len(piece)
        assert sent <= LIMITS.head_bytes + 8 * LIMITS.ignored_body_bytes + len(beginning) + len(piece)
    assert not reader.reusable, "and what follows is not read, as the connection is closed"


@pytest.mark.parametrize(("status", "kept"), [(500, b"0123456789"), (404, b"0123456789"), (204, b""), (200, b"")])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_beginning_of_an_error_is_kept_and_costs_no_waiting(status: int, kept: bytes, size: int) -> None:
    body = b"0123456789abcdefghij" if status != 204 else b""
    answer = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    reader = AnswerReader(LIMITS, 0, "POST", error_body_bytes=10)
    outcomes = [reader.feed(answer[start : start + size]) for start in range(0, len(answer), size)]
    [outcome] = [outcome for outcome in outcomes if outcome is not None]
    assert (outcome.status, outcome.body, outcome.body_failure) == (status, kept, None)
    assert reader.reusable


def test_an_error_without_an_end_is_an_outcome_with_its_beginning() -> None:
    reader = AnswerReader(LIMITS, 0, "POST", error_body_bytes=10)
    assert reader.feed(b"HTTP/1.1 500 X\r\nContent-Length: 50\r\n\r\nabc") is None
    outcome = reader.end(DeliveryFailure.TIMEOUT, "too slow")
    assert (outcome.status, outcome.body, outcome.failure) == (500, b"abc", None)
