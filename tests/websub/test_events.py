import pytest

from _websub.asgi.events import DisconnectedError, RefusedError, Scope, read_request, write_response
from _websub.http import Request, Response
from tests.clock import anyio_backend_with_fake_clock as anyio_backend  # noqa: F401 - the event loops of this module
from tests.waiting import PATIENCE
from tests.websub.conversation import Conversation, body_of, scope_of

LIMIT = 10


async def read(*chunks: bytes, limit: int = LIMIT, seconds: float = 5, **scope: object) -> bytes:
    conversation = Conversation(scope_of(**scope), body_of(*chunks))  # type: ignore[arg-type]
    return (await read_request(conversation.scope, conversation.receive, limit=limit, seconds=seconds)).body


async def head(scope: Scope) -> Request:
    conversation = Conversation(scope, body_of(b"body"))
    return await read_request(conversation.scope, conversation.receive, limit=LIMIT, seconds=5)


async def written(response: Response, **scope: object) -> Conversation:
    conversation = Conversation(scope_of(**scope), [])  # type: ignore[arg-type]
    await write_response(conversation.scope, conversation.send, response)
    return conversation


async def test_a_request_has_the_url_of_its_first_line() -> None:
    scope = scope_of(path="/decoded ü", raw_path=b"/a%2Fb/%C3%BC", query_string=b"hub.topic=a%26b&c=+", scheme="https")
    request = await head(scope)
    assert request.method == "POST"
    assert request.url == "https://hub.test/a%2Fb/%C3%BC?hub.topic=a%26b&c=+"
    assert request.headers["Host"] == "hub.test"
    assert request.body == b"body"


@pytest.mark.parametrize(
    ("path", "raw_path", "expected"),
    [
        ("/a b?c%d/ü", None, "/a%20b%3Fc%25d/%C3%BC"),
        ("/hub", b"/hub?x", "/hub"),
        ("/hub", b"http://other.test:80/zz/?x", "/zz/"),
        ("/hub", b"http://other.test", "/"),
        ("*", b"*", "/"),
        ("/hub", b"/a b#c\xff", "/a%20b%23c%FF"),
        ("/hub", b"//double", "//double"),
    ],
)
async def test_the_path_is_read_from_any_form_of_target(path: str, raw_path: bytes | None, expected: str) -> None:
    scope = scope_of(path=path, raw_path=raw_path)
    assert (await head(scope)).path == expected


@pytest.mark.parametrize(
    ("path", "expected"), [("/m/hub", "/m/hub"), ("/hub", "/m/hub"), ("/m", "/m"), ("/mother", "/m/mother")]
)
async def test_the_path_has_its_mount_once(path: str, expected: str) -> None:
    request = await head(scope_of(path=path, root_path="/m/"))
    assert (request.path, request.mount) == (expected, "/m")


@pytest.mark.parametrize(
    "host", ["evil/admin", "evil?", "evil#", "a b", "u@h", "[::1", "h:port", "h\\", "\xe9", "a,b", "h:1:2", "%61"]
)
async def test_a_host_cannot_become_part_of_the_path(host: str) -> None:
    with pytest.raises(RefusedError) as caught:
        await head(scope_of(headers=[("Host", host)]))
    assert caught.value.response.status == 400


@pytest.mark.parametrize("host", ["hub.test", "hub.test:8080", "[2001:db8::1]:80", "127.0.0.1", "under_score", "h:"])
async def test_a_host_is_kept(host: str) -> None:
    assert (await head(scope_of(headers=[("Host", host)]))).url == f"http://{host}/hub"


@pytest.mark.parametrize("headers", [[], [("host", "")]])
async def test_a_request_without_a_host_is_for_this_machine(headers: list[tuple[str, str]]) -> None:
    assert (await head(scope_of(headers=headers))).url == "http://localhost/hub"


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
async def test_methods_of_proxies_are_refused(method: str) -> None:
    with pytest.raises(RefusedError) as caught:
        await head(scope_of(method))
    assert caught.value.response.status == 501


async def test_a_body_is_read_whole() -> None:
    assert await read(b"") == b""
    assert await read(b"01234", b"", b"56789") == b"0123456789"


@pytest.mark.parametrize("chunks", [[b"01234567890"], [b"01234", b"56789", b"0"]])
@pytest.mark.threat("BODY-1")
async def test_a_body_beyond_the_limit_is_refused_as_soon_as_it_is(chunks: list[bytes]) -> None:
    conversation = Conversation(scope_of(), [*body_of(*chunks, b"never read")])
    with pytest.raises(RefusedError) as caught:
        await read_request(conversation.scope, conversation.receive, limit=LIMIT, seconds=5)
    assert caught.value.response.status == 413
    assert conversation.taken == len(chunks)


@pytest.mark.parametrize("length", ["11", "99999999999999999999999", "9" * 100])
async def test_a_body_that_will_be_too_large_is_refused_before_it_comes(length: str) -> None:
    conversation = Conversation(scope_of(headers=[("Content-Length", length)]), body_of(b"x"))
    with pytest.raises(RefusedError) as caught:
        await read_request(conversation.scope, conversation.receive, limit=LIMIT, seconds=5)
    assert caught.value.response.status == 413
    assert conversation.taken == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Content-Length", "1"), ("Transfer-Encoding", "chunked")], 400),
        ([("Content-Encoding", "gzip")], 415),
        ([("CONTENT-ENCODING", "gzip, gzip")], 415),
        ([("Content-Encoding", "identity"), ("Content-Encoding", "br")], 415),
        ([("Content-Encoding", "br"), ("Content-Encoding", "identity")], 415),
    ],
)
async def test_ambiguous_and_compressed_bodies_are_refused(headers: list[tuple[str, str]], status: int) -> None:
    with pytest.raises(RefusedError) as caught:
        await read(b"x", headers=headers)
    assert caught.value.response.status == status


@pytest.mark.parametrize("headers", [[("Content-Length", "1")], [("Content-Encoding", " Identity ")], []])
async def test_plain_bodies_are_read(headers: list[tuple[str, str]]) -> None:
    assert await read(b"x", headers=headers) == b"x"


@pytest.mark.threat("DOS-5")
@pytest.mark.parametrize("piece", [b"", b"x", b"x" * 32])
async def test_a_body_in_the_smallest_pieces_is_refused_before_it_costs_much(piece: bytes) -> None:
    conversation = Conversation(scope_of(), body_of(*[piece] * 100_000))
    with pytest.raises(RefusedError) as caught:
        await read_request(conversation.scope, conversation.receive, limit=10_000_000, seconds=PATIENCE)
    assert caught.value.response.status == 400
    assert conversation.taken <= 2_100


async def test_a_body_in_pieces_of_a_line_each_is_read() -> None:
    conversation = Conversation(scope_of(), body_of(*[b"y" * 20] * 1_000, *[b"x" * 64] * 9_000))
    request = await read_request(conversation.scope, conversation.receive, limit=10_000_000, seconds=PATIENCE)
    assert len(request.body) == 20 * 1_000 + 64 * 9_000


async def test_a_body_that_takes_too_long_is_refused() -> None:
    dripping = [event | {"after": 0.03} for event in body_of(*[b"x"] * 10)]
    conversation = Conversation(scope_of(), dripping)
    with pytest.raises(RefusedError) as caught:
        await read_request(conversation.scope, conversation.receive, limit=LIMIT, seconds=0.1)
    assert caught.value.response.status == 408


async def test_a_client_that_leaves_has_asked_nothing() -> None:
    conversation = Conversation(scope_of(), [*body_of(b"hub.mode=", b"")[:1], {"type": "http.disconnect"}])
    with pytest.raises(DisconnectedError):
        await read_request(conversation.scope, conversation.receive, limit=LIMIT, seconds=5)


async def test_an_answer_has_its_length() -> None:
    answer = await written(Response(status=202, headers=[("X-Any", "1"), ("X-Any", "2\xe9")], body=b"abc"))
    assert answer.sent == [
        {
            "type": "http.response.start",
            "status": 202,
            "headers": [(b"content-length", b"3"), (b"x-any", b"1"), (b"x-any", b"2\xe9")],
        },
        {"type": "http.response.body", "body": b"abc", "more_body": False},
    ]


async def test_an_answer_to_head_says_how_long_the_body_would_be() -> None:
    answer = await written(Response(status=200, body=b"abc"), method="HEAD")
    assert answer.headers == {"content-length": "3"}
    assert answer.body == b""


@pytest.mark.parametrize("status", [204, 304])
async def test_some_answers_have_no_body(status: int) -> None:
    answer = await written(Response(status=status, body=b"abc"))
    assert answer.headers == {}
    assert answer.body == b""


async def test_where_a_body_ends_is_said_by_the_edge_alone() -> None:
    headers = [("Content-Length", "99"), ("transfer-encoding", "chunked"), ("X", " padded ")]
    answer = await written(Response(status=200, headers=headers, body=b"abc"))
    assert answer.headers == {"content-length": "3", "x": "padded"}


async def test_headers_of_connections_are_for_http1() -> None:
    response = Response(status=200, headers=[("Connection", "close"), ("Keep-Alive", "1"), ("X", "1")])
    assert (await written(response)).headers.keys() == {"content-length", "connection", "keep-alive", "x"}
    assert (await written(response, http_version="2")).headers.keys() == {"content-length", "x"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nSet-Cookie: b"),
        ("X", "a\nb"),
        ("X", "a\0"),
        ("X", "a\x0bb"),
        ("X", "a\x7f"),
        ("X", "\u20ac"),
        ("X\r\nY", "a"),
        ("X Y", "a"),
        ("X:", "a"),
        ("é", "a"),
        ("", "a"),
    ],
)
async def test_a_header_that_cannot_be_sent_is_logged_and_becomes_a_500(
    name: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await written(Response(status=200, headers=[(name, value)], body=b"abc"))
    assert answer.status == 500
    assert answer.body == b"Internal server error."
    assert caplog.messages == ["A response has a header that cannot be sent."]
