"""Single requests over the engine: bounded, charged to the address that they are made to."""

import socket
import ssl
from collections.abc import Callable, Sequence

import anyio
import attrs
import pytest
import trustme

from _websub.calls.budgets import Budget, Budgets
from _websub.calls.exchange import ExchangeError, ExchangeLimits, Failure
from _websub.grammar.addresses import AddressPolicy
from _websub.http import Request
from tests.ports import held_port
from tests.waiting import PATIENCE, until
from tests.websubhub.distribution.peers import NO_CONTENT, Peer, answering, hang, peer, reset
from websubhub._distribution.requests import EngineRequests

HELLO = b"HTTP/1.1 200 OK\r\nX-Of: the-server\r\nContent-Length: 5\r\n\r\nhello"
LIMITS = ExchangeLimits(seconds=PATIENCE, connect_seconds=PATIENCE, response_bytes=100)


def requests(*, loopback: bool = True, limits: ExchangeLimits = LIMITS) -> EngineRequests:
    return EngineRequests(AddressPolicy(loopback=loopback), limits)


def get(url: str) -> Request:
    return Request(method="GET", url=url)


async def failure_of(client: EngineRequests, url: str) -> ExchangeError:
    with pytest.raises(ExchangeError) as raised:
        await client.send(get(url))
    return raised.value


def budgets(at_once: int = 100) -> Budgets:
    return Budgets(Budget(at_once=100, burst=100), lambda: 0.0, addresses=Budget(at_once=at_once, burst=100))


@pytest.mark.parametrize(("kept", "connections"), [(0, 3), (1, 1)])
async def test_answer_comes_back_and_as_many_connections_are_kept_as_may_be(kept: int, connections: int) -> None:
    with peer(answering(HELLO)) as server:
        client = requests(limits=attrs.evolve(LIMITS, keep_alive=kept))
        for _ in range(3):
            response = await client.send(get(f"{server.url}/callback?a=b%20c"))
            assert (response.status, response.body, response.headers["x-of"]) == (200, b"hello", "the-server")
        await client.aclose()
    assert server.connections == connections
    assert {request.partition(b"\r\n")[0] for request in server.requests} == {b"GET /callback?a=b%20c HTTP/1.1"}
    assert all(b"Accept-Encoding: identity" in request for request in server.requests)


async def test_redirects_are_not_followed() -> None:
    with peer(answering(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")) as server:
        client = requests()
        assert (await client.send(get(server.url))).status == 302
        await client.aclose()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101, Failure.TOO_LARGE),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 101 + b"0\r\n\r\n",
            Failure.TOO_LARGE,
        ),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 501 + b"Content-Length: 0\r\n\r\n", Failure.TOO_LARGE),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000, Failure.TOO_LARGE),
        (b"SSH-2.0-OpenSSH\r\n", Failure.MALFORMED),
        (b"", Failure.BROKEN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", Failure.BROKEN),
    ],
)
async def test_answer_that_is_no_good_is_a_failure(answer: bytes, failure: Failure) -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(answer)

    with peer(script) as server:
        client = requests()
        error = await failure_of(client, server.url)
        await client.aclose()
    assert (error.failure, error.wait) == (failure, 0.0)


async def test_what_cannot_be_called_is_a_failure() -> None:
    unknown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(unknown)
    with peer(answering(NO_CONTENT)) as server, peer(answering(NO_CONTENT), unknown) as secure, held_port() as port:
        client, guarded = requests(), requests(loopback=False)
        assert (await failure_of(client, f"http://127.0.0.1:{port}/")).failure is Failure.CONNECT
        assert (await failure_of(client, secure.url)).failure is Failure.TLS
        assert (await failure_of(client, "http://nobody.invalid/")).failure is Failure.NAME
        assert (await failure_of(client, "ftp://127.0.0.1/")).failure is Failure.URL
        assert (await failure_of(guarded, server.url)).failure is Failure.ADDRESS
        assert (await failure_of(guarded, f"http://localhost:{server.port}/")).failure is Failure.ADDRESS
        assert not guarded.may_call(server.url)
        for each in (client, guarded):
            await each.aclose()
    assert server.requests == secure.requests == []


@pytest.mark.threat("AMP-1")
async def test_address_is_charged_and_one_that_is_used_up_is_left_alone() -> None:
    with peer(answering(NO_CONTENT)) as server:
        client, accounts = requests(), budgets(at_once=1)
        first, second = accounts.begin("a.test"), accounts.begin("b.test")
        assert first is not None
        assert second is not None
        with first.charging():
            assert (await client.send(get(server.url))).status == 204
        assert first.blocks == ["127.0.0.1"]
        with second.charging():
            error = await failure_of(client, server.url)
        assert error.failure is Failure.BUDGET
        assert error.wait > 0, "nobody was called, so it may be tried again"
        await client.aclose()
    assert len(server.requests) == 1


@pytest.mark.threat("AMP-1")
async def test_address_of_a_kept_connection_is_charged_too() -> None:
    with peer(answering(NO_CONTENT)) as server:
        client, accounts = requests(), budgets(at_once=1)
        for _ in range(2):
            spending = accounts.begin("a.test")
            assert spending is not None
            with spending.charging():
                assert (await client.send(get(server.url))).status == 204
            assert spending.blocks == ["127.0.0.1"]
            spending.end(wanted=True)
        first, second = accounts.begin("a.test"), accounts.begin("b.test")
        assert first is not None
        assert second is not None
        assert not first.reach("127.0.0.1")
        with second.charging():
            assert (await failure_of(client, server.url)).failure is Failure.BUDGET
        assert (await client.send(get(server.url))).status == 204, "the connection is still there"
        await client.aclose()
    assert (server.connections, len(server.requests)) == (1, 3)


@pytest.mark.parametrize("end", [reset, socket.socket.close])
async def test_request_without_effect_is_repeated_on_a_new_connection_when_a_kept_one_ends(
    end: Callable[[socket.socket], None],
) -> None:
    def script(server: Peer, sock: socket.socket, number: int) -> None:
        server.receive(sock)
        sock.sendall(HELLO)
        server.receive(sock)
        if number == 0:
            end(sock)  # with the request in hand
            return
        sock.sendall(HELLO)

    with peer(script) as server:
        client = requests()
        for _ in range(3):
            assert (await client.send(get(server.url))).body == b"hello"
        await client.aclose()
    assert (server.connections, len(server.requests)) == (2, 4)


async def test_request_with_an_effect_is_not_repeated() -> None:
    def script(server: Peer, sock: socket.socket, _: int) -> None:
        server.receive(sock)
        sock.sendall(HELLO)
        server.receive(sock)
        reset(sock)

    with peer(script) as server:
        client = requests()
        post = Request(method="POST", url=server.url, body=b"x")
        assert (await client.send(post)).body == b"hello"
        with pytest.raises(ExchangeError):
            await client.send(post)
        await client.aclose()
    assert len(server.requests) == 2


async def test_next_address_is_tried_where_the_first_is_used_up_or_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(_: str) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.3", "127.0.0.1"]

    monkeypatch.setattr("websubhub._distribution.origins.names.socket.getaddrinfo", _as_rows(look_up))
    with peer(answering(NO_CONTENT)) as server:
        client, accounts = requests(), budgets(at_once=1)
        used, spending = accounts.begin("a.test"), accounts.begin("b.test")
        assert used is not None
        assert spending is not None
        assert not used.reach("127.0.0.2")
        with spending.charging():
            assert (await client.send(get(f"http://c.test:{server.port}/"))).status == 204
        await client.aclose()
    assert spending.blocks == ["127.0.0.3", "127.0.0.1"]


def _as_rows(look_up: Callable[[str], Sequence[str]]) -> Callable[..., list[tuple[object, ...]]]:
    return lambda host, *_, **__: [(0, 0, 0, "", (address, 0)) for address in look_up(host)]


async def test_whole_exchange_has_a_deadline() -> None:
    with peer(hang) as server:
        client = requests(limits=ExchangeLimits(seconds=0.2, connect_seconds=0.2, response_bytes=100))
        assert (await failure_of(client, server.url)).failure is Failure.TIMEOUT
        await client.aclose()


async def test_closing_ends_what_is_under_way_and_it_can_be_used_again() -> None:
    failures: list[Failure] = []

    async def ask(client: EngineRequests, url: str) -> None:
        failures.append((await failure_of(client, url)).failure)

    with peer(hang) as silent, peer(answering(NO_CONTENT)) as server:
        client = requests()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client, silent.url)
            await until(lambda: silent.connections)
            await client.aclose()
        assert (await client.send(get(server.url))).status == 204
        await client.aclose()
    assert failures == [Failure.BROKEN]


def test_one_client_serves_one_event_loop_after_the_other(anyio_backend_name: str) -> None:
    client = requests()

    async def main(url: str) -> int:
        return (await client.send(get(url))).status

    with peer(answering(NO_CONTENT)) as server:
        assert [anyio.run(main, server.url, backend=anyio_backend_name) for _ in range(2)] == [204, 204]
