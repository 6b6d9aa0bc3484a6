"""Publishers advertise hubs and canonical URLs: in headers, pages and feeds."""

from typing import Any
from xml.etree.ElementTree import fromstring

import html5lib
import httpx
import pytest

from websubhub import Advertiser, UrlError, feed_links, html_links, link_header

HUBS = ["https://hub.example/", "https://other.example/hub?a=1&b=2"]
TOPIC = 'https://publisher.example/feed?tag=a&b="1"'.replace('"', "%22")
ATOM = "{http://www.w3.org/2005/Atom}link"


@pytest.mark.spec("P-01", "P-02", "P-03", "P-10")
def test_the_link_header_names_hubs_in_order_and_self_once() -> None:
    assert link_header(HUBS, TOPIC) == (
        f'<{HUBS[0]}>; rel="hub", <{HUBS[1]}>; rel="hub", <{TOPIC}>; rel="self"'  # what the naivest reader reads
    )


@pytest.mark.spec("P-05", "P-10")
def test_html_links_are_read_from_a_page() -> None:
    page = f"<!doctype html><html><head><title>t</title>{html_links(HUBS, TOPIC)}</head><body></body></html>"
    tree: Any = html5lib.parse(page, namespaceHTMLElements=False)
    links = [(link.get("rel"), link.get("href")) for link in tree.find("head").iter("link")]
    assert links == [("hub", HUBS[0]), ("hub", HUBS[1]), ("self", TOPIC)]
    assert not list(tree.find("body").iter("link"))


@pytest.mark.spec("P-04", "P-10")
@pytest.mark.parametrize(
    "feed",
    [
        '<feed xmlns="http://www.w3.org/2005/Atom">{}</feed>',
        "<rss><channel><link>https://p.example/</link>{}</channel></rss>",
    ],
    ids=["atom", "rss"],
)
def test_feed_links_are_read_from_a_feed(feed: str) -> None:
    tree = fromstring(feed.format(feed_links(HUBS, TOPIC)))  # noqa: S314  written a line ago
    links = [(link.get("rel"), link.get("href")) for link in tree.iter(ATOM)]
    assert links == [("hub", HUBS[0]), ("hub", HUBS[1]), ("self", TOPIC)]


@pytest.mark.parametrize("write", [link_header, html_links, feed_links])
@pytest.mark.parametrize(
    "url", ["/hub", "hub.example", "javascript:alert(1)", "ftp://hub.example/", "https://a.example/#b"]
)
def test_only_absolute_http_urls_are_advertised(write: Any, url: str) -> None:
    with pytest.raises(UrlError):
        write([url], TOPIC)
    with pytest.raises(UrlError):
        write(HUBS, url)


@pytest.mark.parametrize("write", [link_header, html_links, feed_links])
@pytest.mark.parametrize(
    "url", ['https://a.example/"><script>', "https://a.example/>; rel=x", "https://a.example/\r\nX: y"]
)
def test_a_url_cannot_break_out(write: Any, url: str) -> None:
    with pytest.raises(UrlError):
        write(HUBS, url)


@pytest.mark.parametrize("write", [html_links, feed_links])
def test_quotes_and_ampersands_are_escaped(write: Any) -> None:
    written = write(HUBS, "https://publisher.example/a'b?c=1&d=2")
    assert "&d" not in written
    assert "'b" not in written or "\"https://publisher.example/a'b" in written


def page(status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": status, "headers": headers or []})
        await send({"type": "http.response.body", "body": b"page" if scope["method"] == "GET" else b""})

    return app


async def links_of(app: Any, method: str = "GET", path: str = "/feed") -> list[str]:
    advertised = Advertiser(app, hubs=HUBS, topic=lambda path: f"https://publisher.example{path}")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(advertised)) as client:
        response = await client.request(method, f"https://publisher.example{path}")
    return response.headers.get_list("link")


def expected(path: str = "/feed") -> str:
    return link_header(HUBS, f"https://publisher.example{path}")


@pytest.mark.spec("P-01", "P-02", "P-03")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 203, 206, 304])
async def test_answers_of_a_topic_carry_the_link_header(method: str, status: int) -> None:
    assert await links_of(page(status), method) == [expected()]


@pytest.mark.spec("P-03")
@pytest.mark.parametrize(
    ("method", "status"), [("GET", 404), ("GET", 500), ("HEAD", 410), ("POST", 200), ("DELETE", 200)]
)
async def test_errors_and_other_methods_carry_none(method: str, status: int) -> None:
    assert await links_of(page(status), method) == []


@pytest.mark.spec("P-08")
@pytest.mark.parametrize("path", ["/feed?lang=de", "/feed?lang=en", "/a%2Fb?c=%26", "/"])
async def test_each_path_with_its_query_has_a_canonical_url_of_its_own(path: str) -> None:
    assert await links_of(page(), path=path) == [expected(path)]


async def test_a_path_that_is_no_topic_carries_none() -> None:
    advertised = Advertiser(page(), hubs=HUBS, topic=lambda _: None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(advertised)) as client:
        response = await client.get("https://publisher.example/")
    assert "link" not in response.headers
    assert response.content == b"page"


async def test_links_of_the_application_itself_are_kept() -> None:
    app = page(headers=[(b"link", b'</style.css>; rel="preload"'), (b"x-a", b"1")])
    links = ", ".join(await links_of(app))
    assert '</style.css>; rel="preload"' in links
    assert links.count('rel="self"') == 1
    assert expected() in links


async def test_other_connections_pass_through() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await Advertiser(app, hubs=HUBS, topic=lambda _: None)({"type": "lifespan"}, receive, send)
    assert seen == ["lifespan"]
    assert sent == [{"type": "lifespan.startup.complete"}]
