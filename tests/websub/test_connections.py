"""How many connections there may be, which gives way, and what happens when the system has no more to give."""

import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import anyio
import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.asgi.holdings import Holdings, client_of
from _websub.http import Answer, Request, plain
from _websub.limits import EdgeLimits
from tests.waiting import PATIENCE
from tests.websub.attacks import STALLED
from tests.websub.peers import connected, exchange, read_all, read_message, served, status_of
from tests.websub.programs import BACKENDS, Program, program
from tests.websub.servers import anyio_backend_and_server as anyio_backend  # noqa: F401 - the event loops of this module

GET = b"GET / HTTP/1.1\r\nHost: hub.test\r\n\r\n"


async def answer(_: Request) -> Answer:
    return Answer(plain(200, "ok"))


async def test_idle_connections_give_way_to_new_ones(caplog: pytest.LogCaptureFixture) -> None:
    async with served(AsgiEdge(answer), connections=3, idle_seconds=600) as url, anyio.create_task_group() as tasks:
        async with connected(url) as first, connected(url) as second:
            for stream in (first, second, first):
                await stream.send(GET)
                assert status_of(await read_message(stream)) == 200
            for _ in range(2):
                tasks.start_soon(_stay, url)
            assert await read_all(second) == b""
            await first.send(GET)
            assert status_of(await read_message(first)) == 200
        for _ in range(10):
            assert status_of(await exchange(url, GET)) == 200
        tasks.cancel_scope.cancel()
    assert caplog.messages == ["3 connections are open: closing idle ones for new ones."]


async def _stay(url: str, begun: bytes = b"") -> None:
    async with connected(url) as stream:
        if begun:
            await stream.send(begun)
        await anyio.sleep_forever()


@pytest.mark.parametrize("begun", [b"", STALLED], ids=["idle", "stalled"])
@pytest.mark.threat("SLOW-3")
async def test_who_keeps_the_server_waiting_gives_way(begun: bytes) -> None:
    edge = AsgiEdge(answer, limits=EdgeLimits(body_seconds=600))
    async with served(edge, connections=4, idle_seconds=600) as url, anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(_stay, url, begun)
        for _ in range(10):
            assert status_of(await exchange(url, GET)) == 200
        tasks.cancel_scope.cancel()


async def test_while_all_are_worked_on_new_ones_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    release = anyio.Event()

    async def wait(_: Request) -> Answer:
        await release.wait()
        return Answer(plain(200, "ok"))

    edge = AsgiEdge(wait)
    async with served(edge, connections=2) as url:
        async with connected(url) as first, connected(url) as second:
            for number, stream in enumerate((first, second), 1):
                await stream.send(GET)
                with anyio.fail_after(PATIENCE):
                    while edge.load.pending < number:  # noqa: ASYNC110 - it tells nobody
                        await anyio.sleep(0.01)
            refused = [await exchange(url, GET) for _ in range(3)]
            assert {status_of(each) for each in refused} == {503}
            assert b"retry-after" in refused[0]
            release.set()
            assert status_of(await read_message(first)) == 200
        assert status_of(await exchange(url, GET)) == 200
    assert caplog.messages[0] == "2 connections are open, all of them busy: refusing more."


@pytest.mark.parametrize("begun", [b"", GET[:20], GET + GET[:20]], ids=["nothing", "half a head", "another half"])
async def test_a_connection_without_a_request_ends(begun: bytes) -> None:
    async with served(AsgiEdge(answer), idle_seconds=0.2) as url, connected(url) as stream:
        if begun:
            await stream.send(begun)
        assert status_of(await read_all(stream)) == (200 if GET in begun else 0)


@pytest.mark.threat("SLOW-1")
async def test_a_head_that_drips_ends() -> None:
    async with served(AsgiEdge(answer), idle_seconds=0.3) as url, connected(url) as stream:
        with pytest.raises(anyio.BrokenResourceError), anyio.fail_after(PATIENCE):  # noqa: PT012 - some send fails
            while True:
                await stream.send(b"G")
                await anyio.sleep(0.05)


async def test_a_request_may_take_its_time() -> None:
    async def slow(_: Request) -> Answer:
        await anyio.sleep(1.0)
        return Answer(plain(200, "ok"))

    async with served(AsgiEdge(slow), idle_seconds=0.1) as url:
        assert status_of(await exchange(url, GET)) == 200


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", client_of("fe80::2")),
        ("2001:db8:1:2::3", client_of("2001:db8:1:2:ffff::9")),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_an_address_or_a_network(host: str, client: str) -> None:
    assert client_of(host) == client


def test_networks_are_different_clients() -> None:
    assert client_of("2001:db8:1:2::3") != client_of("2001:db8:1:3::3")


def test_shares_know_who_holds_the_most() -> None:
    holdings = Holdings[str]()
    assert holdings.oldest_of_the_largest() is None
    for client, thing in (("a", "1"), ("b", "2"), ("b", "3"), ("a", "4"), ("b", "5")):
        holdings.add(client, thing)
    assert (len(holdings), list(holdings), holdings.oldest_of_the_largest()) == (5, ["1", "4", "2", "3", "5"], "2")
    for thing in ("2", "3", "3", "unknown"):
        holdings.discard("b", thing)
    holdings.discard("c", "1")
    assert (len(holdings), holdings.oldest_of_the_largest()) == (3, "1")
    assert list(holdings.by_holder()) == [("1", "4"), ("5",)]


# --- what the system gives --------------------------------------------------------------------------------------------


def get(running: Program) -> int:
    parts = urlsplit(running.url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=PATIENCE) as client:
        client.sendall(GET)
        return status_of(client.recv(1000))


@pytest.mark.parametrize("files", [24, 64])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.threat("DOS-15")
def test_it_lives_on_when_there_are_no_more_descriptors(backend: str, files: int) -> None:
    """Fewer than it would like to serve connections with, and as many as a careless ``ulimit`` leaves."""
    with program(backend, files=files) as running, ExitStack() as stack:
        parts = urlsplit(running.url)
        for _ in range(100):
            address = (str(parts.hostname), int(parts.port or 0))
            stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
        assert [get(running) for _ in range(5)] == [200] * 5
        running.process.terminate()
        assert running.wait() == 0
        assert 1 <= len(running.log) <= 10


def leave(client: socket.socket, how: str) -> None:
    """Go away as clients do."""
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == "half-closed":
        client.shutdown(socket.SHUT_WR)
        client.settimeout(PATIENCE)
        with suppress(OSError):
            while client.recv(65_536):
                pass
    client.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_lives_on_however_clients_leave(backend: str) -> None:
    begun = (
        b"",
        GET[:20],
        GET,
        GET * 3,
        GET.replace(b"/ ", b"/large ", 1),
        STALLED,
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01",
    )
    with program(backend) as running:
        parts = urlsplit(running.url)
        for first in begun:
            for how in ("closed", "reset", "half-closed"):
                for pause in (0, 0.02):
                    client = socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=PATIENCE)
                    client.sendall(first)
                    time.sleep(pause)  # Whether the server has read it by then makes a difference to the server.
                    leave(client, how)
        assert [get(running) for _ in range(5)] == [200] * 5
        running.process.terminate()
        assert running.wait() == 0
        assert running.log == []


LIMITS = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 1000))
from _websub.server.descriptors import connections_within_limit, kept_within_limit, raise_limit
print(connections_within_limit(4096), connections_within_limit(10))
print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
print(connections_within_limit(4096), connections_within_limit(100))
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 1000))
print(connections_within_limit(4096), connections_within_limit(10))
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))
print(kept_within_limit(4096, 256), kept_within_limit(10, 256))
resource.getrlimit = lambda _: (20000, 20000)
print(kept_within_limit(25000, 256), kept_within_limit(25000, 4096), kept_within_limit(25000, 12000))
"""


def test_connections_follow_the_limit_of_open_files() -> None:
    printed = subprocess.run([sys.executable, "-c", LIMITS], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert printed.splitlines() == ["48 10", "1000 1000 1000", "484 100", "16 10", "322 10", "14624 10784 6656"]
