import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import h2.connection
import h2.events
import httpx
import pytest
import trustme

from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, Request, plain
from _websub.limits import EdgeLimits
from _websub.server.serving import Binding, base_url, listen, serve
from tests.ports import held_port
from tests.websub.peers import connected, exchange, read_all, served, status_of
from tests.websub.servers import (
    anyio_backend_and_server_with_fake_clock as anyio_backend,  # noqa: F401 - the event loops of this module
)

GET = b"GET / HTTP/1.1\r\nHost: hub.test\r\n\r\n"
STALLED = b"POST / HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 20\r\n\r\nhub.mode="


async def echo(request: Request) -> Answer:
    return Answer(plain(200, f"{request.method} {request.url} {len(request.body)}"))


def taking(seconds: float, events: list[str]) -> AsgiEdge:
    async def handle(_: Request) -> Answer:
        events.append("accepted")
        try:
            await anyio.sleep(seconds)
        except BaseException:
            events.append("cancelled")
            raise
        events.append("answered")
        return Answer(plain(200, "Late."))

    return AsgiEdge(handle, limits=EdgeLimits(graceful_seconds=0.3))


async def test_it_says_where_it_is_once_it_accepts() -> None:
    async with served(AsgiEdge(echo)) as url:
        assert url.startswith("http://127.0.0.1:")
        assert status_of(await exchange(url, GET)) == 200
    with pytest.raises(OSError, match="All connection attempts failed"):
        await exchange(url, GET)


async def test_it_serves_on_ipv6() -> None:
    async with served(AsgiEdge(echo), host="::1") as url:
        assert url.startswith("http://[::1]:")
        assert status_of(await exchange(url, GET)) == 200


async def test_accepted_requests_are_answered_when_it_stops() -> None:
    events: list[str] = []
    answers: list[bytes] = []

    async def ask(url: str) -> None:
        answers.append(await exchange(url, GET))

    async with anyio.create_task_group() as tasks, served(taking(0.3, events), graceful_seconds=5) as url:
        tasks.start_soon(ask, url)
        await anyio.sleep(0.1)
        assert events == ["accepted"]
    assert events == ["accepted", "answered"]
    assert status_of(answers[0]) == 200


async def test_requests_beyond_the_grace_are_cancelled() -> None:
    events: list[str] = []
    async with anyio.create_task_group() as tasks, served(taking(60, events), graceful_seconds=0.2) as url:
        tasks.start_soon(exchange, url, GET)
        await anyio.sleep(0.1)
        start = anyio.current_time()
    assert events == ["accepted", "cancelled"]
    assert anyio.current_time() - start < 1.5


@pytest.mark.parametrize("begun", [b"", GET[:20], STALLED, GET], ids=["nothing", "half a head", "half a body", "idle"])
async def test_it_stops_promptly_whatever_clients_hold_open(begun: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with anyio.create_task_group() as tasks:
        async with served(AsgiEdge(echo), graceful_seconds=0.2) as url:
            opened = anyio.Event()
            tasks.start_soon(_hold, url, begun, opened)
            await opened.wait()
            await anyio.sleep(0.05)
            start = anyio.current_time()
        assert anyio.current_time() - start < 1.0
        tasks.cancel_scope.cancel()
    assert caplog.messages == []


async def _hold(url: str, begun: bytes, opened: anyio.Event) -> None:
    async with connected(url) as stream:
        if begun:
            await stream.send(begun)
        opened.set()
        await anyio.sleep_forever()


async def test_cancelling_it_lets_accepted_requests_finish() -> None:
    events: list[str] = []
    started = anyio.Event()
    urls: list[str] = []

    def ready(url: str) -> None:
        urls.append(url)
        started.set()

    async def ask() -> None:
        assert status_of(await exchange(urls[0], GET)) == 200

    async with anyio.create_task_group() as outer, anyio.create_task_group() as tasks:

        async def run() -> None:
            await serve(taking(0.3, events), Binding(port=0), ready=ready)

        tasks.start_soon(run)
        await started.wait()
        outer.start_soon(ask)
        await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
    assert events == ["accepted", "answered"]


async def test_a_stop_may_say_how_long_requests_may_go_on() -> None:
    events: list[str] = []
    started = anyio.Event()
    urls: list[str] = []

    async def stop() -> float:
        await anyio.sleep(0.2)
        return 0.0

    def ready(url: str) -> None:
        urls.append(url)
        started.set()

    async with anyio.create_task_group() as tasks:
        start = anyio.current_time()

        async def run() -> None:
            await serve(taking(60, events), Binding(port=0, graceful_seconds=60), stop=stop, ready=ready)

        tasks.start_soon(run)
        await started.wait()
        tasks.start_soon(exchange, urls[0], GET)
    assert events == ["accepted", "cancelled"]
    assert anyio.current_time() - start < 2


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use") as caught:
        await serve(AsgiEdge(echo), Binding(port=taken.getsockname()[1]))
    assert caught.value.errno == errno.EADDRINUSE


async def test_an_address_of_another_machine_is_an_error() -> None:
    with pytest.raises(OSError, match="assign"):
        await serve(AsgiEdge(echo), Binding(host="192.0.2.1", port=0))


async def test_an_application_that_cannot_start_ends_it_with_the_reason_and_frees_the_port() -> None:
    @asynccontextmanager
    async def resources() -> AsyncIterator[None]:
        raise OSError("The store is locked.")
        yield

    edge = AsgiEdge(echo, resources=resources)
    with held_port() as port:
        with pytest.raises(RuntimeError, match=r"could not start: The store is locked\.") as caught:
            await serve(edge, Binding(port=port), ready=lambda _: pytest.fail("It is not ready."))
        assert not isinstance(caught.value, ExceptionGroup)
        listen(Binding(port=port)).close()


async def test_resources_are_closed_when_it_stops() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def resources() -> AsyncIterator[None]:
        events.append("opened")
        yield
        await anyio.sleep(0.01)
        events.append("closed")

    async with served(AsgiEdge(echo, resources=resources)):
        assert events == ["opened"]
    assert events == ["opened", "closed"]


async def test_more_of_a_body_whose_request_was_answered_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    limits = EdgeLimits(body_seconds=0.1)
    async with served(AsgiEdge(echo, limits=limits), cleartext_http2=True, idle_seconds=0.5) as url:
        client = h2.connection.H2Connection()
        client.initiate_connection()
        client.send_headers(1, [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "hub.test")])
        async with connected(url) as stream:
            await stream.send(client.data_to_send())
            answered = False
            while not answered:
                events = client.receive_data(await stream.receive())
                answered = any(isinstance(event, h2.events.ResponseReceived) for event in events)
            client.send_data(1, b"late")
            await stream.send(client.data_to_send())
            await read_all(stream)
        assert status_of(await exchange(url, GET)) == 200
    assert caplog.messages == []


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pem(authority: trustme.CA, tmp_path: Path) -> str:
    path = str(tmp_path / "server.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    return path


@pytest.mark.parametrize(("http2", "version"), [(False, "HTTP/1.1"), (True, "HTTP/2")])
@pytest.mark.spec("SEC-01")
async def test_tls_and_http2(authority: trustme.CA, pem: str, http2: bool, version: str) -> None:  # noqa: FBT001
    context = ssl.create_default_context()
    authority.configure_trust(context)
    edge = AsgiEdge(echo, limits=EdgeLimits(body_bytes=1000))
    async with served(edge, certfile=pem, keyfile=pem) as url:
        assert url.startswith("https://")
        async with httpx.AsyncClient(http2=http2, verify=context) as client:
            answers = [await client.post(f"{url}/hub", content=b"x" * size) for size in (0, 1000, 1001, 300_000, 1)]
            text = answers[0].text
    assert [answer.status_code for answer in answers] == [200, 200, 413, 413, 200]
    assert {answer.http_version for answer in answers} == {version}
    assert text == f"POST {url}/hub 0"


async def test_a_client_without_tls_costs_nobody_else(authority: trustme.CA, pem: str) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with served(AsgiEdge(echo), certfile=pem, keyfile=pem) as url:
        async with connected(url) as stream:
            await stream.send(GET)
            assert status_of(await read_all(stream)) == 0
        async with httpx.AsyncClient(verify=context) as client:
            assert (await client.get(url)).status_code == 200


@pytest.mark.parametrize("broken", ["", "no certificate"])
async def test_a_certificate_that_cannot_be_read_is_an_error_before_anything_starts(
    tmp_path: Path, broken: str
) -> None:
    path = tmp_path / "server.pem"
    if broken:
        path.write_text(broken)
    binding = Binding(port=0, certfile=str(path), keyfile=str(path))
    with pytest.raises(OSError):  # noqa: PT011 - each kind of file fails in another way
        await serve(AsgiEdge(echo), binding, ready=lambda _: pytest.fail("It is not ready."))


# --- listening --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("binding", "url"),
    [
        (Binding(port=0), "http://127.0.0.1:{}"),
        (Binding(host="::1", port=0), "http://[::1]:{}"),
        (Binding(host="[::1]", port=0), "http://[::1]:{}"),
        (Binding(host="localhost", port=0, certfile="x"), "https://localhost:{}"),
    ],
)
def test_a_listening_socket_has_a_url(binding: Binding, url: str) -> None:
    with contextlib.closing(listen(binding)) as listening:
        assert base_url(binding, listening) == url.format(listening.getsockname()[1])
