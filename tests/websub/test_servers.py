"""Which server serves, and what the one that reads bytes by itself makes of them."""

import logging
import socket
import subprocess
import sys
from contextlib import suppress
from importlib import util
from typing import Any
from urllib.parse import urlsplit

import anyio
import h11
import httptools
import pytest

from _websub.asgi.edge import AsgiEdge, AsgiSend, Receive, Scope
from _websub.grammar.heads import HeadError, HeadWatch, checked_head
from _websub.http import Answer, Request, plain
from _websub.server.plain.choice import takes_uvicorn
from _websub.server.plain.framing import Framing
from _websub.server.serving import Binding, serve
from tests.waiting import PATIENCE, until
from tests.websub import peers
from tests.websub.peers import connected, exchange, read_all, read_message, read_until, served, status_of
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

GET = b"GET /hub HTTP/1.1\r\nHost: hub.test\r\n\r\n"
POST = b"POST /hub HTTP/1.1\r\nHost: hub.test\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


async def echo(request: Request) -> Answer:
    return Answer(plain(200, f"{request.method} {request.url} {len(request.body)} {sorted(request.headers.by_name)}"))


def bodies_of(answers: bytes) -> list[bytes]:
    return [each.partition(b"\r\n\r\n")[2] for each in answers.split(b"HTTP/1.1 200")[1:]]


# --- which one --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("binding", "mistake"),
    [
        ({"server": "nginx"}, "must be one of auto, hypercorn, uvicorn, not nginx"),
        ({"server": "uvicorn", "certfile": "x", "keyfile": "x"}, "without TLS only"),
        ({"server": "uvicorn", "cleartext_http2": True}, "without TLS only"),
    ],
)
def test_a_server_that_cannot_serve_so_is_a_mistake_at_once(binding: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        Binding(**binding)


def test_a_server_that_is_not_installed_is_a_mistake_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("_websub.server.plain.choice.find_spec", lambda _: None)
    assert Binding().server == "auto"
    with pytest.raises(ValueError, match=r"not installed: pip install 'websubhub\[speed\]'"):
        Binding(server="uvicorn")


async def test_without_a_choice_it_is_uvicorn_wherever_that_can_serve(
    anyio_backend_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert takes_uvicorn("auto", plain=True) is (anyio_backend_name == "asyncio")
    assert not takes_uvicorn("auto", plain=False)
    assert not takes_uvicorn("hypercorn", plain=True)
    monkeypatch.setattr("_websub.server.plain.choice.find_spec", lambda _: None)
    assert not takes_uvicorn("auto", plain=True)


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_uvicorn_is_a_mistake_before_anything_is_served() -> None:
    with pytest.raises(ValueError, match="asyncio and uvloop only"):
        await serve(AsgiEdge(echo), Binding(port=0, server="uvicorn"), ready=lambda _: pytest.fail("It is not ready."))


@pytest.mark.parametrize(("server", "other"), [("hypercorn", "uvicorn"), ("uvicorn", "hypercorn")])
def test_only_the_server_that_serves_is_loaded(server: str, other: str) -> None:
    program = (
        "import sys, anyio\nfrom _websub.asgi.closed import ClosedApplication\n"
        "from _websub.server.serving import Binding, serve\n"
        "async def stop(): pass\n"
        f"anyio.run(lambda: serve(ClosedApplication(), Binding(port=0, server={server!r}), stop=stop))\n"
        f"print({server!r} in sys.modules, {other!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


# --- what both of them do ---------------------------------------------------------------------------------------------


async def test_neither_says_which_software_it_is_and_both_say_when_it_was() -> None:
    async with served(AsgiEdge(echo)) as url:
        for request in (GET, b"nonsense\r\n\r\n"):
            head = (await exchange(url, request)).lower().partition(b"\r\n\r\n")[0]
            assert b"\r\ndate: " in head
            assert b"\r\nserver:" not in head


@pytest.mark.parametrize("body", [b"", b"abc"])
async def test_requests_that_come_at_once_are_answered_in_their_order(body: bytes) -> None:
    requests = [
        b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (n, len(body), body) for n in range(50)
    ]
    async with served(AsgiEdge(echo)) as url, connected(url) as stream:
        await stream.send(b"".join(requests))
        await stream.send_eof()
        answers = bodies_of(await read_all(stream))
    assert [answer.split()[1] for answer in answers] == [b"http://x/%d" % n for n in range(50)]


@pytest.mark.threat("SMG-1")
async def test_a_head_behind_a_body_is_looked_at_like_any_other() -> None:
    hidden = b"POST /hidden HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n"
    for first in (POST + b"Content-Length: 3\r\n\r\nabc", GET, CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"):
        async with served(AsgiEdge(echo)) as url, connected(url) as stream:
            await stream.send(first + hidden)
            await stream.send_eof()
            answers = await read_all(stream)
        assert b"hidden" not in answers
        assert status_of(answers) == 200


async def test_blanks_around_a_value_are_none_of_it() -> None:
    async with served(AsgiEdge(echo)) as url:
        request = (
            b"POST / HTTP/1.1\r\nHost: \t hub.test \t\r\nContent-Length:  3 \r\nContent-Encoding: identity \r\n\r\nabc"
        )
        assert b"http://hub.test/ 3 " in await exchange(url, request)


@pytest.mark.threat("SMG-1")
async def test_headers_behind_a_body_are_no_headers_of_the_request() -> None:
    async with served(AsgiEdge(echo)) as url:
        answer = await exchange(url, CHUNKED + b"3\r\nabc\r\n0\r\nHost: other.test\r\nAuthorization: x\r\n\r\n")
    assert status_of(answer) == 200
    assert b"authorization" not in answer
    assert b"http://hub.test/hub 3" in answer


@pytest.mark.parametrize(
    "end", [b"0\r\n" + b"T: " + b"x" * 10_000_000, b"3;" + b"x" * 10_000_000], ids=["trailer", "size"]
)
@pytest.mark.threat("DOS-5")
async def test_what_is_around_a_body_is_bounded(end: bytes) -> None:
    async with served(AsgiEdge(echo)) as url, connected(url) as stream, anyio.create_task_group() as tasks:

        async def send() -> None:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await stream.send(CHUNKED + b"3\r\nabc\r\n" + end)

        tasks.start_soon(send)
        assert status_of(await read_all(stream)) in {0, 400, 431}
        tasks.cancel_scope.cancel()


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked() -> None:
    async with served(AsgiEdge(echo)) as url, connected(url) as stream:
        await stream.send(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert status_of(await read_until(stream, b"\r\n\r\n")) == 100
        await stream.send(b"abc")
        assert b" 3 " in await read_message(stream)


async def test_an_answer_before_the_end_of_the_body_is_the_last() -> None:
    async def answer(scope: Scope, _: Receive, send: AsgiSend) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

    async with served(answer) as url, connected(url) as stream:
        await stream.send(POST + b"Content-Length: 100\r\n\r\nabc")
        assert status_of(await read_until(stream, b"ok")) == 200
        with suppress(anyio.BrokenResourceError):
            await stream.send(b"x" * 97 + GET)
        assert await read_all(stream) == b""


@pytest.mark.parametrize("begun", [False, True], ids=["nothing", "half"])
async def test_an_application_that_fails_costs_its_request(begun: bool, caplog: pytest.LogCaptureFixture) -> None:  # noqa: FBT001
    async def fail(scope: Scope, _: Receive, send: AsgiSend) -> None:
        if scope["type"] == "http" and scope["path"] == "/hub":
            if begun:
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
                await send({"type": "http.response.body", "body": b"ok", "more_body": True})
            raise LookupError("secret")
        if scope["type"] == "http":
            await AsgiEdge(echo)(scope, _, send)

    with caplog.at_level(logging.ERROR):
        async with served(fail) as url:
            async with connected(url) as stream:
                await stream.send(GET)
                answer = await read_all(stream)
            assert status_of(answer) == (200 if begun else 500)
            assert b"secret" not in answer
            assert status_of(await exchange(url, GET.replace(b"/hub", b"/"))) == 200
    assert caplog.messages == ["The application failed."]


async def test_what_a_request_is_about_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with served(AsgiEdge(echo)) as url:
            for line in (b"GET /hub?hub.secret=tell-nobody HTTP/1.1", b"GET /tell-nobody HTTP/9.9"):
                await exchange(url, line + b"\r\nHost: hub.test\r\nAuthorization: tell-nobody\r\n\r\n")
    assert "tell-nobody" not in caplog.text


async def test_nobody_says_by_a_header_who_they_are() -> None:
    seen: list[Any] = []

    async def look(scope: Scope, receive: Receive, send: AsgiSend) -> None:
        if scope["type"] == "http":
            seen.append((scope["client"][0], scope["scheme"]))
            await AsgiEdge(echo)(scope, receive, send)

    async with served(look) as url:
        await exchange(url, GET[:-2] + b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n")
    assert seen == [("127.0.0.1", "http")]


async def test_what_a_client_does_not_take_is_not_piled_up() -> None:
    """An application that writes a lot is held up by a client that reads nothing."""
    written = 0

    async def lavish(scope: Scope, receive: Receive, send: AsgiSend) -> None:
        nonlocal written
        if scope["type"] == "http":
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(1_000):
                await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
                written += 1

    async with served(lavish, send_seconds=600, graceful_seconds=0.1) as url:
        parts = urlsplit(url)
        with socket.create_connection((str(parts.hostname), parts.port or 0)) as client:
            client.sendall(GET)
            await until(lambda: written > 0)
            before = -1
            while before != written:
                before = written
                await anyio.sleep(0.2)
            assert written < 1_000


async def test_a_client_that_leaves_is_noticed_while_its_request_is_worked_on() -> None:
    gone = anyio.Event()

    async def wait(scope: Scope, receive: Receive, _: AsgiSend) -> None:
        while scope["type"] == "http" and (await receive())["type"] != "http.disconnect":
            pass
        if scope["type"] == "http":
            gone.set()

    async with served(wait) as url:
        async with connected(url) as stream:
            await stream.send(POST + b"Content-Length: 3\r\n\r\na")
        with anyio.fail_after(PATIENCE):
            await gone.wait()


# --- heads ------------------------------------------------------------------------------------------------------------


def understood(head: bytes) -> tuple[bytes, bytes, list[tuple[bytes, bytes]]] | None:
    """What h11 reads in a head, or None if it refuses it."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, h11.Request)
    return event.method, event.target, [(name, value) for name, value in event.headers]


@pytest.mark.parametrize("line", [b"Content-Length: 3", b"content-length:3,3", b"Content-Length: 3 , 3"])
@pytest.mark.parametrize("again", [b"", b"Content-Length: 3\r\n", b"CONTENT-LENGTH:\t3\r\n"])
def test_a_length_that_is_told_twice_is_told_once(line: bytes, again: bytes) -> None:
    head = checked_head(POST + line + b"\r\nX: y\r\n" + again + b"\r\n")
    read = understood(head)
    assert read is not None
    assert sorted(read[2]) == [(b"content-length", b"3"), (b"host", b"hub.test"), (b"x", b"y")]


PLACES = {
    "method": b"GE%b /hub HTTP/1.1\r\nHost: x\r\n\r\n",
    "target": b"GET /%bb HTTP/1.1\r\nHost: x\r\n\r\n",
    "name": b"GET / HTTP/1.1\r\nHost: x\r\na%bb: c\r\n\r\n",
    "value": b"GET / HTTP/1.1\r\nHost: x\r\na: b%bc\r\n\r\n",
    "end of a value": b"GET / HTTP/1.1\r\nHost: x\r\na: b%b\r\n\r\n",
}
#: How many of the 256 heads pass and are read by both; httptools knows its methods by name.
LEAST_COMPARED = {"method": 1, "target": 90, "name": 70, "value": 200, "end of a value": 200}


def passes(head: bytes) -> bytes:
    """What of a head is given to the parser."""
    try:
        end = HeadWatch().end(head)
        return checked_head(head[:end]) if end else b""
    except HeadError:
        return b""


def read_by_httptools(head: bytes) -> tuple[bytes, bytes, list[tuple[bytes, bytes]]] | None:
    """What httptools reads in a head, or None if it refuses it."""
    urls: list[bytes] = []
    headers: list[tuple[bytes, bytes]] = []

    class Reader:
        on_url = urls.append

        def on_header(self, name: bytes, value: bytes) -> None:
            headers.append((name.lower(), value.rstrip(b" \t")))  # as the protocol takes it

    parser = httptools.HttpRequestParser(Reader())
    try:
        parser.feed_data(head)
    except httptools.HttpParserError:
        return None
    return parser.get_method(), urls[0], headers


@pytest.mark.parametrize("place", PLACES)
def test_what_passes_is_read_by_others_in_the_same_way(place: str) -> None:
    """Each byte in each place: a head that passes is one that h11 takes too, and httptools reads the same in it."""
    compared = 0
    for byte in range(256):
        head = passes(PLACES[place].replace(b"%b", bytes([byte])))
        read = read_by_httptools(head) if head else None
        assert read is None or read == understood(head), bytes([byte])
        compared += read is not None
    assert compared >= LEAST_COMPARED[place]


def test_requests_at_once_cost_no_more_than_their_length() -> None:
    """What is left of what has come is not copied for each request in it."""
    requests, fed = 2_000, 0
    framing: Framing

    def feed(data: bytes) -> None:
        nonlocal fed
        fed += len(data)
        framing.expect([])
        framing.complete()

    framing = Framing(feed)
    framing.add(GET * requests)
    while framing.is_left:
        assert framing.begin()
    assert fed == len(GET) * requests


def test_uvicorn_is_there_where_the_tests_run() -> None:
    assert util.find_spec("uvicorn") is not None
    assert peers.SERVER == "auto"
