"""What a subscriber discovers, and in which order it looks (W3C 4), over HTTP."""

from collections.abc import Sequence

import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.http import Answer, Request, Response
from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.conformance.subscribers import subscriber_world
from tests.waiting import until
from tests.websubsub.conftest import HUB, TOPIC, Recorder
from websubhub.testing import InMemoryWeb
from websubsub import (
    Discovery,
    DiscoveryClient,
    DiscoveryError,
    DiscoverySource,
    NoHubError,
    NoTopicError,
    SubscriberConfig,
    SubscriptionClient,
    SubscriptionInitiationError,
    Target,
    asgi,
)

URL = "https://pub.test/blog"
HUBS = ("https://hub.test/a,b", "https://hub.test/b", "https://hub.test/c")
SELF = f'<{URL}?self>; rel="self"'
ATOM = "http://www.w3.org/2005/Atom"
HTML = ("Content-Type", "text/html; charset=UTF-8")
FEED = ("Content-Type", "application/atom+xml")
RIGHT_HEAD = f'<link rel="hub" href="{HUBS[0]}"><link rel="self" href="{URL}?self">'
CLOSED = RIGHT_HEAD.replace(">", "/>")


class Page:
    """A page, as an ASGI application, that remembers how it was asked."""

    def __init__(self, headers: Sequence[tuple[str, str]], body: str = "", status: int = 200) -> None:
        self.response = Response(status=status, headers=headers, body=body.encode())
        self.asked: list[Request] = []
        self.edge = AsgiEdge(self._answer)

    async def _answer(self, request: Request) -> Answer:
        self.asked.append(request)
        return Answer(self.response)


async def discover(headers: Sequence[tuple[str, str]], body: str = "", status: int = 200) -> Discovery:
    web = InMemoryWeb()
    web["pub.test"] = Page(headers, body, status).edge
    return await DiscoveryClient(client=web.client()).discover(URL)


def hub_links(number: int) -> list[str]:
    return [f'<{hub}>; rel="hub"' for hub in HUBS[:number]]


@pytest.mark.spec("D-02", "D-05", "D-08")
@pytest.mark.parity("S67", "S68", "S69", "S70")
@pytest.mark.parametrize("joined", [True, False], ids=["one-header", "several-headers"])
@pytest.mark.parametrize("number", [1, 3])
async def test_all_hubs_are_found_in_order(number: int, *, joined: bool) -> None:
    links = [*hub_links(number), SELF]
    found = await discover([("Link", ", ".join(links))] if joined else [("Link", link) for link in links])
    assert (found.hubs, found.topic) == (HUBS[:number], f"{URL}?self")
    assert found.source is DiscoverySource.HEADER


@pytest.mark.spec("D-04")
@pytest.mark.parity("S71", "S72", "S73", "S74", "S75", "S76", "S77")
@pytest.mark.parametrize("joined", [True, False], ids=["one-header", "several-headers"])
@pytest.mark.parametrize(
    ("links", "error", "words"),
    [
        (hub_links(3), NoTopicError, "self"),
        ([SELF], NoHubError, "hub"),
        (['<https://hub.test/>; rel="hubs"', SELF], NoHubError, "hub"),
        ([], NoHubError, "hub"),
        ([*hub_links(1), SELF, f'<{URL}?other>; rel="self"'], DiscoveryError, "only one"),
    ],
    ids=["no-self", "no-hub", "no-such-relation", "nothing", "two-selves"],
)
async def test_what_is_missing_is_said(links: list[str], error: type[Exception], words: str, *, joined: bool) -> None:
    headers = [("Link", ", ".join(links))] if joined else [("Link", link) for link in links]
    with pytest.raises(error, match=words) as failed:
        await discover([each for each in headers if each[1]])
    assert type(failed.value) is error


@pytest.mark.spec("D-01", "D-03", "D-07", "S-01", "SEC-14")
@pytest.mark.parametrize(
    ("headers", "body", "source"),
    [
        ([("Link", f"{hub_links(1)[0]}, {SELF}"), HTML], '<head><link rel="hub" href="https://evil.test/">', "header"),
        ([HTML], f'<head>{RIGHT_HEAD}</head><body><link rel="hub" href="https://evil.test/">', "html"),
        ([HTML], f"<html><head><base href='https://pub.test/'>{RIGHT_HEAD.replace('https://pub.test', '')}", "html"),
        (
            [FEED],
            f'<feed xmlns="{ATOM}">{CLOSED}<entry><link rel="hub" href="https://evil.test/"/></entry></feed>',
            "xml",
        ),
        (
            [("Content-Type", "text/xml")],
            f'<rss xmlns:a="{ATOM}"><channel><link>{URL}</link>{CLOSED.replace("<link", "<a:link")}</channel></rss>',
            "xml",
        ),
    ],
    ids=["header", "html", "base", "atom", "rss"],
)
async def test_the_first_place_with_links_counts(headers: list[tuple[str, str]], body: str, source: str) -> None:
    found = await discover(headers, body)
    assert (found.hubs, found.topic, found.source) == (HUBS[:1], f"{URL}?self", source)


@pytest.mark.spec("D-07", "SEC-14")
async def test_a_link_in_the_body_of_a_page_is_somebody_elses() -> None:
    with pytest.raises(NoHubError):
        await discover([HTML], f"<html><head><title>x</title></head><body><p>{RIGHT_HEAD}</p></body></html>")


@pytest.mark.spec("D-08")
@pytest.mark.parametrize(
    "links",
    [
        f"<{HUBS[0]}>;rel=hub,<?self>;rel=self",
        f'<{HUBS[0]}>; title="a, <https://evil.test/>; rel=hub"; REL="HUB preload", </blog?self>; rel=SELF',
        f'<https://evil.test/>; rel="hub"; anchor="/other", <{HUBS[0]}>; rel="hub"; rel="next", {SELF}',
        f"<javascript:alert(1)>; rel=hub, <ftp://hub.test/>; rel=hub, <{HUBS[0]}>; rel=hub, {SELF}",
    ],
    ids=["short", "quoted", "anchor", "schemes"],
)
async def test_link_headers_are_read_as_the_rfc_says(links: str) -> None:
    found = await discover([("Link", links)])
    assert (found.hubs, found.topic) == (HUBS[:1], f"{URL}?self")


@pytest.mark.spec("D-06")
async def test_the_headers_of_the_first_discovery_are_those_of_every_other() -> None:
    page = Page([("Link", f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"')])
    headers = {"Accept": "application/atom+xml", "Accept-Language": "de"}
    async with subscriber_world() as world:
        world.hub.lease_seconds = 1
        world.web["pub.example"] = page.edge
        world.app.subscribe(Target(resource="https://pub.example/", discovery_headers=headers))
        await until(lambda: "renewed" in world.kinds())
    for request in page.asked[:2]:
        assert {name: request.headers[name] for name in headers} == headers


@pytest.mark.parity("S54", "S55", "S63", "S64")
async def test_what_fails_is_an_error_of_its_own_and_is_told_to_the_observer() -> None:
    with pytest.raises(DiscoveryError, match="404"):
        await discover([], status=404)
    async with subscriber_world() as world:
        world.hub.answers = [(404, {})] * 2
        with pytest.raises(SubscriptionInitiationError, match="404") as failed:
            await SubscriptionClient(client=world.client).subscribe(hub=HUB, topic=TOPIC, callback="https://a.test/")
        assert failed.value.status == 404
        world.app.subscribe("https://nowhere.example/")
        world.app.subscribe(Target(hub=HUB, topic=TOPIC))
        await until(lambda: world.kinds()[:2] == ["failed", "failed"])
    told = {event.topic: event.reason for event in world.events}
    assert "404" in told[TOPIC]
    assert "could not be read" in told["https://nowhere.example/"]


@pytest.mark.spec("SEC-15")
async def test_a_page_outside_leads_nobody_inside() -> None:
    # No public page is at hand in a test; what a page names is asked by a client that may not go inside.
    page = Page([("Link", f'<{HUB}>; rel="hub", {SELF}')])
    async with AppListener(Binding(port=0)) as listener:
        url = await listener.start()
        listener.attach("/hub", page.edge, page.edge)
        async with SubscriptionClient(private_hubs=False) as client:
            with pytest.raises(SubscriptionInitiationError, match="address"):
                await client.subscribe(hub=f"{url}/hub", topic=TOPIC, callback="https://sub.test/1")
        assert not page.asked
        async with SubscriptionClient() as client:
            await client.subscribe(hub=f"{url}/hub", topic=TOPIC, callback="https://sub.test/1")
        assert len(page.asked) == 1


@pytest.mark.spec("S-42", "SEC-02")
async def test_a_hub_with_https_is_asked_first_even_if_http_is_advertised() -> None:
    page = Page([("Link", f'<http://hub.example/hub>; rel="hub", <{TOPIC}>; rel="self"')])
    async with subscriber_world() as world:
        world.web["pub.example"] = page.edge
        subscription = await world.subscribe(Target(resource="https://pub.example/"))
    assert subscription.hub == "https://hub.example/hub"


@pytest.mark.spec("S-09", "SEC-03")
@pytest.mark.parametrize(("url", "warned"), [("http://sub.example/", True), ("https://sub.example/", False)])
def test_callbacks_without_https_are_warned_of(url: str, caplog: pytest.LogCaptureFixture, *, warned: bool) -> None:
    asgi(Recorder(), SubscriberConfig(url=url))
    assert bool(caplog.records) is warned
