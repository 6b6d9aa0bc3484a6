"""What is sent is what was asked for, byte for byte, or nothing at all."""

import hmac

import pytest

from _websub.grammar.signature import sign
from tests.websubhub.distribution.peers import NO_CONTENT, answering, deliver, open_engine, peer, send, send_one
from websubhub._distribution.delivery import Delivery, SharedContent
from websubhub._distribution.origins.directory import Origins
from websubhub._distribution.origins.origin import split_callback
from websubhub._distribution.outcome import DeliveryFailure


async def test_request_is_exactly_this() -> None:
    content = SharedContent(
        body=b"<feed/>",
        headers=[
            ("Content-Type", "application/atom+xml"),
            ("Link", '<https://a.example/>; rel="self"'),
            ("X-Own", "é"),
        ],
    )
    with peer(answering(NO_CONTENT)) as server:
        callback = f"{server.url}/cb//%7e/..;a=%2F?x=%00&y='\"<>"
        delivery = Delivery(callback=callback, content=content, secret="s")
        async with open_engine() as engine:
            outcome = await deliver(engine, delivery)
    assert outcome.delivered
    signature = hmac.new(b"s", b"<feed/>", "sha256").hexdigest()
    assert server.requests == [
        (
            "POST /cb//%7e/..;a=%2F?x=%00&y='\"<> HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{server.port}\r\n"
            "Content-Type: application/atom+xml\r\n"
            'Link: <https://a.example/>; rel="self"\r\n'
            "X-Own: é\r\n"
            "User-Agent: websubhub/0.1.0\r\n"
            "Accept-Encoding: identity\r\n"
            "Content-Length: 7\r\n"
            f"X-Hub-Signature: sha256={signature}\r\n"
            "\r\n<feed/>"
        ).encode("latin-1")
    ]


@pytest.mark.parametrize(
    ("callback", "prefix", "target", "host"),
    [
        ("http://a.example", "http://a.example", "/", "a.example"),
        ("http://a.example?x=/y", "http://a.example", "/?x=/y", "a.example"),
        ("HTTP://A.Example:80/X", "http://a.example", "/X", "a.example"),
        ("https://a.example:443/x?y", "https://a.example", "/x?y", "a.example"),
        ("https://a.example:8443/", "https://a.example:8443", "/", "a.example:8443"),
        ("http://a.example:/x", "http://a.example", "/x", "a.example"),
        ("http://[2001:DB8::1]/x", "http://[2001:db8::1]", "/x", "[2001:db8::1]"),
        ("http://[2001:db8::1]:81/x", "http://[2001:db8::1]:81", "/x", "[2001:db8::1]:81"),
        ("http://bücher.example/ü", "http://xn--bcher-kva.example", "/%C3%BC", "xn--bcher-kva.example"),
    ],
)
def test_callback_is_split_into_origin_and_target(callback: str, prefix: str, target: str, host: str) -> None:
    found = split_callback(callback)
    assert found is not None
    assert (found[0].prefix, found[1]) == (prefix, target)
    assert found[0].request_end == f" HTTP/1.1\r\nHost: {host}\r\n"


REFUSED = [
    "",
    "/path",
    "ftp://a.example/",
    "http://",
    "http:///x",
    "http://user@a.example/",
    "http://user:password@a.example/",
    "http://a.example:0/",
    "http://a.example:65536/",
    "http://a.example:99999999/",
    "http://a.example:x/",
    "http://a.example/#fragment",
    "http://a.example/a b",
    "http://a.example/a\r\nX: y",
    "http://a.example/\x00",
    "http://a.example\\@127.0.0.1/",
    "http://exa%6dple.com/",
    "http://[::1/",
    "http://[::g]/",
    "http://[::1%25lo]/",
    f"http://{'a' * 300}.example/",
    "http://a.example/\ud800",
]


async def test_callback_that_cannot_be_sent_is_an_outcome() -> None:
    async with open_engine() as engine:
        outcomes = await send(engine, REFUSED)
    for callback, outcome in zip(REFUSED, outcomes, strict=True):
        assert (callback, outcome.failure, outcome.status) == (callback, DeliveryFailure.INVALID_REQUEST, 0)


async def test_known_origin_does_not_open_a_way_around_the_checks() -> None:
    paths = ["/a b", "/a\r\nX: y", "/\x00", "/#x", "/\x7f", "/\ud800"]
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine:
            assert (await send_one(engine, f"{server.url}/first")).delivered
            outcomes = await send(engine, [f"{server.url}{path}" for path in paths])
            assert [outcome.failure for outcome in outcomes] == [DeliveryFailure.INVALID_REQUEST] * len(paths)
            assert (await send_one(engine, f"{server.url}/é")).delivered
            assert (await send_one(engine, f"{server.url}/last")).delivered
    assert [request.split()[1] for request in server.requests] == [b"/first", b"/%C3%A9", b"/last"]
    assert server.connections == 1


HEADERS = [
    ("X", "a\r\nY: b"),
    ("X", "a\nb"),
    ("X", "a\rb"),
    ("X", "a\x00b"),
    ("X: y\r\nZ", "a"),
    ("X y", "a"),
    ("", "a"),
    ("X", "\u2028"),
    ("X", "\ud800"),
]


@pytest.mark.parametrize("callback", ["http://sub.example/a?b", "HTTP://Sub.Example:80/a?b", "http://sub.example./a?b"])
def test_a_callback_that_was_located_before_leads_to_the_same_place(callback: str) -> None:
    origins = Origins(10)
    first, again = origins.locate(callback), origins.locate(callback)
    assert first is not None
    assert again is first, "it is only looked up"
    assert first[0] is origins.all()[0]


def test_located_callbacks_are_bounded_and_make_room_for_others() -> None:
    origins = Origins(10)
    for number in range(5_000):
        assert origins.locate(f"http://sub.example/{number}")
    kept = len(origins._located)
    assert 0 < kept < 5_000
    origins.tidy(now=100.0)
    latest = origins.locate("http://sub.example/4999")
    assert origins.locate("http://sub.example/4999") is latest
    origins.tidy(now=100.1)
    assert len(origins._located) == 1, "it was forgotten a moment ago"
    assert origins.locate(f"http://sub.example/{'a' * 2_000}")
    assert len(origins._located) == 1, "one that long is not remembered"


def test_a_forgotten_origin_is_not_found_by_a_callback_that_led_to_it() -> None:
    origins = Origins(2)
    for _ in range(3):
        for number in range(9):
            found = origins.locate(f"http://sub{number}.example/")
            assert found is not None
            assert found[0] in origins.all()


async def test_header_that_would_split_the_request_is_never_sent() -> None:
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine:
            for pair in HEADERS:
                shared = SharedContent(body=b"", headers=[pair])
                assert (await send_one(engine, server.url, shared)).failure is DeliveryFailure.INVALID_REQUEST
            unknown = SharedContent(body=b"", signature_method="md5")
            signed = Delivery(callback=server.url, content=unknown, secret="s")
            assert (await deliver(engine, signed)).failure is DeliveryFailure.INVALID_REQUEST
    assert server.requests == []


async def test_framing_is_not_left_to_the_sender() -> None:
    content = SharedContent(
        body=b"ab",
        headers=[("Host", "evil.example"), ("content-length", "5"), ("Transfer-Encoding", "chunked"), ("TE", "x")],
    )
    with peer(answering(NO_CONTENT)) as server:
        async with open_engine() as engine:
            assert (await send_one(engine, server.url, content)).delivered
    head = server.requests[0].lower()
    assert head.count(b"host:") == 1
    assert b"evil" not in head
    assert b"chunked" not in head
    assert b"content-length: 2\r\n" in head


def test_signature_is_computed_once_for_equal_secrets() -> None:
    content = SharedContent(body=b"x", signature_method="sha512")
    first = content.signature("secret")
    assert first == sign("sha512", "secret", b"x")
    assert content.signature("secret") is first
    assert content.signature("other") == sign("sha512", "other", b"x")


def test_kept_signatures_are_bounded() -> None:
    content = SharedContent(body=b"x")
    for number in range(2_000):
        assert content.signature(str(number)) == sign("sha256", str(number), b"x")
    assert len(content._signatures) <= 256


def test_secrets_and_bodies_are_not_shown() -> None:
    content = SharedContent(body=b"private-body")
    delivery = Delivery(callback="http://a.example/", content=content, secret="private-secret")
    content.signature("private-secret")
    assert "private" not in repr(delivery)
