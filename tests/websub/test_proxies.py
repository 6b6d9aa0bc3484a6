"""Requests through a proxy: that of ours, and one that a client of one's own brings along."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
import trustme

from _websub.calls.client import ExchangeError, Failure, HttpClient
from _websub.calls.transports import check_proxy
from _websub.grammar.addresses import AddressPolicy
from _websub.http import Request
from tests.waiting import PATIENCE
from tests.websub.peers import peer, saying
from tests.websub.proxies import a_proxy
from tests.websubhub.distribution.peers import NO_CONTENT, answering
from tests.websubhub.distribution.peers import peer as threaded_peer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ODD = "/'(a|b){c}[d]^`e'?u=http://x/y?z&%7e&flag"
LOOPBACK = AddressPolicy(loopback=True)
AUTHORITY = trustme.CA()

Through = Callable[..., Any]


@asynccontextmanager
async def ours(proxy: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpClient]:
    client = HttpClient(addresses=LOOPBACK, proxy=proxy, tls=tls)
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def given(proxy: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpClient]:
    async with httpx.AsyncClient(proxy=proxy, verify=tls or True, trust_env=False) as client:
        yield HttpClient(client)


@pytest.fixture(params=[ours, given])
def through(request: pytest.FixtureRequest) -> Through:
    made: Through = request.param
    return made


def post(url: str) -> Request:
    return Request(method="POST", url=url, headers=[("X-A", "1"), ("X-A", "2")], body=b"content")


async def test_a_request_goes_through_the_proxy_byte_for_byte(through: Through) -> None:
    async with peer(saying(OK)) as server, a_proxy() as proxy, through(proxy.url) as client:
        response = await client.send(post(server.url + ODD))
    assert (response.status, response.body) == (200, b"ok")
    assert proxy.lines == [f"POST {server.url}{ODD} HTTP/1.1"]
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(f"POST {ODD} HTTP/1.1\r\n".encode())
    assert head.count(b"X-A: ") == 2
    assert body == b"content"


async def test_https_goes_through_a_tunnel_and_the_proxy_sees_no_more_than_the_host(through: Through) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("hidden.test").configure_cert(server_side)
    trusting = ssl.create_default_context()
    AUTHORITY.configure_trust(trusting)
    with threaded_peer(answering(NO_CONTENT), server_side) as server:
        async with a_proxy(names={"hidden.test": "127.0.0.1"}) as proxy, through(proxy.url, trusting) as client:
            response = await client.send(post(f"https://hidden.test:{server.port}{ODD}"))
    assert response.status == 204
    assert proxy.lines == [f"CONNECT hidden.test:{server.port} HTTP/1.1"]
    assert server.requests[0].startswith(f"POST {ODD} HTTP/1.1\r\n".encode())


async def test_the_proxy_resolves_names(through: Through) -> None:
    names = {"only.proxy.test": "127.0.0.1"}
    async with peer(saying(OK)) as server, a_proxy(names=names) as proxy, through(proxy.url) as client:
        assert (await client.send(post(f"http://only.proxy.test:{server.port}/"))).status == 200


async def test_user_and_password_of_the_proxy_are_for_the_proxy_alone(through: Through) -> None:
    async with peer(saying(OK)) as server, a_proxy(credentials="u:s3cret") as proxy:
        async with through(proxy.url.replace("//", "//u:s3cret@")) as client:
            assert (await client.send(post(server.url))).status == 200
        async with through(proxy.url) as client:
            assert (await client.send(post(server.url))).status == 407
    assert b"authorization" not in server.requests[0].lower().replace(b"proxy-authorization", b"")


async def test_a_proxy_that_is_not_there_is_no_connection(through: Through) -> None:
    async with a_proxy() as proxy:
        gone = proxy.url
    async with through(gone) as client:
        for url in ("http://t.example/", "https://t.example/"):
            with pytest.raises(ExchangeError) as caught:
                await client.send(post(url))
            assert caught.value.failure is Failure.CONNECT


async def test_a_proxy_that_refuses_a_tunnel_is_no_connection(through: Through) -> None:
    async with a_proxy(refuses=403) as proxy, through(proxy.url) as client:
        with pytest.raises(ExchangeError) as caught:
            await client.send(post("https://t.example/"))
    assert caught.value.failure is Failure.CONNECT


@pytest.mark.spec("SEC-15")
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "a.localhost",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
    ],
)
async def test_hosts_that_are_private_as_they_are_written_are_not_even_asked_of_the_proxy(host: str) -> None:
    async with a_proxy() as proxy:
        client = HttpClient(proxy=proxy.url)
        for scheme in ("http", "https"):
            with pytest.raises(ExchangeError) as caught:
                await client.send(post(f"{scheme}://{host}/"))
            assert caught.value.failure is Failure.ADDRESS
        await client.aclose()
    assert not proxy.lines


@pytest.mark.threat("SSRF-19")
async def test_proxies_of_the_environment_are_for_clients_that_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    async with peer(saying(OK), rounds=2) as server, a_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        own = HttpClient(addresses=LOOPBACK)
        await own.send(post(server.url))
        await own.aclose()
        assert not proxy.lines
        async with httpx.AsyncClient() as theirs:
            await HttpClient(theirs).send(post(server.url))
        assert len(proxy.lines) == 1


async def test_connections_to_the_proxy_are_kept_for_the_next_request() -> None:
    async with peer(saying(OK)) as server, a_proxy() as proxy, ours(proxy.url) as client:
        for _ in range(5):
            await client.send(post(server.url))
        assert proxy.most == 1
        await client.aclose()
        with anyio.fail_after(PATIENCE):
            while proxy.open:  # noqa: ASYNC110 - the proxy has no event for it
                await anyio.sleep(0.001)


@pytest.mark.parametrize("url", ["http://p.example:3128", "https://u:p@p.example", "http://[::1]:8080/"])
def test_a_proxy_is_a_url(url: str) -> None:
    assert check_proxy("proxy", url) == url


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("p.example:3128", ValueError, "must be a URL that starts with"),
        ("ftp://p.example", ValueError, "must be a URL that starts with"),
        ("http://", ValueError, "must name a host"),
        ("", ValueError, "must be a URL"),
        (3128, TypeError, "must be of type str, not int"),
        (None, TypeError, "must be of type str, not NoneType"),
    ],
)
def test_what_is_no_proxy_is_refused_in_one_sentence(url: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        check_proxy("proxy", url)
    assert str(caught.value).endswith(".")


def test_what_is_refused_is_not_shown() -> None:
    with pytest.raises(ValueError, match="proxy must be") as caught:
        check_proxy("proxy", "ftp://user:s3cret@p.example")
    assert "s3cret" not in str(caught.value)


def test_a_socks_proxy_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"pip install 'httpx\[socks\]'"):
        check_proxy("proxy", "socks5://p.example:1080")
