import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpcore
import pytest
import trustme
from anyio.abc import SocketAttribute, SocketStream

from _websub.asgi.edge import AsgiEdge
from _websub.calls import network
from _websub.calls.client import ExchangeError, ExchangeLimits, Failure, HttpClient
from _websub.calls.network import AddressRefusedError, GuardedBackend, NameNotResolvedError, tls_context
from _websub.grammar.addresses import AddressPolicy
from _websub.http import Answer, Request, plain
from tests.waiting import PATIENCE
from tests.websub.peers import peer, saying, served

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
LOOPBACK = AddressPolicy(loopback=True)


class Names:
    """Answers lookups as a hostile name server would, one answer after the other, and the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.lookups: list[str] = []

    def __call__(self, host: str, port: int, *_: object, **__: object) -> list[Any]:
        self.lookups.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in answer]
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port))
            for family, address in zip(families, answer, strict=True)
        ]


def resolve_with(monkeypatch: pytest.MonkeyPatch, names: Names) -> Names:
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


@pytest.mark.threat("SSRF-10")
async def test_a_name_is_resolved_once_and_the_address_that_was_checked_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with peer(saying(OK)) as server:
        names = resolve_with(monkeypatch, Names(["127.0.0.1"], ["10.0.0.1"]))
        client = HttpClient(addresses=LOOPBACK)
        request = Request(method="GET", url=f"http://sub.example:{server.port}/")
        assert (await client.send(request)).status == 200
        assert names.lookups == ["sub.example"]
        with pytest.raises(ExchangeError) as caught:
            await client.send(request)
        assert caught.value.failure is Failure.ADDRESS
        assert server.connections == 1
        assert f"Host: sub.example:{server.port}".encode() in server.requests[0]
        await client.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        ["1.1.1.1", "10.0.0.1"],
        ["10.0.0.1", "1.1.1.1"],
        ["1.1.1.1"] * 3 + ["::1"],
        [f"1.1.1.{n}" for n in range(200)] + ["127.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%lo"],
    ],
)
@pytest.mark.spec("SEC-15")
@pytest.mark.threat("SSRF-8")
async def test_one_address_that_is_not_allowed_spoils_the_name(
    monkeypatch: pytest.MonkeyPatch, answer: list[str]
) -> None:
    resolve_with(monkeypatch, Names(answer))
    with pytest.raises(AddressRefusedError):
        await GuardedBackend(AddressPolicy()).connect_tcp("sub.example", 80, timeout=PATIENCE)


@pytest.mark.threat("SSRF-24")
async def test_at_most_sixteen_addresses_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_with(monkeypatch, Names([f"127.0.0.{n}" for n in range(1, 200)]))
    tried: list[str] = []
    backend = GuardedBackend(LOOPBACK)

    async def refuse(address: str, *_: object) -> httpcore.AsyncNetworkStream:
        tried.append(address)
        raise httpcore.ConnectError

    monkeypatch.setattr(backend._inner, "connect_tcp", refuse)
    with pytest.raises(httpcore.ConnectError):
        await backend.connect_tcp("sub.example", 80, timeout=PATIENCE)
    assert len(tried) == network.ADDRESS_LIMIT


async def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async with peer(saying(OK)) as server:
        resolve_with(monkeypatch, Names(["127.0.0.2", "127.0.0.1"]))
        stream = await GuardedBackend(LOOPBACK).connect_tcp("sub.example", server.port, timeout=PATIENCE)
        await stream.aclose()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0", "127。0。0。1", "::1"]
)
@pytest.mark.threat("SSRF-1", "SSRF-3")
async def test_loopback_is_refused_however_it_is_spelt(host: str) -> None:
    with pytest.raises((AddressRefusedError, NameNotResolvedError)):
        await GuardedBackend(AddressPolicy()).connect_tcp(host, 80, timeout=PATIENCE)


@pytest.mark.threat("SSRF-24")
async def test_a_name_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()

    def slow(*_: object, **__: object) -> list[Any]:
        given_up.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(network, "RESOLVE_SECONDS", 0.05)
    try:
        with anyio.fail_after(PATIENCE), pytest.raises(NameNotResolvedError):
            await GuardedBackend(LOOPBACK).connect_tcp("sub.example", 80)
    finally:
        given_up.set()


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example", ".", "\u20ac" * 100])
async def test_a_name_that_leads_nowhere_is_one_kind_of_error(host: str) -> None:
    with pytest.raises(NameNotResolvedError):
        await GuardedBackend(LOOPBACK).connect_tcp(host, 80)


async def test_sockets_of_this_machine_are_refused() -> None:
    with pytest.raises(AddressRefusedError):
        await GuardedBackend(LOOPBACK).connect_unix_socket("/run/docker.sock")


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[trustme.CA]:
    """An authority that this machine trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls_context.cache_clear()
    yield authority
    tls_context.cache_clear()


def binding_of(certificate: trustme.LeafCert, folder: Path) -> dict[str, Any]:
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return {"certfile": str(folder / "server.pem"), "keyfile": str(folder / "server.pem")}


async def echo(request: Request) -> Answer:
    return Answer(plain(200, request.url))


async def test_a_connection_whose_handshake_is_cancelled_is_closed() -> None:
    asked, closed = anyio.Event(), anyio.Event()

    async def handle(stream: SocketStream) -> None:
        async with stream:
            async for _ in stream:
                asked.set()
        closed.set()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        url = f"https://127.0.0.1:{listener.extra_attributes[SocketAttribute.local_port]()}/"
        async with anyio.create_task_group() as asking:
            asking.start_soon(HttpClient(addresses=LOOPBACK).send, Request(method="GET", url=url))
            await asked.wait()
            asking.cancel_scope.cancel()
        with anyio.fail_after(PATIENCE):
            await closed.wait()
        tasks.cancel_scope.cancel()


async def failure_of_tls(monkeypatch: pytest.MonkeyPatch, binding: dict[str, Any]) -> Failure | None:
    client = HttpClient(addresses=LOOPBACK, limits=ExchangeLimits(seconds=PATIENCE, connect_seconds=PATIENCE))
    async with served(AsgiEdge(echo), **binding) as url:
        resolve_with(monkeypatch, Names(["127.0.0.1"]))
        try:
            response = await client.send(Request(method="GET", url=url.replace("127.0.0.1", "sub.example") + "/cb"))
        except ExchangeError as error:
            return error.failure
        finally:
            monkeypatch.undo()
            await client.aclose()
    assert response.body.startswith(b"https://sub.example:")
    return None


async def test_a_certificate_is_checked_for_the_name_and_not_for_the_address(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good = binding_of(authority.issue_cert("sub.example"), tmp_path)
    with monkeypatch.context() as patch:
        assert await failure_of_tls(patch, good) is None


@pytest.mark.parametrize("wrong", ["other name", "address only", "another authority", "expired"])
@pytest.mark.threat("SSRF-20")
async def test_a_certificate_that_does_not_fit_is_a_failure_of_tls(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = {
        "other name": lambda: authority.issue_cert("other.example"),
        "address only": lambda: authority.issue_cert("127.0.0.1"),
        "another authority": lambda: trustme.CA().issue_cert("sub.example"),
        "expired": lambda: authority.issue_cert("sub.example", not_after=past),
    }[wrong]()
    with monkeypatch.context() as patch:
        assert await failure_of_tls(patch, binding_of(certificate, tmp_path)) is Failure.TLS


async def test_a_peer_without_tls_is_a_failure_of_tls() -> None:
    client = HttpClient(addresses=LOOPBACK, limits=ExchangeLimits(seconds=PATIENCE, connect_seconds=PATIENCE))
    async with peer(saying(OK), reads=False) as server:
        with pytest.raises(ExchangeError) as caught:
            await client.send(Request(method="GET", url=server.url.replace("http", "https")))
    assert caught.value.failure is Failure.TLS
    await client.aclose()


def test_tls_is_modern_and_made_once() -> None:
    context = tls_context()
    assert context is tls_context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
