"""The forms that the target of a request may have (RFC 9112, 3.2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.grammar.targets import in_origin_form
from _websub.http import Answer, Request, plain
from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.websub.conversation import scope_of
from tests.websub.peers import exchange, status_of


async def say_url(request: Request) -> Answer:
    return Answer(plain(200, request.url))


@pytest.mark.parametrize(
    ("raw", "path", "raw_path", "host"),
    [
        (b"http://other.test/hub", "/hub", b"/hub", b"other.test"),
        (b"HTTP://Other.test:81/a%2Fb/%C3%BC", "/a/b/ü", b"/a%2Fb/%C3%BC", b"Other.test:81"),
        (b"https://other.test", "/", b"/", b"other.test"),
        (b"http://[::1]:80/", "/", b"/", b"[::1]:80"),
    ],
)
def test_a_whole_url_becomes_a_path_and_a_host(raw: bytes, path: str, raw_path: bytes, host: bytes) -> None:
    scope = scope_of(path=raw.decode(), raw_path=raw, headers=[("Host", "hub.test"), ("X", "1")])
    found = in_origin_form(scope)
    assert (found["path"], found["raw_path"]) == (path, raw_path)
    assert found["headers"] == [(b"host", host), (b"X", b"1")]
    assert scope["raw_path"] == raw
    assert in_origin_form(found) is found


@pytest.mark.parametrize(
    "raw", [b"/hub", b"http:///hub", b"//double", b"*", b"hub.test:80", b"ftp://hub.test/", b"hub", b"/http://a/"]
)
def test_other_forms_stay(raw: bytes) -> None:
    scope = scope_of(path=raw.decode(), raw_path=raw)
    assert in_origin_form(scope) is scope


def test_other_scopes_stay() -> None:
    scope = {"type": "websocket", "path": "http://a/", "raw_path": b"http://a/"}
    assert in_origin_form(scope) is scope


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    async with AppListener(Binding(port=0)) as listener:
        listener.attach("/hub", AsgiEdge(say_url), nullcontext())
        yield await listener.start()


@pytest.mark.parametrize(
    ("target", "status", "url"),
    [
        (b"http://hub.test/hub", 200, b"http://hub.test/hub"),
        (
            b"http://other.test:81/hub/x?hub.topic=http%3A%2F%2Fa%2F",
            200,
            b"http://other.test:81/hub/x?hub.topic=http%3A%2F%2Fa%2F",
        ),
        (b"http://hub.test/hub?a=http://b/", 200, b"http://hub.test/hub?a=http://b/"),
        (b"http://hub.test/elsewhere", 404, b""),
        (b"http://hub.test", 404, b""),
        (b"http://hub.test?q", 404, b""),
        (b"http://user@hub.test/hub", 400, b""),
        (b"http:///hub", 400, b""),
        (b"/hub", 200, b"http://hub.test/hub"),
    ],
)
@pytest.mark.threat("SMG-13")
async def test_a_whole_url_is_served_and_its_authority_wins(target: bytes, status: int, url: bytes) -> None:
    async with listening() as base:
        answer = await exchange(base, b"POST " + target + b" HTTP/1.1\r\nHost: hub.test\r\n\r\n")
    assert status_of(answer) == status
    assert url in answer
