"""A hub over real HTTP: every answer of the hook table, wrong requests, hostile peers, and the ways to run it."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import attrs
import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.conformance.hubs import (
    FORM,
    LEAKED,
    TOPIC,
    Hub,
    Raised,
    RawCallback,
    assert_is_one_plain_sentence,
    form_of,
    served,
    subscription_fields,
)
from tests.waiting import PATIENCE, until, until_in_thread
from websubhub import (
    BadSubscriptionError,
    BadUnsubscriptionError,
    EdgeLimits,
    HubConfig,
    HubService,
    IntentVerificationError,
    SubscriptionDeniedError,
    TopicDeregistrationError,
    TopicRegistrationError,
    UnsubscriptionDeniedError,
    UpdateMessageError,
    WebSubError,
    asgi,
    serve,
)
from websubhub.testing import RecordingSubscriber

ROOT = Path(__file__).parent.parent.parent
REASON = "100% no, & é"


@attrs.frozen
class Site:
    """A running hub, and a client to ask it with."""

    url: str
    client: httpx.AsyncClient

    async def post(self, fields: dict[str, str]) -> httpx.Response:
        return await self.client.post(self.url, data=fields)

    async def register(self) -> httpx.Response:
        return await self.post({"hub.mode": "register", "hub.topic": TOPIC})


@asynccontextmanager
async def running(hub: HubService, **settings: Any) -> AsyncIterator[Site]:
    """A hub on a free port of this machine."""
    config = HubConfig(**({"verification_delays": (0.0,)} | settings))

    async def serve_it(*, task_status: anyio.abc.TaskStatus[str]) -> None:
        await serve(hub, config, port=0, ready=task_status.started)

    async with anyio.create_task_group() as tasks, httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        yield Site(await tasks.start(serve_it) + "/hub", client)
        tasks.cancel_scope.cancel()


@attrs.frozen
class Row:
    """A row of the hook table: where an error of the hook is told, and what stands for any other."""

    mode: str
    hook: str
    error: type[WebSubError]
    fixed: str
    status: int
    told: str


ROWS = [
    Row("register", "on_register_topic", TopicRegistrationError, "topic registration failure", 200, "form"),
    Row("deregister", "on_deregister_topic", TopicDeregistrationError, "topic deregistration failure", 200, "form"),
    Row("publish", "on_update_message", UpdateMessageError, "update message error", 200, "form"),
    Row("subscribe", "on_subscription", BadSubscriptionError, "internal server error", 400, "text"),
    Row("unsubscribe", "on_unsubscription", BadUnsubscriptionError, "internal server error", 400, "text"),
    Row("subscribe", "on_subscription_validation", SubscriptionDeniedError, "validation failure", 202, "denied"),
    Row("unsubscribe", "on_unsubscription_validation", UnsubscriptionDeniedError, "validation failure", 202, "denied"),
    Row(
        "subscribe",
        "on_subscription_intent_verified",
        IntentVerificationError,
        "intent verification failure",
        202,
        "hub-error",
    ),
    Row(
        "unsubscribe",
        "on_unsubscription_intent_verified",
        IntentVerificationError,
        "intent verification failure",
        202,
        "hub-error",
    ),
]


@pytest.mark.spec("H-14", "H-15", "H-17", "H-27")
@pytest.mark.parity("H1", "H2", "H3", "H63", "H64", "H66", "H67", "H68", "H69", "H70")
@pytest.mark.parametrize("way", ["returned", "raised", "unexpected"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.hook)
async def test_every_error_of_every_hook_is_told_as_the_table_says(row: Row, way: str) -> None:
    error = RuntimeError(LEAKED) if way == "unexpected" else row.error(REASON)
    hub = Hub(**{row.hook: error if way == "returned" else Raised(error)})
    reason = row.fixed if way == "unexpected" else REASON
    subscriber = RecordingSubscriber()
    async with served(subscriber) as base, running(hub) as site:
        response = await site.post(subscription_fields(mode=row.mode, callback=f"{base}/callback"))
        if row.told in {"denied", "hub-error"}:
            notices = subscriber.denials if row.told == "denied" else subscriber.notices
            await subscriber.wait_until(lambda: notices)
            assert notices == [{"hub.mode": row.told, "hub.topic": TOPIC, "hub.reason": reason}]
        assert (await site.register()).status_code == 200, "the hub is up"
    assert response.status_code == (500 if way == "unexpected" and row.told == "text" else row.status)
    if row.told == "form":
        assert form_of(response) == {"hub.mode": "denied", "hub.reason": reason}
    if row.told == "text":
        assert_is_one_plain_sentence(response)
        assert response.text == reason
    assert LEAKED not in response.text + str(subscriber.denials + subscriber.notices)


SUBSCRIBE = subscription_fields()


@pytest.mark.spec("H-14", "H-15")
@pytest.mark.parity("H4", "H29", "H98", "H101")
@pytest.mark.parametrize(
    ("body", "content_type", "status", "word"),
    [
        pytest.param(SUBSCRIBE | {"hub.mode": "register123"}, FORM, 400, "hub.mode", id="unknown mode"),
        pytest.param({"hub.topic": TOPIC}, FORM, 400, "hub.mode", id="no mode"),
        pytest.param({"hub.mode": "register"}, FORM, 400, "hub.topic", id="no topic"),
        pytest.param({"hub.mode": "subscribe", "hub.topic": TOPIC}, FORM, 400, "hub.callback", id="no callback"),
        pytest.param(SUBSCRIBE | {"hub.callback": ""}, FORM, 400, "hub.callback", id="empty callback"),
        pytest.param(b"{}", "application/json", 415, FORM, id="wrong content type"),
        pytest.param(b"hub.mode=register&hub.topic=https://a.example/%ff", FORM, 400, "UTF-8", id="no UTF-8"),
        pytest.param(b"hub.mode=register&hub.mode=publish", FORM, 400, "hub.mode", id="a parameter twice"),
        pytest.param(b"hub.mode=register&hub.topic=" + b"x" * 20_000, FORM, 413, "", id="body over the limit"),
        pytest.param(SUBSCRIBE | {"hub.secret": "x" * 200}, FORM, 400, "hub.secret", id="secret of 200 bytes"),
        pytest.param(SUBSCRIBE | {"hub.lease_seconds": "0"}, FORM, 400, "hub.lease_seconds", id="no lease"),
        pytest.param(SUBSCRIBE | {"hub.callback": "ftp://a.example/"}, FORM, 400, "hub.callback", id="wrong callback"),
    ],
)
async def test_a_wrong_request_is_refused_with_one_plain_sentence(
    body: Any, content_type: str, status: int, word: str
) -> None:
    hub = Hub()
    async with running(hub, limits=EdgeLimits(body_bytes=10_000)) as site:
        if isinstance(body, bytes):
            response = await site.client.post(site.url, content=body, headers={"Content-Type": content_type})
        else:
            response = await site.post(body)
        assert response.status_code == status
        assert_is_one_plain_sentence(response, word)
        assert not hub.calls
        assert (await site.register()).status_code == 200


@pytest.mark.spec("H-10", "H-17")
async def test_an_unreachable_callback_leaves_the_hub_up(free_port: int) -> None:
    hub = Hub()
    dead = f"http://127.0.0.1:{free_port}"
    async with running(hub, verification_delays=(0.0, 0.01)) as site:
        for mode in ("subscribe", "unsubscribe"):
            response = await site.post(subscription_fields(mode=mode, callback=f"{dead}/callback"))
            assert response.status_code == 202
        await anyio.sleep(0.2)
        assert (await site.register()).status_code == 200
    assert not [name for name in hub.called if "verified" in name]


@pytest.mark.spec("H-22", "H-23", "H-24", "SEC-10")
@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("/a/../b//c/.", "/a/../b//c/.?hub."),
        ("/%2e%2e/~/%7E?x=[1]|{2}", "/%2e%2e/~/%7E?x=[1]|{2}&hub."),
        ("/c?red=fish&red=dog&a.b=c+d&hub.topic=mine&flag", "/c?red=fish&red=dog&a.b=c+d&hub.topic=mine&flag&hub."),
        ("/ü?q=日", "/%C3%BC?q=%E6%97%A5&hub."),
    ],
)
async def test_the_callback_is_called_exactly_on_the_wire(path: str, start: str) -> None:
    callback, hub = RawCallback(), Hub()
    async with served(callback) as base, running(hub) as site:
        response = await site.post(subscription_fields(callback=base + path))
        assert response.status_code == 202
        await until(lambda: callback.requests)
    assert callback.targets[0].startswith(start + "mode=subscribe&")


async def endless(stream: anyio.abc.SocketStream) -> None:
    """A callback that answers with a body that never ends."""
    async with stream:
        head = (await stream.receive()).decode()
        challenge = dict(parse_qsl(urlsplit(head.split()[1]).query))["hub.challenge"]
        await stream.send(f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{challenge}".encode())
        while True:
            try:
                await stream.send(b" " * 65536)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return


@pytest.mark.spec("H-37", "SEC-15")
@pytest.mark.threat("AMP-5")
async def test_an_answer_that_never_ends_is_not_read_to_its_end() -> None:
    hub, ended = Hub(), anyio.Event()

    async def handle(stream: anyio.abc.SocketStream) -> None:
        await endless(stream)
        ended.set()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, running(hub) as site:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610  a socket's attribute, no query
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, handle)
            await site.post(subscription_fields(callback=f"http://127.0.0.1:{port}/"))
            with anyio.fail_after(PATIENCE):
                await ended.wait()
            tasks.cancel_scope.cancel()
        assert (await site.register()).status_code == 200
    assert "on_subscription_intent_verified" not in hub.called


async def exchange(url: str, data: bytes) -> bytes:
    """Send bytes as they are, and read until the hub closes."""
    parts = urlsplit(url)
    async with await anyio.connect_tcp(parts.hostname or "", parts.port or 0) as stream:
        await stream.send(data)
        received = b""
        while True:
            try:
                received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return received


def head(length: str) -> bytes:
    return f"POST /hub HTTP/1.1\r\nHost: hub\r\nContent-Type: {FORM}\r\n{length}\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.spec("H-14")
async def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    hub = Hub()
    async with running(hub, limits=EdgeLimits(body_seconds=0.2)) as site:
        with anyio.fail_after(PATIENCE):
            received = await exchange(site.url, head("Content-Length: 100") + b"hub.mode=register&hub.topic=https:")
        assert received.split(b" ", 2)[1:2] == [b"408"]
        assert (await site.register()).status_code == 200
    assert len(hub.calls) == 1


@pytest.mark.spec("H-14")
async def test_a_body_without_a_length_is_counted_as_it_arrives() -> None:
    hub = Hub()
    chunks = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
    async with running(hub, limits=EdgeLimits(body_bytes=10_000)) as site:
        with anyio.fail_after(PATIENCE):
            received = await exchange(site.url, head("Transfer-Encoding: chunked") + chunks * 11)
        assert received.split(b" ", 2)[1:2] == [b"413"]
        assert (await site.register()).status_code == 200
    assert len(hub.calls) == 1


@pytest.mark.threat("FORM-9")
async def test_a_request_that_breaks_off_reaches_no_hook() -> None:
    hub = Hub()
    body = b"hub.mode=register&hub.topic=https://publisher.example/"
    async with running(hub) as site:
        parts = urlsplit(site.url)
        async with await anyio.connect_tcp(parts.hostname or "", parts.port or 0) as stream:
            await stream.send(head(f"Content-Length: {len(body) + 10}") + body)
        await anyio.sleep(0.1)
        assert not hub.calls
        assert (await site.register()).status_code == 200


def starlette_at(path: str, app: Any) -> Any:
    return Starlette(routes=[Mount(path, app)])


def fastapi_at(path: str, app: Any) -> Any:
    made = FastAPI()
    made.mount(path, app)
    return made


@pytest.mark.parametrize("framework", [starlette_at, fastapi_at])
@pytest.mark.parametrize(
    ("mount", "url"),
    [
        ("/api", "https://hub.example/api/hub"),
        ("/api/v1", "https://hub.example/api/v1/hub"),
        ("/hub", "https://hub.example/hub"),
        ("/hub", "https://hub.example/hub/"),
        ("/", "https://hub.example/hub"),
    ],
)
async def test_a_hub_is_mounted_in_another_application_under_a_path(framework: Any, mount: str, url: str) -> None:
    hub, subscriber = Hub(), RecordingSubscriber()
    async with served(subscriber) as callback, httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as callbacks:
        app = framework(mount, asgi(hub, HubConfig(url=url), client=callbacks))
        async with (
            served(app) as base,
            httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=PATIENCE) as client,
        ):
            target = base + urlsplit(url).path
            response = await client.post(target, data=subscription_fields(callback=f"{callback}/c"))
            assert response.status_code == 202, [str(each.url) for each in [*response.history, response]]
            await subscriber.wait_until(lambda: subscriber.verifications)
            elsewhere = await client.post(f"{target.rstrip('/')}/elsewhere", data=subscription_fields())
            assert elsewhere.status_code == 404
    assert hub.message("on_subscription").hub == url
    assert hub.called[-1] == "on_subscription_intent_verified"


async def test_a_mounted_hub_that_is_entered_answers_before_it_verifies() -> None:
    hub, subscriber, release = Hub(), RecordingSubscriber(), anyio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await release.wait()
        await subscriber(scope, receive, send)

    mounted = asgi(hub, HubConfig(url="http://127.0.0.1/api/hub"))
    async with served(slow) as callback, mounted, served(starlette_at("/api", mounted)) as base:
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            fields = subscription_fields(callback=f"{callback}/c")
            assert (await client.post(f"{base}/api/hub", data=fields)).status_code == 202
        assert "on_subscription_intent_verified" not in hub.called
        release.set()
        await subscriber.wait_until(lambda: subscriber.verifications)
    assert hub.called[-1] == "on_subscription_intent_verified"


PROGRAM = """
import sys
from tests.conformance.hubs import Hub
from websubhub import run
run(Hub(), port=int(sys.argv[1]), backend=sys.argv[2])
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
def test_a_hub_that_is_run_ends_well_by_a_signal(backend: str, way: signal.Signals, free_port: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(free_port), backend]
    program = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    try:
        assert asked_until_it_answers(f"http://127.0.0.1:{free_port}/hub") == 200
        program.send_signal(way)
        _, errors = program.communicate(timeout=PATIENCE)
    finally:
        program.kill()
    assert program.returncode == 0, errors
    assert b"Traceback" not in errors


def asked_until_it_answers(url: str) -> int:
    """The status of a registration at a hub that is only starting."""
    statuses: list[int] = []

    def is_answered() -> bool:
        with contextlib.suppress(httpx.TransportError):
            statuses.append(client.post(url, data={"hub.mode": "register", "hub.topic": TOPIC}).status_code)
        return bool(statuses)

    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        until_in_thread(is_answered, lambda: "the hub did not start")
    return statuses[0]


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve(Hub(), port=taken.getsockname()[1])
