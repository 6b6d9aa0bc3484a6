import re
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, Request, plain
from _websub.limits import EdgeLimits
from tests.clock import anyio_backend_with_fake_clock as anyio_backend  # noqa: F401 - the event loops of this module
from tests.websub.conversation import Conversation, body_of, converse, scope_of
from tests.websub.peers import connected, exchange, read_all, read_message, served, status_of

SMALL = EdgeLimits(body_bytes=1000, body_seconds=0.3, pending=2, graceful_seconds=0.3)


async def echo(request: Request) -> Answer:
    return Answer(plain(200, f"{request.method} {request.path} {len(request.body)}"))


def following(events: list[str], *, seconds: float = 0.0, error: Exception | None = None) -> AsgiEdge:
    async def follow_up() -> None:
        events.append("begins")
        try:
            await anyio.sleep(seconds)
        except BaseException:
            events.append("cancelled")
            raise
        if error is not None:
            raise error
        events.append("ends")

    async def handle(_: Request) -> Answer:
        return Answer(plain(202, "Accepted."), follow_up)

    return AsgiEdge(handle, limits=SMALL)


async def test_an_answer_is_written() -> None:
    conversation = await converse(AsgiEdge(echo), scope_of(path="/hub"), body_of(b"ab", b"c"))
    assert (conversation.status, conversation.body) == (200, b"POST /hub 3")


async def test_a_follow_up_runs_after_the_answer_even_without_a_lifespan() -> None:
    events: list[str] = []
    edge = following(events)
    conversation = Conversation(scope_of(), body_of(b""))

    async def send(event: MutableMapping[str, Any]) -> None:
        events.append(str(event["type"]))
        await conversation.send(event)

    await edge(conversation.scope, conversation.receive, send)
    assert events == ["http.response.start", "http.response.body", "begins", "ends"]


async def test_an_entered_application_runs_follow_ups_in_the_background_and_waits_at_its_end() -> None:
    events: list[str] = []
    async with following(events, seconds=0.05) as edge:
        await converse(edge)
        assert "ends" not in events
    assert events == ["begins", "ends"]


async def test_follow_ups_that_take_too_long_are_cancelled_at_the_end() -> None:
    events: list[str] = []
    with anyio.fail_after(2):
        async with following(events, seconds=60) as edge:
            await converse(edge)
    assert events == ["begins", "cancelled"]


async def test_an_error_inside_the_application_does_not_wait_for_follow_ups() -> None:
    events: list[str] = []
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what fails
        async with following(events, seconds=60) as edge:
            await converse(edge)
            await anyio.sleep(0.01)
            raise ZeroDivisionError
    assert events == ["begins", "cancelled"]


async def test_a_failing_follow_up_is_logged_and_costs_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    events: list[str] = []
    async with following(events, error=ValueError("unreachable")) as edge:
        await converse(edge)
        await anyio.sleep(0.01)
        assert (await converse(edge)).status == 202
    assert caplog.messages == ["A follow-up failed."] * 2


async def test_a_failing_handler_is_logged_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(_: Request) -> Answer:
        raise ValueError("s3cret")

    conversation = await converse(AsgiEdge(handle))
    assert (conversation.status, conversation.body) == (500, b"Internal server error.")
    assert caplog.messages == ["A request could not be answered."]


async def test_requests_and_follow_ups_beyond_the_bound_are_answered_503() -> None:
    async with following([], seconds=0.2) as edge:
        assert [(await converse(edge)).status for _ in range(3)] == [202, 202, 503]
        refused = await converse(edge)
        assert refused.headers["retry-after"] == "5"
        await anyio.sleep(0.25)
        assert (await converse(edge)).status == 202


async def test_whoever_leaves_gives_the_place_free_and_is_not_answered() -> None:
    edge = AsgiEdge(echo, limits=SMALL)
    for _ in range(5):
        gone = await converse(edge, scope_of(), [*body_of(b"x", b"")[:1], {"type": "http.disconnect"}])
        assert gone.sent == []
    assert (await converse(edge)).status == 200


async def test_a_cancelled_request_gives_the_place_free() -> None:
    async def handle(_: Request) -> Answer:
        await anyio.sleep_forever()
        raise AssertionError

    edge = AsgiEdge(handle, limits=SMALL)
    for _ in range(5):
        with anyio.move_on_after(0.01):
            assert (await converse(edge)).status != 503


async def test_resources_are_open_while_the_application_runs() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def resources() -> AsyncIterator[None]:
        events.append("opened")
        yield
        events.append("closed")

    edge = AsgiEdge(echo, resources=resources)
    for _ in range(2):
        async with edge:
            assert events[-1] == "opened"
            with pytest.raises(RuntimeError, match="already running"):
                await edge.__aenter__()
            assert (await converse(edge)).status == 200
        assert events[-1] == "closed"
    assert len(events) == 4


async def lifespan(edge: AsgiEdge, sent: list[MutableMapping[str, Any]], shutdown: anyio.Event) -> None:
    coming = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, object]:
        event = next(coming)
        if event == "lifespan.shutdown":
            await shutdown.wait()
        return {"type": event}

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    await edge({"type": "lifespan"}, receive, send)


async def test_a_lifespan_enters_and_leaves_the_application() -> None:
    events: list[str] = []
    sent: list[MutableMapping[str, Any]] = []
    shutdown = anyio.Event()
    edge = following(events, seconds=0.05)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lifespan, edge, sent, shutdown)
        await anyio.sleep(0.01)
        assert [event["type"] for event in sent] == ["lifespan.startup.complete"]
        await converse(edge)
        shutdown.set()
    assert events == ["begins", "ends"]
    assert [event["type"] for event in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_lifespan_leaves_an_application_alone_that_was_entered_before() -> None:
    sent: list[MutableMapping[str, Any]] = []
    shutdown = anyio.Event()
    shutdown.set()
    async with following([]) as edge:
        await lifespan(edge, sent, shutdown)
        assert len(sent) == 2
        with pytest.raises(RuntimeError, match="already running"):
            await edge.__aenter__()


async def test_a_cancelled_lifespan_closes_the_resources() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def resources() -> AsyncIterator[None]:
        try:
            yield
        finally:
            events.append("closed")

    with anyio.move_on_after(0.05):
        await lifespan(AsgiEdge(echo, resources=resources), [], anyio.Event())
    assert events == ["closed"]


async def test_an_application_that_cannot_start_says_why(caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def resources() -> AsyncIterator[None]:
        raise OSError("The store is locked.")
        yield

    edge = AsgiEdge(echo, resources=resources)
    sent: list[MutableMapping[str, Any]] = []
    await lifespan(edge, sent, anyio.Event())
    assert sent == [{"type": "lifespan.startup.failed", "message": "The store is locked."}]
    assert caplog.messages == ["The application could not start."]
    with pytest.raises(OSError, match="locked"):
        await edge.__aenter__()


async def test_other_protocols_are_turned_away() -> None:
    conversation = Conversation({"type": "websocket"}, [{"type": "websocket.connect"}])
    await AsgiEdge(echo)(conversation.scope, conversation.receive, conversation.send)
    assert conversation.sent == [{"type": "websocket.close", "code": 1000}]
    with pytest.raises(RuntimeError, match="does not support smoke signals"):
        await converse(AsgiEdge(echo), {"type": "smoke signals"})


# --- the same edge behind hypercorn, and what is sent to it -----------------------------------------------------------

HEAD = b"POST /hub HTTP/1.1\r\nHost: hub.test\r\n"


async def test_a_request_on_the_wire() -> None:
    async with served(AsgiEdge(echo)) as url:
        answer = await exchange(url, b"POST /a%2Fb?c HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 3\r\n\r\nabc")
    assert status_of(answer) == 200
    assert answer.endswith(b"\r\n\r\nPOST /a%2Fb 3")
    assert b"content-length: 13\r\n" in answer
    assert b"server:" not in answer.lower()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="CL and TE"),
        pytest.param(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400, id="two lengths"),
        pytest.param(HEAD + b"Content-Length: +3\r\n\r\nabc", 400, id="signed length"),
        pytest.param(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, id="other encoding"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n", 400, id="chunk trailer"),
        pytest.param(HEAD + b"X : y\r\n\r\n", 400, id="space before colon"),
        pytest.param(HEAD + b"X: \0\r\n\r\n", 400, id="NUL"),
        pytest.param(HEAD + b"Host: other\r\n\r\n", 400, id="two hosts"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, id="path in host"),
        pytest.param(b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", 501, id="CONNECT"),
        pytest.param(b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 501, id="TRACE"),
        pytest.param(HEAD + b"X: " + b"y" * 200_000 + b"\r\n\r\n", 431, id="long header"),
        pytest.param(b"\x16\x03\x01 this is TLS\r\n\r\n", 400, id="no HTTP"),
        pytest.param(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 415, id="gzip"),
        pytest.param(HEAD + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001, 413, id="too large"),
        pytest.param(HEAD + b"Content-Length: 99999999999\r\n\r\n", 413, id="said to be too large"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"100\r\n%b\r\n" % (b"x" * 256) * 9, 413, id="chunks"
        ),
        pytest.param(b"GET http://other/zz HTTP/1.1\r\nHost: x\r\n\r\n", 200, id="absolute form"),
        pytest.param(HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000, 200, id="as large as may be"),
    ],
)
async def test_hostile_requests_get_their_answer_and_the_server_goes_on(request_bytes: bytes, status: int) -> None:
    async with served(AsgiEdge(echo, limits=SMALL)) as url:
        assert status_of(await exchange(url, request_bytes)) == status
        assert status_of(await exchange(url, HEAD + b"\r\n")) == 200


async def test_a_much_too_large_body_gets_its_answer_and_not_a_reset() -> None:
    async with served(AsgiEdge(echo, limits=SMALL)) as url, connected(url) as stream:
        await stream.send(HEAD + b"Content-Length: 4000000\r\n\r\n" + b"x" * 4_000_000)
        assert status_of(await read_message(stream)) == 413
        with anyio.fail_after(2):
            await read_all(stream)


@pytest.mark.parametrize("beginning", [b"", b"hub.mode=subscr"])
@pytest.mark.threat("SLOW-2")
async def test_a_body_that_stalls_is_answered_408_and_closed(beginning: bytes) -> None:
    async with served(AsgiEdge(echo, limits=SMALL)) as url, connected(url) as stream:
        await stream.send(HEAD + b"Content-Length: 20\r\n\r\n" + beginning)
        assert status_of(await read_message(stream)) == 408
        with anyio.fail_after(2):
            await read_all(stream)


@pytest.mark.threat("SLOW-2")
async def test_a_body_that_drips_is_answered_408() -> None:
    async with served(AsgiEdge(echo, limits=SMALL)) as url, connected(url) as stream:
        await stream.send(HEAD + b"Content-Length: 100\r\n\r\n")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_drip, stream.send)
            assert status_of(await read_message(stream)) == 408
            tasks.cancel_scope.cancel()


async def _drip(send: object) -> None:
    for _ in range(20):
        await send(b"x")  # type: ignore[operator]
        await anyio.sleep(0.05)


@pytest.mark.threat("FORM-9")
async def test_a_truncated_body_is_never_acted_on() -> None:
    bodies: list[bytes] = []

    async def handle(request: Request) -> Answer:
        bodies.append(request.body)
        return Answer(plain(200, "Yes."))

    async with served(AsgiEdge(handle)) as url:
        async with connected(url) as stream:
            await stream.send(HEAD + b"Content-Length: 20\r\n\r\nhub.mode=")
        async with connected(url) as stream:
            await stream.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhub.mode=\r\n")
            await stream.send_eof()
            await read_all(stream)
        await anyio.sleep(0.05)
        assert bodies == []


async def test_a_connection_takes_one_request_after_the_other() -> None:
    async with served(AsgiEdge(echo)) as url, connected(url) as stream:
        for body in (b"", b"a", b"ab"):
            await stream.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert (await read_message(stream)).endswith(b"POST /hub %d" % len(body))
        await stream.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert re.findall(rb"content-length: (\d+)", await read_all(stream)) == [b"8", b"7"]


async def test_a_hook_cannot_split_a_response() -> None:
    async def handle(_: Request) -> Answer:
        return Answer(plain(200, "ok", [("X", "a\r\n\r\nHTTP/1.1 200 OK\r\n")]))

    async with served(AsgiEdge(handle)) as url:
        answer = await exchange(url, HEAD + b"\r\n")
    assert status_of(answer) == 500
    assert answer.count(b"HTTP/1.1") == 1


async def test_http2_without_tls_is_answered_if_it_is_asked_for() -> None:
    edge = AsgiEdge(echo, limits=SMALL)
    async with served(edge, cleartext_http2=True) as url, httpx.AsyncClient(http1=False, http2=True) as client:
        answers = [await client.post(f"{url}/hub", content=b"x" * size) for size in (3, 1001, 200_000, 4)]
    assert [answer.status_code for answer in answers] == [200, 413, 413, 200]
    assert {answer.http_version for answer in answers} == {"HTTP/2"}
