"""A client of one's own is used whole: what its user set up there holds for every exchange."""

import base64
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from _websub.calls.client import ExchangeError, ExchangeLimits, Failure, HttpClient
from _websub.http import Request
from tests.websub.peers import peer, saying, saying_for_ever

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SHORT = ExchangeLimits(seconds=0.05, connect_seconds=0.05, response_bytes=1000)

Answer = Callable[[httpx.Request], httpx.Response]


class Recorder(httpx.AsyncBaseTransport):
    """Remembers requests, and answers as it is told."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer or (lambda _: httpx.Response(200, content=b"ok"))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)


def a_request(url: str = "http://t.example/c?x=%41&hub.mode=a", **changes: Any) -> Request:
    headers = changes.pop("headers", [("Content-Type", "text/x"), ("X-A", "1"), ("X-A", "2")])
    return Request(method="POST", url=url, headers=headers, body=b"body", **changes)


@asynccontextmanager
async def sent(request: Request | None = None, **settings: Any) -> AsyncIterator[httpx.Request]:
    """What a client with such settings makes of a request."""
    network = Recorder()
    async with httpx.AsyncClient(transport=network, **settings) as client:
        await HttpClient(client, limits=SHORT).send(request or a_request())
    (made,) = network.requests
    yield made


async def test_its_headers_are_added_and_those_of_the_request_win() -> None:
    headers = {"X-Mine": "m", "X-A": "3", "content-type": "evil/type", "X-Hub-Signature": "none"}
    async with sent(headers=headers) as made:
        assert made.headers["x-mine"] == "m"
        assert made.headers["x-hub-signature"] == "none"
        assert made.headers.get_list("x-a") == ["1", "2"]
        assert made.headers.get_list("content-type") == ["text/x"]


@pytest.mark.parametrize(
    ("headers", "name", "value"),
    [
        ({}, "user-agent", "websubhub/0.1.0"),
        ({"User-Agent": "Mine/1"}, "user-agent", "Mine/1"),
        ({}, "accept-encoding", "identity"),
        ({"Accept-Encoding": "br"}, "accept-encoding", "br"),
        ({}, "accept", "*/*"),
        ({"Accept": "application/atom+xml"}, "accept", "application/atom+xml"),
    ],
)
async def test_what_its_user_says_goes_before_what_we_say_of_ourselves(
    headers: dict[str, str], name: str, value: str
) -> None:
    async with sent(a_request(headers=[("Accept", "*/*")]), headers=headers) as made:
        assert made.headers.get_list(name) == [value]


async def test_a_header_that_its_user_took_away_stays_away() -> None:
    network = Recorder()
    async with httpx.AsyncClient(transport=network) as client:
        del client.headers["user-agent"]
        await HttpClient(client).send(a_request())
    assert "user-agent" not in network.requests[0].headers


async def test_its_cookies_go_along() -> None:
    async with sent(cookies={"session": "7"}) as made:
        assert made.headers["cookie"] == "session=7"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://t.example/c?x=%41&hub.mode=a", b"/c?x=%41&hub.mode=a&key=a+b&key=c"),
        ("http://t.example/c", b"/c?key=a+b&key=c"),
        ("http://t.example", b"/?key=a+b&key=c"),
        ("http://t.example/c?", b"/c?key=a+b&key=c"),
    ],
)
async def test_its_parameters_stand_at_the_end_of_the_query_and_the_rest_is_as_it_was(url: str, target: bytes) -> None:
    async with sent(a_request(url), params=[("key", "a b"), ("key", "c")]) as made:
        assert made.url.raw_path == target


async def test_without_parameters_the_url_goes_out_byte_for_byte() -> None:
    async with peer(saying(OK)) as server, httpx.AsyncClient(trust_env=False) as client:
        await HttpClient(client).send(a_request(f"{server.url}/'(a|b){{c}}[d]^`e'?u=http://x/y?z&%7e"))
    assert server.requests[0].startswith(b"POST /'(a|b){c}[d]^`e'?u=http://x/y?z&%7e HTTP/1.1\r\n")


async def test_its_base_url_is_for_relative_urls_and_ours_are_absolute() -> None:
    async with sent(base_url="https://elsewhere.example/base") as made:
        assert made.url.host == "t.example"


@pytest.mark.parametrize(
    ("auth", "headers", "value"),
    [
        (("u", "p"), [], "Basic " + base64.b64encode(b"u:p").decode()),
        (("u", "p"), [("Authorization", "Bearer t")], "Bearer t"),
        (None, [("Authorization", "Bearer t")], "Bearer t"),
    ],
)
async def test_its_authentication_is_used_unless_the_request_has_its_own(
    auth: Any, headers: list[tuple[str, str]], value: str
) -> None:
    async with sent(a_request(headers=headers), auth=auth) as made:
        assert made.headers.get_list("authorization") == [value]


async def test_a_scheme_that_asks_twice_works() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "authorization" in request.headers:
            return httpx.Response(200, content=b"in")
        return httpx.Response(401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})

    network = Recorder(answer)
    async with httpx.AsyncClient(transport=network, auth=httpx.DigestAuth("u", "p")) as client:
        response = await HttpClient(client).send(a_request("http://t.example/a|b?c"))
    assert (response.status, response.body) == (200, b"in")
    assert 'uri="/a|b?c"' in network.requests[1].headers["authorization"]


async def test_its_event_hooks_see_and_change_what_goes_out() -> None:
    seen: list[int] = []

    async def change(request: httpx.Request) -> None:
        request.headers["X-Hook"] = "h"
        request.url = request.url.copy_with(path="/hooked")

    async def look(response: httpx.Response) -> None:
        seen.append(response.status_code)

    async with sent(event_hooks={"request": [change], "response": [look]}) as made:
        assert made.headers["x-hook"] == "h"
        assert made.url.path == "/hooked"
    assert seen == [200]


async def test_a_hook_that_reads_the_body_leaves_it_to_us() -> None:
    async def read(response: httpx.Response) -> None:
        await response.aread()

    async with httpx.AsyncClient(transport=Recorder(), event_hooks={"response": [read]}) as client:
        assert (await HttpClient(client).send(a_request())).body == b"ok"


async def test_a_body_that_a_hook_has_read_is_said_to_be_unpacked() -> None:
    async def read(response: httpx.Response) -> None:
        await response.aread()

    packed = httpx.ByteStream(gzip.compress(b"content"))
    network = Recorder(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=packed))
    async with httpx.AsyncClient(transport=network, event_hooks={"response": [read]}) as client:
        response = await HttpClient(client).send(a_request())
    assert (response.body, response.headers.get("content-encoding")) == (b"content", None)


@pytest.mark.parametrize("reads", [True, False])
async def test_a_hook_that_raises_for_the_status_leaves_the_status_to_us(*, reads: bool) -> None:
    async def check(response: httpx.Response) -> None:
        if reads:
            await response.aread()
        response.raise_for_status()

    network = Recorder(lambda _: httpx.Response(503, headers={"Retry-After": "7"}, stream=httpx.ByteStream(b"later")))
    async with httpx.AsyncClient(transport=network, event_hooks={"response": [check]}) as client:
        response = await HttpClient(client).send(a_request())
    assert (response.status, response.headers["retry-after"]) == (503, "7")
    assert response.body == (b"later" if reads else b"")


@pytest.mark.parametrize(
    "given", [60, 0.5, None, httpx.Timeout(7, read=9), httpx.Timeout(5, read=None)], ids=lambda each: f"{each}"
)
async def test_its_timeouts_are_those_of_each_step(given: Any) -> None:
    async with sent(timeout=given) as made:
        assert made.extensions["timeout"] == httpx.Timeout(given).as_dict()


def slowly(seconds: float) -> Any:
    async def say(stream: anyio.abc.SocketStream) -> None:
        await anyio.sleep(seconds)
        await stream.send(OK)

    return say


@pytest.mark.parametrize("given", [60, None], ids=["a minute", "none"])
async def test_it_is_not_cut_by_our_usual_limit(given: float | None) -> None:
    async with peer(slowly(0.3)) as server, httpx.AsyncClient(timeout=given, trust_env=False) as client:
        assert (await HttpClient(client, limits=SHORT).send(a_request(server.url))).body == b"ok"


async def test_its_own_timeout_cuts_it() -> None:
    async with peer(slowly(60)) as server, httpx.AsyncClient(timeout=0.1, trust_env=False) as client:
        with pytest.raises(ExchangeError) as caught:
            await HttpClient(client).send(a_request(server.url))
    assert caught.value.failure is Failure.TIMEOUT


async def test_a_drip_that_no_step_ends_is_ended_by_the_sum_of_the_steps() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    client = httpx.AsyncClient(timeout=0.1, trust_env=False)
    async with peer(saying_for_ever(head, b".", pause=0.02)) as server, client:
        with pytest.raises(ExchangeError) as caught:
            await HttpClient(client, limits=ExchangeLimits(seconds=0.05)).send(a_request(server.url))
    assert caught.value.failure is Failure.TIMEOUT


async def test_an_answer_stays_limited_in_size() -> None:
    async with httpx.AsyncClient(transport=Recorder(lambda _: httpx.Response(200, content=b"x" * 1001))) as client:
        with pytest.raises(ExchangeError) as caught:
            await HttpClient(client, limits=SHORT).send(a_request())
        assert caught.value.failure is Failure.TOO_LARGE
        assert len((await HttpClient(client, limits=SHORT).send(a_request(), cut=True)).body) == 1000


async def test_redirects_are_not_followed_whatever_it_says() -> None:
    network = Recorder(lambda _: httpx.Response(307, headers={"Location": "http://other.example/"}))
    async with httpx.AsyncClient(transport=network, follow_redirects=True) as client:
        assert (await HttpClient(client).send(a_request())).status == 307
    assert len(network.requests) == 1


NAMED = "https://named.example/a"


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        (NAMED, True),
        ("https://named.example:443/b", True),
        ("https://other.example/a", False),
        ("http://named.example/a", False),
        ("https://named.example:8443/a", False),
    ],
)
async def test_credentials_go_to_the_server_that_was_named_and_to_none_that_it_redirects_to(
    url: str, *, trusted: bool
) -> None:
    network = Recorder()
    headers = {"Authorization": "Bearer t", "Cookie": "a=b", "X-Mine": "m"}
    for client in (
        httpx.AsyncClient(transport=network, headers=headers),
        httpx.AsyncClient(transport=network, auth=("u", "p"), headers={"Cookie": "a=b", "X-Mine": "m"}),
        httpx.AsyncClient(transport=network),
    ):
        own = list(headers.items()) if client.auth is None and "authorization" not in client.headers else []
        async with client, HttpClient(client).open(a_request(url, headers=own), named=NAMED):
            pass
    for made in network.requests:
        assert ("authorization" in made.headers) is trusted
        assert ("cookie" in made.headers) is trusted
        assert made.headers["x-mine"] == "m"


async def test_parameters_are_for_the_url_that_was_named_and_not_for_where_it_redirects_to() -> None:
    network = Recorder()
    async with httpx.AsyncClient(transport=network, params={"key": "k"}) as client:
        for url in (NAMED, "https://named.example/b?signed=1"):
            async with HttpClient(client).open(a_request(url), named=NAMED):
                pass
    assert [made.url.raw_path for made in network.requests] == [b"/a?key=k", b"/b?signed=1"]


async def test_headers_beyond_ascii_go_out_as_the_delivery_engine_writes_them() -> None:
    async with sent(a_request(headers=[("X-Name", "grün")])) as made:
        assert (b"X-Name", "grün".encode("latin-1")) in made.headers.raw


@pytest.mark.parametrize("client", [httpx.Client(), httpx.AsyncClient, "client", 7], ids=lambda each: repr(each)[:20])
def test_anything_but_an_asynchronous_client_is_refused(client: Any) -> None:
    with pytest.raises(TypeError, match=r"client must be an httpx\.AsyncClient, not \w+\.$"):
        HttpClient(client)
