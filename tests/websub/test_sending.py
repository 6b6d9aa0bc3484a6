"""Every write has a deadline that frees the slot, whatever the client does or leaves undone."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import h2.connection
import h2.errors
import h2.events
import pytest
import trustme

from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, Request, Then, plain
from _websub.limits import EdgeLimits
from tests.waiting import PATIENCE, until
from tests.websub.attacks import asked, deaf, with_closed_window
from tests.websub.peers import connected, exchange, read_all, read_message, served, status_of
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

GET = b"GET /hub HTTP/1.1\r\nHost: hub.test\r\n\r\n"
#: More than the sockets of both sides hold.
LARGE = "x" * 8_000_000
SLOTS = 10

Attack = Callable[[str], Awaitable[object]]


class Edge(AsgiEdge):
    """Answers at length at the path of a hub, and shortly elsewhere."""

    def __init__(self, send_seconds: float) -> None:
        super().__init__(self._reply, limits=EdgeLimits(pending=SLOTS, send_seconds=send_seconds))
        self.asked = 0

    async def _reply(self, request: Request) -> Answer:
        self.asked += "hub" in request.path
        return Answer(plain(200, LARGE if "hub" in request.path else "ok"))


def edge(send_seconds: float = 0.3) -> Edge:
    return Edge(send_seconds)


async def all_slots_are_free_again(app: Edge, url: str, asked: int = SLOTS) -> None:
    await until(lambda: app.asked >= asked and app.load.pending == 0)
    assert status_of(await exchange(url, b"GET / HTTP/1.1\r\nHost: hub.test\r\n\r\n")) == 200


@pytest.mark.parametrize("limit", ["edge", "connection"])
@pytest.mark.threat("SLOW-4", "DOS-1")
async def test_clients_that_do_not_read_free_their_slots_while_they_stay(limit: str) -> None:
    """Either deadline is enough: the one of the application, and the one of the connection."""
    app = edge(send_seconds=0.3 if limit == "edge" else 600)
    async with served(app, send_seconds=600 if limit == "edge" else 0.3) as url, anyio.create_task_group() as tasks:
        for _ in range(SLOTS):
            tasks.start_soon(_ask_and_stay, url)
        await all_slots_are_free_again(app, url)
        tasks.cancel_scope.cancel()


async def _ask_and_stay(url: str) -> None:
    async with deaf(url) as stream:
        await stream.send(GET)
        await anyio.sleep_forever()


@pytest.mark.threat("SLOW-4")
async def test_a_client_that_reads_nothing_loses_its_connection() -> None:
    async with served(edge(send_seconds=600), send_seconds=0.3) as url, deaf(url) as stream:
        await stream.send(GET)
        await anyio.sleep(1.0)
        received = 0
        with anyio.fail_after(PATIENCE):
            try:
                while True:
                    received += len(await stream.receive())
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass
        assert received < len(LARGE)


async def test_a_client_that_reads_slowly_gets_all_of_it() -> None:
    async with served(edge(send_seconds=60), send_seconds=60) as url, deaf(url) as stream:
        await stream.send(GET)
        received = b""
        with anyio.fail_after(PATIENCE):
            while len(received) < len(LARGE):
                received += await stream.receive()
        assert received.endswith(b"x")


@pytest.mark.parametrize("leaves", [True, False], ids=["leaves", "stays"])
@pytest.mark.threat("DOS-2")
async def test_http2_with_a_closed_window_frees_its_slots(leaves: bool) -> None:  # noqa: FBT001
    app = edge(send_seconds=600 if leaves else 0.3)
    async with served(app, cleartext_http2=True, send_seconds=600) as url:
        client = with_closed_window()
        async with connected(url) as stream:
            asked(client, SLOTS)
            await stream.send(client.data_to_send())
            await until(lambda: app.asked == SLOTS)
            if not leaves:
                await all_slots_are_free_again(app, url)
        await all_slots_are_free_again(app, url)


async def test_a_stream_that_is_given_up_is_reset_and_the_others_go_on() -> None:
    app = edge()
    async with served(app, cleartext_http2=True) as url, connected(url) as stream:
        client = with_closed_window()
        (stuck,) = asked(client, 1)
        await stream.send(client.data_to_send())
        reset, ended = None, False
        with anyio.fail_after(PATIENCE):
            while reset is None:
                for event in client.receive_data(await stream.receive()):
                    reset = event if isinstance(event, h2.events.StreamReset) else reset
            assert (reset.stream_id, reset.error_code) == (stuck, h2.errors.ErrorCodes.CANCEL)
            (other,) = asked(client, 1, "/")
            client.increment_flow_control_window(100, other)
            await stream.send(client.data_to_send())
            while not ended:
                events = client.receive_data(await stream.receive())
                ended = any(isinstance(event, h2.events.StreamEnded) and event.stream_id == other for event in events)


@pytest.mark.parametrize("ending", ["reset", "goaway", "half-closed"])
@pytest.mark.threat("DOS-2")
async def test_http2_clients_that_end_in_any_way_free_their_slots(ending: str) -> None:
    app = edge(send_seconds=600)
    async with served(app, cleartext_http2=True, send_seconds=600) as url, connected(url) as stream:
        client = with_closed_window()
        streams = asked(client, SLOTS)
        await stream.send(client.data_to_send())
        await until(lambda: app.load.pending == SLOTS)
        if ending == "reset":
            for each in streams:
                client.reset_stream(each)
        elif ending == "goaway":
            client.close_connection()
        await stream.send(client.data_to_send())
        if ending == "half-closed":
            await stream.send_eof()
        await all_slots_are_free_again(app, url)


async def test_a_half_closed_client_gets_its_answer() -> None:
    async with served(edge()) as url, connected(url) as stream:
        await stream.send(b"POST / HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 1\r\n\r\nx")
        await stream.send_eof()
        assert status_of(await read_all(stream)) == 200


async def test_an_answer_that_nobody_takes_is_followed_up_all_the_same() -> None:
    followed = anyio.Event()

    async def follow_up() -> None:
        followed.set()

    async def handle(_: Request) -> Answer:
        then: Then = follow_up
        return Answer(plain(202, LARGE), then)

    async with served(AsgiEdge(handle, limits=EdgeLimits(send_seconds=0.2))) as url, deaf(url) as stream:
        await stream.send(GET)
        with anyio.fail_after(PATIENCE):
            await followed.wait()


async def test_the_first_answer_that_nobody_takes_is_logged_and_more_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = edge()
    async with served(app) as url, anyio.create_task_group() as tasks:
        for _ in range(SLOTS):
            tasks.start_soon(_ask_and_stay, url)
        await all_slots_are_free_again(app, url)
        tasks.cancel_scope.cancel()
    assert caplog.messages == ["A client did not receive its answer within 0.3 seconds."]


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def over_tls(app: AsgiEdge, authority: trustme.CA, folder: Path) -> AsyncIterator[str]:
    path = str(folder / "server.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    async with served(app, certfile=path, keyfile=path, send_seconds=0.3) as url:
        yield url


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
@pytest.mark.threat("DOS-1", "DOS-2")
async def test_slots_are_freed_over_tls(authority: trustme.CA, tmp_path: Path, protocol: str) -> None:
    context = ssl.create_default_context()
    context.set_alpn_protocols([protocol])
    authority.configure_trust(context)
    app = edge()
    async with over_tls(app, authority, tmp_path) as url:

        async def attack() -> None:
            async with deaf(url, tls=context) as stream:
                client = with_closed_window()
                asked(client, SLOTS)
                await stream.send(client.data_to_send() if protocol == "h2" else GET)
                await anyio.sleep_forever()

        async with anyio.create_task_group() as tasks:
            for _ in range(1 if protocol == "h2" else SLOTS):
                tasks.start_soon(attack)
            await until(lambda: app.asked == SLOTS and app.load.pending == 0)
            tasks.cancel_scope.cancel()


@pytest.mark.threat("SMG-14")
async def test_http2_is_not_spoken_in_the_clear(caplog: pytest.LogCaptureFixture) -> None:
    async with served(edge()) as url:
        async with connected(url) as stream:
            await stream.send(with_closed_window().data_to_send())
            assert status_of(await read_message(stream)) == 505
        async with connected(url) as stream:
            await stream.send(
                b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
            )
            # A server may leave an upgrade alone (RFC 9110, 7.8), and curl asks for one.
            assert status_of(await read_message(stream)) == 200
    assert caplog.messages == []
