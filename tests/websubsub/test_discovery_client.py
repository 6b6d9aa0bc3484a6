"""Discovery over HTTP: redirects, limits, and no way inside for pages outside."""

import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from _websub.calls.client import ExchangeError, Failure
from _websub.http import Request
from _websub.server.serving import Binding, serve
from websubhub.testing import InMemoryWeb
from websubsub import DiscoveryClient, DiscoveryError, DiscoveryOptions, NoHubError, NoTopicError
from websubsub._discovery.guarded_client import GuardedClient

LINKS = '<https://hub.example/>; rel="hub", </feed>; rel="self"'


Page = tuple[int, "dict[str, str] | list[tuple[str, str]]", bytes]


class Site:
    """Answers each path with what a test has put there."""

    def __init__(self, **pages: Page) -> None:
        self.pages = pages
        self.requests: list[tuple[str, dict[str, str]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._lifespan(receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append((scope["path"], headers))
        status, answer, body = self.pages.get(scope["path"].strip("/") or "root", (404, {}, b""))
        named = answer.items() if isinstance(answer, dict) else answer
        pairs = [(name.encode(), value.encode()) for name, value in named]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    @staticmethod
    async def _lifespan(receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})


def moved(location: str, status: int = 302) -> tuple[int, dict[str, str], bytes]:
    return (status, {"Location": location, "Link": '<https://wrong.example/>; rel="hub"'}, b"")


FEED = (200, {"Link": LINKS}, b"")


@asynccontextmanager
async def discovering(site: Site, **settings: Any) -> AsyncIterator[DiscoveryClient]:
    web = InMemoryWeb()
    for host in ("pub.example", "other.example"):
        web[host] = site
    async with web.client() as client, DiscoveryClient(client=client, **settings) as discovery:
        yield discovery


@pytest.mark.spec("D-02", "D-06")
@pytest.mark.parity("S67")
async def test_what_is_asked_for() -> None:
    site = Site(feed=FEED)
    async with discovering(site) as client:
        await client.discover("https://pub.example/feed")
        found = await client.discover(
            "https://pub.example/feed", accept="text/html", accept_language="de", headers=[("X-Key", "k")]
        )
    assert found.topic == "https://pub.example/feed"
    assert found.hubs == ("https://hub.example/",)
    assert site.requests[0][1]["accept"] == "*/*"
    assert "accept-language" not in site.requests[0][1]
    headers = site.requests[1][1]
    assert (headers["accept"], headers["accept-language"], headers["x-key"]) == ("text/html", "de", "k")


def links(*values: str) -> list[str]:
    """Link headers: a value for each header, in each its links as ``relation target`` with commas between."""
    return [
        ", ".join(f'<{target}>; rel="{rel}"' for rel, target in map(str.split, value.split(","))) for value in values
    ]


ONE = "https://hub.example/1"
THREE = (ONE, "https://hub.example/2", "https://hub.example/3")
HUBS = ",".join(f"hub {hub}" for hub in THREE)
SELF = "self https://pub.example/feed"


@pytest.mark.parity("S67", "S68", "S69", "S70")
@pytest.mark.parametrize(
    ("headers", "hubs"),
    [
        (links(f"hub {ONE},{SELF}"), (ONE,)),
        (links(f"hub {ONE}", SELF), (ONE,)),
        (links(f"{HUBS},{SELF}"), THREE),
        (links(*HUBS.split(","), SELF), THREE),
    ],
    ids=["one-header", "headers", "one-header-three-hubs", "headers-three-hubs"],
)
async def test_hubs_are_found_in_their_order(headers: list[str], hubs: tuple[str, ...]) -> None:
    async with discovering(Site(root=(200, [("Link", value) for value in headers], b""))) as client:
        found = await client.discover("https://pub.example/")
    assert (found.hubs, found.topic) == (hubs, "https://pub.example/feed")


@pytest.mark.parity("S71", "S72", "S73", "S74", "S76", "S77")
@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        (links(f"hub {ONE}"), "self link is missing"),
        (links(f"hub {ONE}", "next /2"), "self link is missing"),
        (links(SELF), "names no hub"),
        (links(SELF, "next /2"), "names no hub"),
        (links(f"hub {ONE},{SELF},self https://pub.example/other"), "different topic URLs"),
        (links(f"hub {ONE}", SELF, "self https://pub.example/other"), "different topic URLs"),
    ],
    ids=["no-self", "no-self-2", "no-hub", "no-hub-2", "two-selfs", "two-selfs-2"],
)
async def test_headers_that_do_not_say_enough(headers: list[str], complaint: str) -> None:
    async with discovering(Site(root=(200, [("Link", value) for value in headers], b""))) as client:
        with pytest.raises(DiscoveryError, match=complaint):
            await client.discover("https://pub.example/")


ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="https://hub.example/1"/>
<link rel="self" href="https://pub.example/feed"/><entry/></feed>"""
RSS = b"""<rss xmlns:a="http://www.w3.org/2005/Atom"><channel><a:link rel="hub" href="https://hub.example/1"/>
<a:link rel="self" href="https://pub.example/feed"/></channel></rss>"""
HTML = b"""<!DOCTYPE html><title>x</title><link rel=hub href=https://hub.example/1>
<link rel=self href=https://pub.example/feed><p>"""


@pytest.mark.parametrize(
    ("headers", "body", "source"),
    [
        pytest.param([("Link", links(f"hub {ONE},{SELF}")[0])], b"", "header", marks=pytest.mark.spec("EX-01")),
        pytest.param([("Content-Type", "application/atom+xml")], ATOM, "xml", marks=pytest.mark.spec("EX-02")),
        pytest.param([("Content-Type", "text/xml")], RSS, "xml", marks=pytest.mark.spec("EX-02")),
        pytest.param([("Content-Type", "text/html")], HTML, "html", marks=pytest.mark.spec("EX-03")),
    ],
    ids=["header", "atom", "rss", "html"],
)
async def test_hub_and_topic_are_found_wherever_they_are(
    headers: list[tuple[str, str]], body: bytes, source: str
) -> None:
    async with discovering(Site(root=(200, headers, body))) as client:
        found = await client.discover("https://pub.example/")
    assert (found.hubs, found.topic, found.source) == ((ONE,), "https://pub.example/feed", source)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_and_the_last_answer_counts(status: int) -> None:
    site = Site(root=moved("/a", status), a=moved("https://other.example/b"), b=FEED)
    async with discovering(site) as client:
        found = await client.discover("https://pub.example/")
    assert (found.topic, found.hubs) == ("https://other.example/feed", ("https://hub.example/",))
    assert found.url == "https://other.example/b"


@pytest.mark.parametrize(
    "location", ["/b#top", "https://other.example/b#", "//pub.example/b#/a?b", "b#source=a----1----2"]
)
async def test_a_redirect_with_a_fragment_is_followed_without_it(location: str) -> None:
    site = Site(root=moved(location), b=FEED)
    async with discovering(site) as client:
        found = await client.discover("https://pub.example/")
    assert found.url in {"https://pub.example/b", "https://other.example/b"}
    assert [path for path, _ in site.requests] == ["/", "/b"]


@pytest.mark.parametrize(
    ("location", "is_sent"),
    [
        ("/b", True),
        ("https://PUB.example:443/b", True),
        ("https://other.example/b", False),
        ("https://pub.example:8443/b", False),
    ],
)
async def test_credentials_stay_with_the_origin_they_are_for(location: str, is_sent: bool) -> None:  # noqa: FBT001
    site = Site(root=moved(location), b=FEED)
    headers = [("Authorization", "Bearer secret"), ("Cookie", "a=b"), ("X-Api-Key", "k")]
    async with discovering(site) as client:
        await client.discover("https://pub.example/", accept="text/html", accept_language="de", headers=headers)
    sent = site.requests[1][1]
    assert [name in sent for name in ("authorization", "cookie", "x-api-key")] == [is_sent] * 3
    assert (sent["accept"], sent["accept-language"]) == ("text/html", "de")


@pytest.mark.parametrize(
    ("location", "complaint"),
    [
        ("/", "redirects too often"),
        ("http://other.example/b", "from https to http"),
        ("ftp://other.example/b", "must start with http"),
        ("https://user@other.example/b", "user information"),
        ("https://down.example/", "no connection"),
    ],
)
async def test_redirects_that_are_not_followed(location: str, complaint: str) -> None:
    site = Site(root=moved(location), b=FEED)
    async with discovering(site, max_redirects=3) as client:
        with pytest.raises(DiscoveryError, match=complaint):
            await client.discover("https://pub.example/")
    assert len(site.requests) == (4 if location == "/" else 1)


@pytest.mark.spec("D-04")
@pytest.mark.parity("S71", "S73", "S75")
@pytest.mark.parametrize(
    ("page", "error"),
    [
        ((200, {"Content-Type": "text/html"}, b"<head><title>x</title></head>"), NoHubError),
        ((200, {"Link": '<https://hub.example/>; rel="hub"'}, b""), NoTopicError),
        ((404, {"Link": LINKS}, b""), DiscoveryError),
        ((406, {}, b""), DiscoveryError),
        ((500, {}, b""), DiscoveryError),
    ],
    ids=["no-hub", "no-topic", "404", "406", "500"],
)
async def test_what_cannot_be_discovered(page: Any, error: type[DiscoveryError]) -> None:
    async with discovering(Site(root=page)) as client:
        with pytest.raises(DiscoveryError) as failed:
            await client.discover("https://pub.example/")
    assert type(failed.value) is error
    assert failed.value.status == page[0]


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
}


@pytest.mark.parametrize("body", [ATOM, RSS, HTML], ids=["atom", "rss", "html"])
@pytest.mark.parametrize("coding", PACKED)
async def test_an_answer_that_is_packed_unasked_is_unpacked(coding: str, body: bytes) -> None:
    site = Site(root=(200, {"Content-Type": "text/html", "Content-Encoding": coding}, PACKED[coding](body)))
    async with discovering(site) as client:
        found = await client.discover("https://pub.example/")
    assert (found.hubs, found.topic) == ((ONE,), "https://pub.example/feed")
    assert site.requests[0][1]["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("coding", "body", "complaint"),
    [
        ("br", ATOM, "cannot be unpacked. The content is compressed with br, which is not supported."),
        ("gzip, gzip", ATOM, "compressed more than once"),
        ("gzip", ATOM, "The content is not gzip, although its Content-Encoding says so."),
        ("gzip", gzip.compress(ATOM)[:40], "The content ended in the middle of its gzip data."),
        ("deflate", zlib.compress(b"<!--" + b" " * 5_000_000 + b"-->" + HTML), "is too large when it is unpacked."),
    ],
    ids=["other", "several", "damaged", "cut-off", "large"],
)
async def test_what_cannot_be_unpacked_is_said(coding: str, body: bytes, complaint: str) -> None:
    site = Site(root=(200, {"Content-Type": "text/html", "Content-Encoding": coding}, body))
    async with discovering(site, max_bytes=500_000) as client:
        with pytest.raises(DiscoveryError) as error:
            await client.discover("https://pub.example/")
    assert complaint in str(error.value)


async def test_what_was_found_before_the_packing_broke_counts() -> None:
    packed = zlib.compressobj(wbits=31)
    cut = packed.compress(RSS.replace(b"</channel>", b"<item>")) + packed.flush(zlib.Z_SYNC_FLUSH)
    large = gzip.compress(HTML + b"<p>text</p>" * 1_000_000)
    for body in (cut, cut + b"junk", large):
        site = Site(root=(200, {"Content-Encoding": "gzip"}, body))
        async with discovering(site) as client:
            assert (await client.discover("https://pub.example/")).hubs == (ONE,)


async def test_a_coding_does_not_matter_where_no_body_is_needed() -> None:
    async with discovering(Site(root=(200, {"Link": LINKS, "Content-Encoding": "br"}, b""))) as client:
        assert (await client.discover("https://pub.example/")).topic == "https://pub.example/feed"


async def test_options_reach_the_reader() -> None:
    site = Site(root=(200, {"Link": '<https://hub.example/>; rel="hub"'}, b""))
    async with discovering(site, options=DiscoveryOptions(topic_from_url=True)) as client:
        assert (await client.discover("https://pub.example/")).topic == "https://pub.example/"


class Endless:
    """A page on a real socket whose body never ends; counts what could be sent of it."""

    def __init__(self, beginning: bytes, rest: bytes) -> None:
        self._beginning = beginning
        self._rest = rest
        self.sent = 0

    async def handle(self, stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + self._beginning)
            with suppress(anyio.BrokenResourceError):
                while True:
                    await stream.send(self._rest)
                    self.sent += len(self._rest)


@asynccontextmanager
async def listening(page: Endless) -> AsyncIterator[str]:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, page.handle)
        yield f"http://127.0.0.1:{listener.extra_attributes[SocketAttribute.local_port]()}/"
        tasks.cancel_scope.cancel()


@pytest.mark.spec("D-03", "D-07")
async def test_a_page_is_read_no_further_than_its_head() -> None:
    head = b'<html><head><link rel="hub" href="https://hub.example/"><link rel="self" href="/feed"></head><body>'
    page = Endless(head, b"<p>text</p>" * 1000)
    async with listening(page) as url, DiscoveryClient() as client:
        assert (await client.discover(url)).topic == url + "feed"
    assert page.sent < 8_000_000  # what the buffers of the system hold


async def test_a_page_without_end_is_given_up() -> None:
    page = Endless(b"<head>", b"<meta a=b>" * 1000)
    async with listening(page) as url, DiscoveryClient(max_bytes=100_000) as client:
        with pytest.raises(NoHubError):
            await client.discover(url)
    assert page.sent < 8_000_000


async def test_a_page_that_does_not_answer_is_given_up() -> None:
    async def silent(_: Any, __: Any, ___: Any) -> None:
        await anyio.sleep_forever()

    web = InMemoryWeb()
    web["pub.example"] = silent
    async with web.client() as client, DiscoveryClient(client=client, seconds=0.1) as discovery:
        client.timeout = 0.025
        with pytest.raises(DiscoveryError, match="no answer in time"):
            await discovery.discover("https://pub.example/")


@asynccontextmanager
async def serving(app: Any, port: int) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        ready = anyio.Event()
        tasks.start_soon(lambda: serve(app, Binding(port=port, graceful_seconds=0), ready=lambda _: ready.set()))
        await ready.wait()
        yield
        tasks.cancel_scope.cancel()


async def test_what_the_user_names_may_be_inside_and_what_it_names_too(free_port: int) -> None:
    site = Site(root=moved("/feed"), feed=FEED)
    async with serving(site, free_port), DiscoveryClient() as client:
        found = await client.discover(f"http://127.0.0.1:{free_port}/")
    assert found.topic == f"http://127.0.0.1:{free_port}/feed"


async def test_a_public_page_leads_to_no_private_address(free_port: int) -> None:
    # A test has no public page; its redirects are opened like this.

    site = Site(root=FEED)
    client = GuardedClient()
    async with serving(site, free_port):
        request = Request(method="GET", url=f"http://127.0.0.1:{free_port}/")
        with pytest.raises(ExchangeError) as refused:
            async with client.open(request, allow_private=False):
                pass
        assert refused.value.failure is Failure.ADDRESS
        assert not site.requests
        async with client.open(request, allow_private=True) as response:
            assert (response.incoming.status, response.from_private_network) == (200, True)
    await client.aclose()
