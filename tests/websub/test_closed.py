"""What a service answers that is starting or stopping, and who answers at a path."""

from typing import Any

import pytest

from _websub.asgi.closed import ClosedApplication
from _websub.asgi.edge import AsgiEdge
from _websub.asgi.paths import Paths
from _websub.http import Answer, Request, Response, plain
from tests.websub.conversation import Conversation, body_of, converse, scope_of
from tests.websub.peers import connected, read_all, served, status_of
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

REQUESTS = {
    "a form": ("POST", "/hub", {"headers": [("host", "h"), ("content-type", "application/x-www-form-urlencoded")]}),
    "a path that is nowhere": ("GET", "/nowhere", {}),
    "a method that is nowhere": ("DELETE", "/hub", {}),
    "a method for proxies": ("CONNECT", "/hub", {}),
    "a diagnosis": ("TRACE", "/", {}),
    "a head": ("HEAD", "/", {}),
    "a compressed body": ("POST", "/hub", {"headers": [("host", "h"), ("content-encoding", "gzip")]}),
    "a body that is too large": ("POST", "/hub", {"headers": [("host", "h"), ("content-length", "99999999999")]}),
    "a malformed host": ("GET", "/", {"headers": [("host", "a/b")]}),
    "no host": ("GET", "/", {"headers": []}),
    "a mounted one": ("GET", "/mount/x", {"root_path": "/mount"}),
}


@pytest.mark.parametrize(("method", "path", "rest"), REQUESTS.values(), ids=REQUESTS)
async def test_whatever_is_asked_the_answer_is_not_now(method: str, path: str, rest: dict[str, Any]) -> None:
    answer = await converse(ClosedApplication(), scope_of(method, path, **rest))
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["connection"] == "close"
    assert (answer.body == b"") == (method == "HEAD")


@pytest.mark.parametrize(("path", "mount"), [("/health", ""), ("/mount/health", "/mount"), ("/health", "/mount")])
async def test_what_is_answered_all_the_same(path: str, mount: str) -> None:
    app = ClosedApplication({"/health": Response(status=200, body=b"alive")})
    answer = await converse(app, scope_of("GET", path, root_path=mount))
    assert (answer.status, answer.body) == (200, b"alive")
    assert (await converse(app, scope_of("GET", "/healthy"))).status == 503


async def test_a_websocket_is_closed_to_be_tried_again() -> None:
    conversation = Conversation({"type": "websocket", "path": "/"}, [])
    await ClosedApplication()(conversation.scope, conversation.receive, conversation.send)
    assert conversation.sent == [{"type": "websocket.close", "code": 1013}]


async def test_a_client_that_sends_a_large_body_reads_the_answer() -> None:
    async with served(Starting()) as url, connected(url) as stream:
        await stream.send(b"POST /hub HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 4_000_000)
        answer = await read_all(stream)
    assert status_of(answer) == 503
    assert b"retry-after: " in answer.lower()


class Starting:
    """A closed application under a server, which wants its lifespan answered."""

    def __init__(self) -> None:
        self._edge = AsgiEdge(answering("never"))
        self._closed = ClosedApplication()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await (self._edge if scope["type"] == "lifespan" else self._closed)(scope, receive, send)


def answering(name: str) -> Any:
    async def answer(_: Request) -> Answer:
        return Answer(plain(200, name))

    return answer


@pytest.mark.parametrize(
    ("path", "mount", "name"),
    [
        ("/hub", "", "/hub"),
        ("/hub/", "", "/hub"),
        ("/hub/deeper", "", "/hub"),
        ("/hubs", "", "/"),
        ("/", "", "/"),
        ("/m/hub", "/m", "/hub"),
        ("/m", "/m", "/"),
        ("/hub", "/m", "/hub"),
        ("/hub", "/h", "/hub"),
    ],
)
async def test_the_longest_path_that_fits_answers_below_a_mount_or_not(path: str, mount: str, name: str) -> None:
    app = Paths({each: AsgiEdge(answering(each)) for each in ("/", "/hub")})
    answer = await converse(app, scope_of("GET", path, root_path=mount), body_of(b""))
    assert answer.body.decode() == name
