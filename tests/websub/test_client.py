import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from _websub.calls.client import ExchangeError, ExchangeLimits, Failure, HttpClient, Incoming
from _websub.grammar.addresses import AddressPolicy
from _websub.grammar.urls import UrlError, check_url, target_of
from _websub.http import Headers, Request
from tests.waiting import PATIENCE, until
from tests.websub.peers import Behaviour, hang, peer, reset, saying, saying_for_ever

LOOPBACK = AddressPolicy(loopback=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LIMITS = ExchangeLimits(seconds=PATIENCE, connect_seconds=PATIENCE, response_bytes=1000)
IMPATIENT = ExchangeLimits(seconds=0.3, connect_seconds=0.3, response_bytes=1000)


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient(addresses=LOOPBACK, limits=LIMITS)
    yield client
    await client.aclose()


@pytest.fixture
async def impatient() -> AsyncIterator[HttpClient]:
    """A client for peers that let it wait until its time is over."""
    client = HttpClient(addresses=LOOPBACK, limits=IMPATIENT)
    yield client
    await client.aclose()


def get(url: str, **rest: object) -> Request:
    return Request(method="GET", url=url, **rest)  # type: ignore[arg-type]


async def failure_of(client: HttpClient, url: str) -> Failure:
    with anyio.fail_after(PATIENCE), pytest.raises(ExchangeError) as caught:
        await client.send(get(url))
    assert str(caught.value) == str(caught.value.failure)
    return caught.value.failure


async def test_a_request_goes_out_and_its_answer_comes_back(client: HttpClient) -> None:
    answer = b"HTTP/1.1 202 Accepted\r\nX-Any: 1\r\nX-Any: 2\r\nContent-Length: 3\r\n\r\nyes"
    async with peer(saying(answer)) as server:
        request = Request(method="POST", url=f"{server.url}/hub?a=b", headers=[("X-Own", "1")], body=b"hub.mode=x")
        response = await client.send(request)
    assert (response.status, response.body, response.headers.get_all("x-any")) == (202, b"yes", ("1", "2"))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /hub?a=b HTTP/1.1"
    assert {
        f"Host: 127.0.0.1:{server.port}".encode(),
        b"User-Agent: websubhub/0.1.0",
        b"Accept-Encoding: identity",
        b"X-Own: 1",
        b"Content-Length: 10",
    } == set(lines[1:])
    assert body == b"hub.mode=x"


async def test_a_request_may_name_itself(client: HttpClient) -> None:
    async with peer(saying(OK)) as server:
        await client.send(get(server.url, headers=[("user-agent", "Mine/1")]))
    assert b"user-agent: Mine/1" in server.requests[0]
    assert b"websubhub" not in server.requests[0]


@pytest.mark.parametrize(
    "framing", [("content-length", "3"), ("Content-Length", "99"), ("Transfer-Encoding", "chunked")]
)
@pytest.mark.parametrize("made", [httpx.AsyncClient, lambda: None])
async def test_the_body_is_framed_by_the_client_alone(
    framing: tuple[str, str], made: Callable[[], httpx.AsyncClient | None]
) -> None:
    async with peer(saying(OK)) as server, AsyncExitStack() as stack:
        given = made()
        if given is not None:
            await stack.enter_async_context(given)
        client = HttpClient(given, addresses=LOOPBACK, limits=LIMITS)
        request = Request(method="POST", url=server.url, headers=[framing, ("X-Own", "1")], body=b"hub.mode=x")
        await client.send(request)
        await client.aclose()
    head, _, body = server.requests[0].lower().partition(b"\r\n\r\n")
    assert (head.count(b"content-length: 10"), head.count(b"content-length"), body) == (1, 1, b"hub.mode=x")
    assert b"transfer-encoding" not in head
    assert b"x-own: 1" in head


@pytest.mark.parametrize(
    ("tail", "target"),
    [
        ("", "/"),
        ("?", "/?"),
        ("?foo=/bar", "/?foo=/bar"),
        ("/cb?", "/cb?"),
        ("/cb?red=fish&red=dog&a.b=c+d&hub.topic=mine&flag", "/cb?red=fish&red=dog&a.b=c+d&hub.topic=mine&flag"),
        ("/a%2Fb/../%7E/%2e%2e//c", "/a%2Fb/../%7E/%2e%2e//c"),
        ("/'(a|b){c}[d]^`e'", "/'(a|b){c}[d]^`e'"),
        ("/ü?ü", "/%C3%BC?%C3%BC"),
        ("/cb?u=http://x/y?z", "/cb?u=http://x/y?z"),
    ],
)
@pytest.mark.spec("H-22", "H-24", "SEC-10")
async def test_the_exact_callback_goes_on_the_wire(client: HttpClient, tail: str, target: str) -> None:
    async with peer(saying(OK)) as server:
        await client.send(get(server.url + tail))
    assert server.requests[0].startswith(f"GET {target} HTTP/1.1\r\n".encode())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='\\<>"#%'), max_size=30))
@pytest.mark.spec("H-24")
@pytest.mark.threat("URL-8")
async def test_whatever_the_callback_is_its_bytes_go_on_the_wire(tail: str) -> None:
    client = HttpClient(addresses=LOOPBACK)
    async with peer(saying(OK)) as server:
        await client.send(get(f"{server.url}/{tail}"))
    await client.aclose()
    assert server.requests[0].partition(b" HTTP/1.1")[0] == f"GET /{tail}".encode()


MALFORMED = [b"garbage\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n", b"HTTP/1.1 200 OK\r\nX\r\n\r\n", b"\x16\x03\x01\x00\r\n"]


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        pytest.param(hang, Failure.TIMEOUT, id="hang"),
        pytest.param(saying_for_ever(b"", b"H", pause=0.02), Failure.TIMEOUT, id="drip of head"),
        pytest.param(saying_for_ever(ENDLESS, b"1\r\nx\r\n", pause=0.02), Failure.TIMEOUT, id="drip of body"),
        pytest.param(saying_for_ever(b"", b"HTTP/1.1 100 C\r\n\r\n", pause=0.01), Failure.TIMEOUT, id="100 for ever"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\n"), Failure.TIMEOUT, id="half a head"),
        pytest.param(reset, Failure.BROKEN, id="reset"),
        pytest.param(saying_for_ever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), Failure.MALFORMED, id="endless head"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500_000), Failure.MALFORMED, id="long header"),
        *(pytest.param(saying(answer), Failure.MALFORMED, id=f"malformed {n}") for n, answer in enumerate(MALFORMED)),
        pytest.param(saying_for_ever(ENDLESS, b"1000\r\n" + b"x" * 4096 + b"\r\n"), Failure.TOO_LARGE, id="endless"),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001), Failure.TOO_LARGE, id="1"
        ),
    ],
)
@pytest.mark.threat("AMP-5", "SLOW-5")
async def test_hostile_answers_end_in_a_failure_within_the_limits(
    client: HttpClient, impatient: HttpClient, behaviour: Behaviour, failure: Failure
) -> None:
    async with peer(behaviour) as server:
        assert await failure_of(impatient if failure is Failure.TIMEOUT else client, server.url) is failure
        if behaviour is not reset:
            with anyio.fail_after(PATIENCE):
                await server.closed.wait()


async def test_an_answer_cut_short_is_no_answer(client: HttpClient) -> None:
    async def cut(stream: anyio.abc.SocketStream) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
        await stream.aclose()

    async with peer(cut) as server:
        assert await failure_of(client, server.url) is Failure.MALFORMED


async def test_an_answer_may_be_as_large_as_the_limit(client: HttpClient) -> None:
    async with peer(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)) as server:
        assert len((await client.send(get(server.url))).body) == 1000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.spec("H-36", "H-49")
async def test_redirects_are_not_followed_but_told(client: HttpClient, status: int) -> None:
    async with peer(saying(OK)) as canary:
        location = f"{canary.url}/there".encode()
        answer = b"HTTP/1.1 %d X\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, location)
        async with peer(saying(answer)) as server, client.open(get(server.url)) as incoming:
            assert incoming.redirect == f"{canary.url}/there"
            assert incoming.status == status
        assert canary.connections == 0


@pytest.mark.parametrize(
    ("status", "location", "redirect"),
    [
        (302, "/b", "https://t/b"),
        (302, "?b", "https://t/a?b"),
        (302, "//other/b", "https://other/b"),
        (302, "/b#c", "https://t/b"),
        (308, "https://t/b#c#d?e", "https://t/b"),
        (302, "#c", "https://t/a"),
        (302, "file:///etc/passwd", "file:///etc/passwd"),
        (302, "//[bad", None),
        (302, "", None),
        (200, "/b", None),
        (304, "/b", None),
    ],
)
@pytest.mark.spec("S-21")
async def test_where_an_answer_redirects_to(status: int, location: str, redirect: str | None) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    incoming = Incoming(url="https://t/a", status=status, headers=Headers({"Location": location}), chunks=nothing())
    assert incoming.redirect == redirect


async def test_cookies_are_not_kept(client: HttpClient) -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with peer(saying(answer), rounds=2) as server:
        for _ in range(2):
            await client.send(get(server.url))
    assert len(server.requests) == 2
    assert not any(b"cookie" in request.lower() for request in server.requests)


@pytest.mark.threat("SSRF-19")
async def test_proxies_and_netrc_of_the_environment_are_ignored(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:  # noqa: ASYNC230, PTH123 - one line
        file.write("machine 127.0.0.1 login me password s3cret")
    async with peer(saying(OK)) as proxy, peer(saying(OK)) as server:
        for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NETRC", netrc)
        assert (await client.send(get(server.url))).status == 200
        assert proxy.connections == 0
    assert b"Authorization" not in server.requests[0]


async def test_a_compressed_answer_is_not_inflated(client: HttpClient) -> None:
    bomb = gzip.compress(b"\0" * 500_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
    async with peer(saying(answer)) as server:
        response = await client.send(get(server.url))
    assert response.body == bomb
    assert response.headers["content-encoding"] == "gzip"


async def test_connections_are_kept_and_closed_at_the_end(client: HttpClient) -> None:
    async with peer(saying(OK), rounds=3) as server:
        for _ in range(3):
            await client.send(get(server.url))
        assert server.connections == 1
        await client.aclose()
        with anyio.fail_after(PATIENCE):
            await server.closed.wait()


async def test_a_closed_client_can_be_used_again(client: HttpClient) -> None:
    async with peer(saying(OK)) as server:
        for _ in range(2):
            assert (await client.send(get(server.url))).status == 200
            await client.aclose()
        assert server.connections == 2
    await client.aclose()


async def test_a_given_client_is_used_and_stays_open() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302, headers={"Location": "http://elsewhere/"}, content=b"moved")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), follow_redirects=True) as own:
        client = HttpClient(own, limits=LIMITS)
        response = await client.send(get("http://10.0.0.1/"))
        await client.aclose()
        assert not own.is_closed
    assert (response.status, response.body) == (302, b"moved")
    assert len(seen) == 1


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.ReadError("x")])
async def test_errors_of_a_given_client_are_failures_too(error: Exception) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    async with httpx.AsyncClient(transport=httpx.MockTransport(fail)) as own:
        with pytest.raises(ExchangeError):
            await HttpClient(own).send(get("http://t/"))


async def test_leaving_early_stops_reading_and_closes_the_connection(client: HttpClient) -> None:
    async with peer(saying_for_ever(ENDLESS, b"1\r\nx\r\n")) as server:
        async with client.open(get(server.url)) as incoming:
            async for chunk in incoming.chunks:
                assert chunk.startswith(b"x")
                break
        with anyio.fail_after(PATIENCE):
            await server.closed.wait()


@pytest.mark.parametrize("error", [TimeoutError, OSError, UrlError, KeyError])
async def test_what_the_caller_raises_meanwhile_is_the_callers(client: HttpClient, error: type[Exception]) -> None:
    async with peer(saying(OK)) as server:
        with pytest.raises(error):
            async with client.open(get(server.url)):
                raise error


async def test_the_deadline_is_over_everything_the_caller_does_meanwhile(impatient: HttpClient) -> None:
    async with peer(saying(OK)) as server:
        with anyio.fail_after(PATIENCE), pytest.raises(ExchangeError) as caught:
            async with impatient.open(get(server.url)):
                await anyio.sleep_forever()
    assert caught.value.failure is Failure.TIMEOUT


@pytest.mark.parametrize("behaviour", [hang, saying_for_ever(ENDLESS, b"1\r\nx\r\n", pause=0.01)], ids=["head", "body"])
async def test_cancellation_closes_the_connection(client: HttpClient, behaviour: Behaviour) -> None:
    async with peer(behaviour) as server:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.send, get(server.url))
            await until(lambda: server.requests)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(PATIENCE):
            await server.closed.wait()
        async with peer(saying(OK)) as other:
            assert (await client.send(get(other.url))).status == 200


async def test_exchanges_at_the_same_time_have_deadlines_of_their_own(client: HttpClient) -> None:
    statuses: list[int] = []

    async def quick(url: str) -> None:
        statuses.append((await client.send(get(url))).status)

    async with peer(hang) as one, peer(saying(LAST)) as other, anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(client.send, get(one.url))
        await until(lambda: len(one.requests) == 5)
        async with anyio.create_task_group() as quickly:
            for _ in range(5):
                quickly.start_soon(quick, other.url)
        tasks.cancel_scope.cancel()
    assert statuses == [200] * 5


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("ftp://t/", Failure.URL),
        ("http://t/#a", Failure.URL),
        ("http://u:p@t/", Failure.URL),
        ("http://127.1/", Failure.URL),
        ("http://nowhere.invalid/", Failure.NAME),
        ("http://127.0.0.1:1/", Failure.CONNECT),
        ("http://10.0.0.1/", Failure.ADDRESS),
    ],
)
async def test_where_nothing_can_be_reached(client: HttpClient, url: str, failure: Failure) -> None:
    assert await failure_of(client, url) is failure


@pytest.mark.parametrize("header", [("X", "a\r\nb"), ("X", "\u20ac"), ("X\n", "a"), ("X", "a\0")])
async def test_a_request_that_cannot_be_sent_is_a_failure(client: HttpClient, header: tuple[str, str]) -> None:
    async with peer(saying(OK)) as server:
        with pytest.raises(ExchangeError) as caught:
            await client.send(get(server.url, headers=[header]))
    assert caught.value.failure is Failure.REQUEST
    assert b"X: a" not in b"".join(server.requests)


@pytest.mark.spec("SEC-17")
@pytest.mark.threat("SSRF-22")
def test_a_failure_tells_nothing_of_the_network() -> None:
    assert not any(word in str(ExchangeError(failure)) for failure in Failure for word in ("errno", "127.", "http"))


def test_every_url_that_is_accepted_can_be_asked_for() -> None:
    for url in ("http://under_score/", "http://h:/", "http://xn--/", "http://-a-/", "http://1.example/", "http://a.1/"):
        assert httpx.URL(check_url(url)).raw_path.decode() == target_of(url)
