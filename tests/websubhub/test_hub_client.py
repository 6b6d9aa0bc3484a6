"""HubClient delivers to one subscription, over connections of its own and over a client that is given."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement

import attrs
import httpx
import pytest

from tests.conformance.hubs import FORM, HUB, TOPIC, RawCallback, a_subscription, served
from websubhub import (
    ContentDeliveryError,
    ContentDistributionMessage,
    HubClient,
    RetryPolicy,
    Subscription,
    SubscriptionDeletedError,
)
from websubhub.testing import InMemoryWeb, RecordingSubscriber

LOOPBACK_HUB = "http://127.0.0.1:8080/hub"
BINARY = bytes(range(256))


def answer(status: int, headers: list[tuple[str, str]] | None = None, body: bytes = b"") -> Any:
    return lambda _: (status, headers or [], body)


@attrs.frozen
class Site:
    """Where a subscriber is, and how to get there."""

    base: str
    hub: str
    client: httpx.AsyncClient | None

    def subscription(self, path: str = "/callback", **changes: Any) -> Subscription:
        return a_subscription(hub=self.hub, callback=self.base + path, **changes)

    def hub_client(self, path: str = "/callback", *, retry: RetryPolicy | None = None, **changes: Any) -> HubClient:
        method = {"signature_method": changes.pop("method")} if "method" in changes else {}
        return HubClient(self.subscription(path, **changes), retry=retry, client=self.client, **method)


@asynccontextmanager
async def own_connections(app: Any) -> AsyncIterator[Site]:
    async with served(app) as base:
        yield Site(base, LOOPBACK_HUB, None)


@asynccontextmanager
async def given_client(app: Any) -> AsyncIterator[Site]:
    web = InMemoryWeb()
    web["subscriber.example"] = app
    async with web.client() as client:
        yield Site("https://subscriber.example", HUB, client)


@pytest.fixture(params=[own_connections, given_client], ids=["own connections", "given client"])
def site(request: pytest.FixtureRequest) -> Any:
    return request.param


def message(content: Any = "hello", content_type: str | None = None, **changes: Any) -> ContentDistributionMessage:
    return ContentDistributionMessage(content=content, content_type=content_type, **changes)


@pytest.mark.spec("H-24", "H-42", "H-44", "SEC-10")
@pytest.mark.parity("H49", "H50")
@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("/", "/"),
        ("/c", "/c"),
        ("/c?", None),
        ("/c?red=fish&red=dog&a.b=c+d&hub.topic=mine&flag", "/c?red=fish&red=dog&a.b=c+d&hub.topic=mine&flag"),
        ("/%7Ejoe/%2F?x=%26%3d", "/%7Ejoe/%2F?x=%26%3d"),
        ("/a//b/", "/a//b/"),
    ],
)
async def test_a_delivery_is_a_post_to_exactly_the_callback(site: Any, path: str, target: str | None) -> None:
    callback = RawCallback()
    async with site(callback) as s, s.hub_client(path) as client:
        success = await client.notify_content_distribution(message())
    assert success.status == 200
    ((method, seen, _, body),) = callback.requests
    assert method == "POST"
    assert seen == (target or path.rstrip("?"))
    assert body == b"hello"


@pytest.mark.spec("H-46", "H-47", "H-48")
@pytest.mark.parity("HU7")
async def test_a_delivery_names_hub_and_topic_in_one_link_header(site: Any) -> None:
    callback = RawCallback()
    async with site(callback) as s, s.hub_client() as client:
        await client.notify_content_distribution(message())
        hub = s.hub
    ((_, _, headers, _),) = callback.requests
    assert headers.get_all("link") == (f'<{hub}>; rel="hub", <{TOPIC}>; rel="self"',)


@pytest.mark.spec("H-46", "H-47", "H-48", "H-59")
async def test_the_links_are_those_of_the_topics_discovery_where_they_are_known(site: Any) -> None:
    callback = RawCallback()
    hubs = ("https://hub.example/", "https://other.example/hub")
    async with site(callback) as s, s.hub_client() as client:
        await client.notify_content_distribution(message(hubs=hubs, topic="https://publisher.example/canonical"))
    ((_, _, headers, _),) = callback.requests
    (link,) = headers.get_all("link")
    assert link.split(", ") == [
        '<https://hub.example/>; rel="hub"',
        '<https://other.example/hub>; rel="hub"',
        '<https://publisher.example/canonical>; rel="self"',
    ]


@pytest.mark.spec("H-47")
@pytest.mark.threat("HI-3")
async def test_a_topic_cannot_add_links_of_its_own(site: Any) -> None:
    callback = RawCallback()
    topic = 'https://p.example/>; rel="hub", <https://evil.example/>; rel="self'
    async with site(callback) as s, s.hub_client(topic=topic) as client:
        await client.notify_content_distribution(message())
    ((_, _, headers, _),) = callback.requests
    (link,) = headers.get_all("link")
    assert link.count("<") == link.count(">") == 2
    assert link.count(";") == 2 + topic.count(";")


XML = Element("feed")
SubElement(XML, "entry").text = "ü"

CONTENTS = [
    pytest.param("grün", None, "text/plain", "grün".encode(), id="text"),
    pytest.param(XML, None, "application/xml", None, id="xml"),
    pytest.param({"a": "ü", "b": [1]}, None, "application/json", None, id="json"),
    pytest.param([1, None], None, "application/json", None, id="array"),
    pytest.param(None, None, "application/octet-stream", b"", id="nothing"),
    pytest.param(BINARY, None, "application/octet-stream", BINARY, id="bytes"),
    pytest.param({"a": "x&y", "b": "ü"}, FORM, FORM, b"a=x%26y&b=%C3%BC", id="form"),
    pytest.param(b"{ }", "application/json;charset=UTF-8", "application/json;charset=UTF-8", b"{ }", id="as given"),
    pytest.param(
        b"<feed/>", "application/atom+xml; charset=utf-8", "application/atom+xml; charset=utf-8", None, id="atom"
    ),
    pytest.param("<p>", "text/html", "text/html", b"<p>", id="text of another type"),
]


@pytest.mark.spec("H-42", "H-43", "H-44", "H-58")
@pytest.mark.parity("H50", "H51", "H52", "H53", "H54", "H105", "H106", "H107", "H108", "H109")
@pytest.mark.parametrize(("content", "given", "content_type", "body"), CONTENTS)
async def test_content_is_sent_with_its_type_and_signed_as_it_is_sent(
    site: Any, content: Any, given: str | None, content_type: str, body: bytes | None
) -> None:
    callback = RawCallback()
    async with site(callback) as s, s.hub_client(secret="s") as client:
        await client.notify_content_distribution(message(content, given))
    ((_, _, headers, sent),) = callback.requests
    assert headers.get_all("content-type") in {(content_type,), (f"{content_type}; charset=utf-8",)}
    assert body in {None, sent}
    assert bool(sent) == (content is not None)
    assert headers["x-hub-signature"] == "sha256=" + hmac.new(b"s", sent, hashlib.sha256).hexdigest()
    assert "content-encoding" not in headers


@pytest.mark.spec("H-43")
@pytest.mark.parametrize(
    "content_type", ["text/html;charset=UTF-8", "text/html; charset=UTF-8", "TEXT/HTML", 'a/b; c="d e"']
)
async def test_a_given_content_type_is_sent_character_for_character(site: Any, content_type: str) -> None:
    callback = RawCallback()
    async with site(callback) as s, s.hub_client() as client:
        await client.notify_content_distribution(message(b"x", content_type))
    ((_, _, headers, _),) = callback.requests
    assert headers.get_all("content-type") == (content_type,)


SENTENCE = "This is sample content delivery"
PAIRS = '"contentUrl":"https://sample.content.com",{}"contentMsg":"Enjoy free offers this season"'
XML_TEXT = (
    "<content>\n"
    "        <contentUrl>The Lost World</contentUrl>\n"
    "        <contentMsg>Enjoy free offers this season</contentMsg>\n"
    "    </content>"
)
VECTORS = [
    pytest.param(SENTENCE, "d66181d67f963fff2dde0b0a4ca50ac1a6bc5828dd32eabaf0d5049f6fe8b5ff", id="text"),
    pytest.param(SENTENCE.encode(), "d66181d67f963fff2dde0b0a4ca50ac1a6bc5828dd32eabaf0d5049f6fe8b5ff", id="bytes"),
    pytest.param(XML_TEXT, "526af3b9e1d8f5f618b06f88c9c142ef4baee4c66c16d4026d2307689643de58", id="xml"),
    pytest.param(
        "{" + PAIRS.format(" ") + "}", "3253fa36df638332580b551edad634e81990736179263a8d8966bd5c04a12198", id="json"
    ),
    pytest.param(
        "{" + PAIRS.format("") + "}", "a67cf8d3245fb03dd7914097bb731cc7532ff7c8bb738c2a587506b0bc4c0dda", id="map"
    ),
]


@pytest.mark.spec("H-03", "H-56", "H-57", "H-58", "H-60", "SEC-11", "SEC-13")
@pytest.mark.parity("H110", "H111", "H112", "H113", "H114", "HU7")
@pytest.mark.parametrize(("content", "digest"), VECTORS)
async def test_the_signature_is_the_known_one(site: Any, content: Any, digest: str) -> None:
    callback = RawCallback()
    async with site(callback) as s, s.hub_client(secret="secret") as client:
        await client.notify_content_distribution(message(content))
    ((_, _, headers, _),) = callback.requests
    assert headers.get_all("x-hub-signature") == (f"sha256={digest}",)


@pytest.mark.spec("H-57", "H-60")
@pytest.mark.parity("HU13")
@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_every_method_signs_the_bytes_that_are_sent(site: Any, method: str) -> None:
    callback = RawCallback()
    async with site(callback) as s, s.hub_client(secret="s%ü ", method=method) as client:
        await client.notify_content_distribution(message(BINARY))
    ((_, _, headers, sent),) = callback.requests
    assert sent == BINARY
    assert headers["x-hub-signature"] == f"{method}={hmac.new('s%ü '.encode(), BINARY, method).hexdigest()}"


@pytest.mark.spec("H-57")
@pytest.mark.parametrize("method", ["md5", "SHA256", "", "sha3_256"])
def test_another_method_is_refused_at_once(method: str) -> None:
    with pytest.raises(ValueError, match="is not a valid SignatureMethod"):
        HubClient(a_subscription(secret="s"), signature_method=method)


@pytest.mark.spec("H-56")
async def test_without_a_secret_there_is_no_signature(site: Any) -> None:
    callback = RawCallback()
    async with site(callback) as s, s.hub_client() as client:
        await client.notify_content_distribution(message())
    ((_, _, headers, _),) = callback.requests
    assert "x-hub-signature" not in headers


@pytest.mark.parity("HU8")
async def test_headers_of_the_message_are_sent_and_cannot_replace_those_of_the_protocol(site: Any) -> None:
    callback = RawCallback()
    headers = [
        ("X-Trace", "1"),
        ("X-Trace", "2"),
        ("Link", "<https://evil.example/>; rel=hub"),
        ("X-Hub-Signature", "sha256=00"),
        ("Content-Type", "text/evil"),
    ]
    async with site(callback) as s, s.hub_client(secret="s") as client:
        await client.notify_content_distribution(message(b"x", "text/plain", headers=headers))
    ((_, _, seen, _),) = callback.requests
    assert seen.get_all("x-trace") == ("1", "2")
    assert seen.get_all("content-type") == ("text/plain",)
    assert len(seen.get_all("link")) == len(seen.get_all("x-hub-signature")) == 1
    assert "evil" not in seen["link"]
    assert seen["x-hub-signature"] != "sha256=00"


async def test_the_message_id_stays_when_a_message_is_sent_again(site: Any) -> None:
    callback, first, second = RawCallback(), message(), message()
    async with site(callback) as s, s.hub_client() as client:
        for each in (first, first, second):
            await client.notify_content_distribution(each)
    ids = [headers["x-hub-message-id"] for _, _, headers, _ in callback.requests]
    assert ids == [first.message_id, first.message_id, second.message_id]
    assert first.message_id != second.message_id


@pytest.mark.spec("H-49", "H-51")
@pytest.mark.parity("H49", "H55", "H56", "H115", "H116", "H117", "H118", "H119", "H120", "H121")
@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "text/plain", b"ok"),
        (201, "application/json", b'{"a": 1}'),
        (202, "application/xml; charset=utf-8", b"<ok/>"),
        (200, FORM, b"a=1&b=2"),
        (200, "application/octet-stream", BINARY),
        (202, None, b""),
        (204, None, b""),
        (299, None, b""),
    ],
)
async def test_any_2xx_is_a_success_with_what_was_answered(
    site: Any, status: int, content_type: str | None, body: bytes
) -> None:
    typed = [("Content-Type", content_type)] if content_type else []
    callback = RawCallback(answer(status, [*typed, ("X-A", "1"), ("X-A", "2")], body))
    async with site(callback) as s, s.hub_client() as client:
        success = await client.notify_content_distribution(message())
    assert (success.status, success.body) == (status, body)
    assert success.headers.get_all("x-a") == ("1", "2")
    assert success.headers.get("content-type") == content_type


@pytest.mark.spec("H-49", "H-50")
@pytest.mark.parity("H57", "H58")
@pytest.mark.parametrize("content_type", ["text/plain", FORM])
async def test_410_says_that_the_subscriber_wants_no_more(site: Any, content_type: str) -> None:
    callback = RawCallback(answer(410, [("Content-Type", content_type), ("X-A", "1")], b"reason=gone"))
    async with site(callback) as s, s.hub_client() as client:
        with pytest.raises(SubscriptionDeletedError) as caught:
            await client.notify_content_distribution(message())
    error = caught.value
    assert (error.status, error.content, error.headers["x-a"]) == (410, b"reason=gone", "1")
    assert isinstance(error, ContentDeliveryError)


@pytest.mark.spec("H-49")
@pytest.mark.parity("H59", "H60")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 400, 401, 404, 429, 500, 503])
@pytest.mark.threat("SSRF-12")
async def test_anything_else_is_a_failure_with_what_was_answered_and_no_redirect_is_followed(
    site: Any, status: int
) -> None:
    callback = RawCallback(answer(status, [("Content-Type", FORM), ("Location", "/other")], b"a=1"))
    async with site(callback) as s, s.hub_client() as client:
        with pytest.raises(ContentDeliveryError) as caught:
            await client.notify_content_distribution(message())
    error = caught.value
    assert not isinstance(error, SubscriptionDeletedError)
    assert (error.status, error.content, error.headers["content-type"]) == (status, b"a=1", FORM)
    assert len(callback.requests) == 1


@pytest.mark.spec("H-53", "H-55")
async def test_what_failed_is_given_up_and_the_next_message_is_tried_again(site: Any) -> None:
    subscriber = RecordingSubscriber(secret="s")
    subscriber.statuses = [500, 404]
    async with site(subscriber) as s, s.hub_client(secret="s") as client:
        for _ in range(2):
            with pytest.raises(ContentDeliveryError):
                await client.notify_content_distribution(message("lost"))
        success = await client.notify_content_distribution(message("kept"))
    assert success.status == 202
    assert [each.body for each in subscriber.deliveries] == [b"lost", b"lost", b"kept"]
    assert all(each.signature for each in subscriber.deliveries)


async def test_no_answer_is_a_failure_without_a_status(site: Any) -> None:
    async with site(RawCallback()) as s:
        gone = s.subscription()
    async with HubClient(gone, client=InMemoryWeb().client() if s.client else None) as client:
        with pytest.raises(ContentDeliveryError) as caught:
            await client.notify_content_distribution(message())
    error = caught.value
    assert error.status == 0
    assert str(error)
    assert urlsplit(gone.callback).path not in str(error)


@pytest.mark.spec("H-52", "H-53")
@pytest.mark.parity("H61", "H62")
async def test_with_retries_a_delivery_may_succeed_at_the_third_attempt(site: Any) -> None:
    policy = RetryPolicy(attempts=4, interval=0.01, jitter=0, statuses=[400])
    callback = RawCallback(answer(400), answer(400), answer(200, None, b"ok"))
    async with site(callback) as s, s.hub_client(secret="s", retry=policy) as client:
        success = await client.notify_content_distribution(message())
    assert (success.status, success.body) == (200, b"ok")
    assert len(callback.requests) == 3
    assert len({(headers["x-hub-message-id"], body) for _, _, headers, body in callback.requests}) == 1


@pytest.mark.spec("H-52", "H-53")
@pytest.mark.parity("H62")
@pytest.mark.parametrize(("status", "attempts"), [(500, 3), (404, 1), (410, 1)])
async def test_retries_end_and_are_for_listed_statuses_only(site: Any, status: int, attempts: int) -> None:
    policy = RetryPolicy(attempts=3, interval=0.01, jitter=0, statuses=[500, 410])
    callback = RawCallback(answer(status))
    async with site(callback) as s, s.hub_client(retry=policy) as client:
        with pytest.raises(ContentDeliveryError) as caught:
            await client.notify_content_distribution(message())
    assert caught.value.status == status
    assert len(callback.requests) == attempts


@pytest.mark.spec("SEC-15")
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
    ],
)
async def test_a_public_hub_delivers_to_no_private_address(host: str) -> None:
    canary = RawCallback()
    async with served(canary) as base:
        callback = f"http://{host}:{urlsplit(base).port}/callback"
        async with HubClient(a_subscription(callback=callback)) as client:
            with pytest.raises(ContentDeliveryError) as caught:
                await client.notify_content_distribution(message())
    assert caught.value.status == 0
    assert not canary.requests


@pytest.mark.spec("SEC-15")
async def test_networks_may_be_allowed() -> None:
    callback = RawCallback()
    async with served(callback) as base:
        subscription = a_subscription(callback=f"{base}/callback")
        async with HubClient(subscription, allow_networks=["127.0.0.0/8"]) as client:
            await client.notify_content_distribution(message())
        async with HubClient(subscription, allow_networks=["10.0.0.0/8"]) as client:
            with pytest.raises(ContentDeliveryError):
                await client.notify_content_distribution(message())
    assert len(callback.requests) == 1


async def test_a_client_that_was_given_stays_open() -> None:
    async with given_client(RawCallback()) as s:
        async with s.hub_client() as client:
            await client.notify_content_distribution(message())
        assert s.client is not None
        assert not s.client.is_closed


async def test_it_can_be_used_without_a_block_and_closed_by_hand(site: Any) -> None:
    callback = RawCallback()
    async with site(callback) as s:
        client = s.hub_client()
        for _ in range(3):
            await client.notify_content_distribution(message())
        await client.aclose()
    assert len(callback.requests) == 3


@pytest.mark.spec("SEC-17")
def test_neither_secret_nor_callback_nor_content_is_shown() -> None:
    subscription = a_subscription(secret="swordfish", callback="https://s.example/capability")
    shown = repr(subscription) + str(subscription) + repr(message("swordfish")) + repr(HubClient(subscription))
    assert "swordfish" not in shown
    assert "capability" not in shown
