"""The features by which a WebSub library is judged, in the order of asgi-websub's road map, a named test for each.

That list is the one of the Recommendation's exit criteria. The first thirteen are those of a subscriber, whose hub does
here as it is told; the last five are those of a hub, which is the standalone one on real sockets.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from _websub.asgi.edge import AsgiEdge
from _websub.grammar.signature import sign
from _websub.http import Answer, Request, Response
from tests.conformance.subscribers import CHALLENGE, SECRET, SIGNED, UNSIGNED, ask, deliver, subscriber_world
from tests.standalone.hub import world as hub_world
from tests.websubsub.conftest import HUB, TOPIC
from tests.websubsub.conftest import World as SubscriberWorld
from websubsub import ContentDistributionMessage, DiscoveryClient, State

PAGE = "https://pub.example/page"
LINKS = f'<link rel="hub" href="{HUB}"/><link rel="self" href="{TOPIC.replace("&", "&amp;")}"/>'


@pytest.fixture
async def subscriber() -> AsyncIterator[SubscriberWorld]:
    async with subscriber_world() as world:
        yield world


async def discovered(world: SubscriberWorld, body: str = "", **headers: str) -> tuple[str, tuple[str, ...], str]:
    async def page(_: Request) -> Answer:
        pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return Answer(Response(status=200, headers=pairs, body=body.encode()))

    world.web["pub.example"] = AsgiEdge(page)
    found = await DiscoveryClient(client=world.client).discover(PAGE)
    return found.topic, found.hubs, found.source.value


# --- the subscriber


@pytest.mark.spec("EX-01")
async def test_01_discovers_hub_and_topic_in_the_http_headers(subscriber: SubscriberWorld) -> None:
    links = f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'
    assert await discovered(subscriber, Link=links) == (TOPIC, (HUB,), "header")


@pytest.mark.spec("EX-02")
async def test_02_discovers_hub_and_topic_in_an_xml_document(subscriber: SubscriberWorld) -> None:
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom">{LINKS}</feed>'
    assert await discovered(subscriber, feed, Content_Type="application/atom+xml") == (TOPIC, (HUB,), "xml")


@pytest.mark.spec("EX-03")
async def test_03_discovers_hub_and_topic_in_an_html_document(subscriber: SubscriberWorld) -> None:
    page = f"<!doctype html><title>News</title>{LINKS}<p>It rains."
    assert await discovered(subscriber, page, Content_Type="text/html") == (TOPIC, (HUB,), "html")


@pytest.mark.spec("EX-04")
async def test_04_subscribes_with_a_callback(subscriber: SubscriberWorld) -> None:
    await subscriber.subscribe()
    assert subscriber.asked.mode == "subscribe"
    assert subscriber.asked.callback.startswith("https://sub.example/cb/")


@pytest.mark.spec("EX-05")
async def test_05_requests_a_lease() -> None:
    async with subscriber_world(lease_seconds=3600) as world:
        await world.subscribe()
        assert world.asked.fields["hub.lease_seconds"] == "3600"


@pytest.mark.spec("EX-06")
async def test_06_subscribes_with_a_secret_and_takes_authenticated_content(subscriber: SubscriberWorld) -> None:
    await subscriber.subscribe(SIGNED)
    assert subscriber.asked.fields["hub.secret"] == SECRET
    assert (await deliver(subscriber, b"hello")).is_success
    assert [message.body for message in subscriber.service.of(ContentDistributionMessage)] == [b"hello"]


@pytest.mark.spec("EX-07")
async def test_07_unsubscribes_by_a_request(subscriber: SubscriberWorld) -> None:
    await subscriber.subscribe(SIGNED)
    assert await subscriber.app.unsubscribe(SIGNED)
    assert [asked.mode for asked in subscriber.hub.asked] == ["subscribe", "unsubscribe"]
    assert subscriber.state() is State.GONE


@pytest.mark.spec("EX-08")
async def test_08_acknowledges_a_pending_subscription(subscriber: SubscriberWorld) -> None:
    await subscriber.request()
    response = await ask(subscriber)
    assert (response.status_code, response.text) == (200, CHALLENGE)


@pytest.mark.spec("EX-09")
async def test_09_rejects_a_validation_request_for_an_invalid_topic(subscriber: SubscriberWorld) -> None:
    await subscriber.request()
    assert (await ask(subscriber, topic="https://pub.example/other")).status_code == 404


@pytest.mark.spec("EX-10")
async def test_10_answers_a_delivery_with_2xx(subscriber: SubscriberWorld) -> None:
    await subscriber.subscribe(UNSIGNED)
    assert (await deliver(subscriber, secret=None)).status_code // 100 == 2


@pytest.mark.spec("EX-11")
@pytest.mark.parametrize("method", ["sha256", "sha384", "sha512"])
async def test_11_verifies_the_signature(subscriber: SubscriberWorld, method: str) -> None:
    await subscriber.subscribe(SIGNED)
    headers = {"X-Hub-Signature": sign(method, SECRET, b"hello")}
    response = await subscriber.client.post(subscriber.subscription.callback, content=b"hello", headers=headers)
    assert response.is_success
    assert len(subscriber.service.of(ContentDistributionMessage)) == 1


@pytest.mark.spec("EX-12")
async def test_12_rejects_a_delivery_whose_signature_does_not_validate(subscriber: SubscriberWorld) -> None:
    await subscriber.subscribe(SIGNED)
    assert (await deliver(subscriber, secret="another")).status_code // 100 == 4
    assert not subscriber.service.of(ContentDistributionMessage)


@pytest.mark.spec("EX-13")
async def test_13_rejects_a_delivery_without_a_signature_to_a_subscription_with_a_secret(
    subscriber: SubscriberWorld,
) -> None:
    await subscriber.subscribe(SIGNED)
    assert (await deliver(subscriber, secret=None)).status_code // 100 == 4
    assert not subscriber.service.of(ContentDistributionMessage)


# --- the hub


@pytest.mark.spec("H-05")
async def test_14_the_hub_respects_the_requested_lease() -> None:
    async with hub_world() as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC, lease_seconds=1234)
        assert subscriber.verifications[-1]["hub.lease_seconds"] == "1234"


@pytest.mark.spec("H-08")
async def test_15_the_hub_lets_an_active_subscription_be_requested_again_which_extends_its_lease() -> None:
    async with hub_world() as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC, lease_seconds=1000)
        await hub.subscribe(subscriber, TOPIC, lease_seconds=2000)
        assert [asked["hub.lease_seconds"] for asked in subscriber.verifications] == ["1000", "2000"]
        assert (await hub.statistics())["subscriptions"] == 1
        listed: Any = (await hub.get("/admin/subscriptions")).json()
        assert [each["lease_seconds"] for each in listed["subscriptions"]] == [2000]


@pytest.mark.spec("H-44")
async def test_16_the_hub_sends_the_full_contents_of_the_topic() -> None:
    content = bytes(range(256)) * 1000
    async with hub_world() as hub:
        site, subscriber = hub.site(body=content, content_type="application/x-news"), hub.subscriber()
        await hub.subscribe(subscriber, f"{hub.peers}/topic")
        await hub.ping(f"{hub.peers}/topic")
        await subscriber.wait_until(lambda: subscriber.deliveries)
        assert site.requests
        assert subscriber.deliveries[0].body == content
        assert subscriber.deliveries[0].headers["content-type"] == "application/x-news"


def feed(*entries: str) -> bytes:
    written = "".join(f"<entry><id>{entry}</id><updated>2026-01-01T00:00:00Z</updated></entry>" for entry in entries)
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{written}</feed>'.encode()


@pytest.mark.spec("H-45")
async def test_17_the_hub_sends_a_diff_of_a_feed() -> None:
    async with hub_world(feed_diff=("*",)) as hub:
        site, subscriber = hub.site(body=feed("one", "two"), content_type="application/atom+xml"), hub.subscriber()
        await hub.subscribe(subscriber, f"{hub.peers}/topic")
        await hub.ping(f"{hub.peers}/topic")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 1)
        site.body = feed("three", "one", "two")
        await hub.ping(f"{hub.peers}/topic")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)
        assert [delivery.body.count(b"<entry>") for delivery in subscriber.deliveries] == [2, 1]
        assert b"<id>three</id>" in subscriber.deliveries[1].body


@pytest.mark.spec("H-56")
async def test_18_the_hub_signs_for_subscriptions_with_a_secret() -> None:
    async with hub_world() as hub:
        signed, unsigned = hub.subscriber("/signed", secret=SECRET), hub.subscriber("/unsigned")
        await hub.subscribe(signed, TOPIC, "/signed", secret=SECRET)
        await hub.subscribe(unsigned, TOPIC, "/unsigned")
        await hub.publish(TOPIC, b"hello\n")
        await signed.wait_until(lambda: signed.deliveries)
        await unsigned.wait_until(lambda: unsigned.deliveries)
        assert signed.deliveries[0].signature is True
        assert signed.deliveries[0].headers["x-hub-signature"] == sign("sha256", SECRET, b"hello\n")
        assert "x-hub-signature" not in unsigned.deliveries[0].headers
