"""PublisherClient talks to hubs: to ours, and to those of others as the recorded one shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree.ElementTree import Element, fromstring

import attrs
import pytest

from _websub.http import Request, Response
from tests.conformance.hubs import FORM, HUB, TOPIC, Hub, RawCallback, served, world
from websubhub import (
    Acknowledgement,
    MessageType,
    PublisherClient,
    Success,
    TopicDeregistrationError,
    TopicDeregistrationSuccess,
    TopicRegistrationError,
    TopicRegistrationSuccess,
    UpdateMessageError,
    UrlError,
    WebSubError,
)
from websubhub.testing import InMemoryWeb, RecordingHub

AWKWARD = "https://p.example/a,b/%7Ejoe?x=1&y=%26+z"
ACCEPTED = Response(status=200, headers=[("Content-Type", FORM)], body=b"hub.mode=accepted")


def denied(status: int = 200, body: bytes = b"hub.mode=denied&hub.reason=Not+yours%21", kind: str = FORM) -> Response:
    return Response(status=status, headers=[("Content-Type", kind), ("X-A", "1")], body=body)


@attrs.frozen
class Call:
    """One of the things that a publisher asks."""

    name: str
    arguments: tuple[Any, ...]
    success: type[Success]
    error: type[WebSubError]

    async def on(self, client: PublisherClient, **keywords: Any) -> Any:
        return await getattr(client, self.name)(*self.arguments, **keywords)


CALLS = [
    Call("register_topic", (TOPIC,), TopicRegistrationSuccess, TopicRegistrationError),
    Call("deregister_topic", (TOPIC,), TopicDeregistrationSuccess, TopicDeregistrationError),
    Call("publish_update", (TOPIC, {"a": 1}), Acknowledgement, UpdateMessageError),
    Call("notify_update", (TOPIC,), Acknowledgement, UpdateMessageError),
]


@pytest.fixture(params=CALLS, ids=lambda call: call.name)
def call(request: pytest.FixtureRequest) -> Call:
    made: Call = request.param
    return made


@asynccontextmanager
async def recorded(hub: Any, url: str = HUB, **settings: Any) -> AsyncIterator[PublisherClient]:
    web = InMemoryWeb()
    web["hub.example"] = hub
    async with web.client() as http, PublisherClient(url, client=http, **settings) as client:
        yield client


def fields(request: Request) -> list[tuple[str, str]]:
    assert request.headers["content-type"] == FORM
    return parse_qsl(request.body.decode(), strict_parsing=True, keep_blank_values=True)


@pytest.mark.parity("H129", "H131", "HU15")
@pytest.mark.parametrize("mode", ["register", "deregister"])
async def test_registration_is_a_form_of_mode_and_topic(mode: str) -> None:
    hub = RecordingHub(ACCEPTED)
    async with recorded(hub) as client:
        await getattr(client, f"{mode}_topic")(AWKWARD)
    (request,) = hub.requests
    assert (request.method, request.url) == ("POST", HUB)
    assert fields(request) == [("hub.mode", mode), ("hub.topic", AWKWARD)]


@pytest.mark.spec("P-07", "H-43")
@pytest.mark.parity("H135", "H105", "H106", "H107", "H108", "H109")
@pytest.mark.parametrize(
    ("payload", "given", "content_type", "body"),
    [
        (b"\x00\xff", None, "application/octet-stream", b"\x00\xff"),
        ("grün", None, "text/plain", "grün".encode()),
        ({"a": "b"}, None, "application/json", b'{"a": "b"}'),
        ([1], None, "application/json", b"[1]"),
        (Element("a"), None, "application/xml", None),
        (b"<feed/>", "application/atom+xml;charset=UTF-8", "application/atom+xml;charset=UTF-8", b"<feed/>"),
        ({"a": "x&y"}, "application/ld+json", "application/ld+json", b'{"a": "x&y"}'),
        ({"a": "x&y", "b": "ü"}, FORM, FORM, b"a=x%26y&b=%C3%BC"),
    ],
)
async def test_a_publish_has_mode_and_topic_in_the_query_and_the_content_as_body(
    payload: Any, given: str | None, content_type: str, body: bytes | None
) -> None:
    hub = RecordingHub(ACCEPTED)
    async with recorded(hub) as client:
        await client.publish_update(AWKWARD, payload, given)
    (request,) = hub.requests
    assert parse_qsl(urlsplit(request.url).query) == [("hub.mode", "publish"), ("hub.topic", AWKWARD)]
    assert request.headers["content-type"].partition("; charset=utf-8")[0] == content_type
    if body is None:
        assert fromstring(request.body).tag == "a"  # noqa: S314  written a line ago
    else:
        assert request.body == body


async def test_the_query_of_the_hub_is_kept() -> None:
    hub = RecordingHub(ACCEPTED)
    async with recorded(hub, f"{HUB}?key=a%26b&flag") as client:
        await client.publish_update(TOPIC, b"x")
        await client.notify_update(TOPIC)
    assert hub.requests[0].url.startswith(f"{HUB}?key=a%26b&flag&hub.mode=publish&hub.topic=")
    assert hub.requests[1].url == f"{HUB}?key=a%26b&flag"


@pytest.mark.spec("P-06", "P-07", "P-10")
@pytest.mark.parity("H133")
async def test_a_ping_names_topics_in_the_way_every_hub_understands() -> None:
    hub = RecordingHub(Response(status=204))
    async with recorded(hub) as client:
        await client.notify_update(TOPIC, AWKWARD)
    (request,) = hub.requests
    sent = fields(request)
    assert sent[0] == ("hub.mode", "publish")
    assert [value for name, value in sent if name == "hub.url"] == [TOPIC, AWKWARD], "0.3, Google, Superfeedr"
    assert {name for name, _ in sent} <= {"hub.mode", "hub.url", "hub.topic"}


async def test_a_ping_without_topics_is_refused_at_once() -> None:
    hub = RecordingHub()
    async with recorded(hub) as client:
        with pytest.raises(ValueError, match="topic"):
            await client.notify_update()
    assert not hub.requests


@pytest.mark.parity("H129", "H131", "H133", "H135")
@pytest.mark.parametrize("status", [200, 201, 202])
async def test_any_2xx_that_says_accepted_is_a_success_with_what_was_answered(call: Call, status: int) -> None:
    told = Response(
        status=status,
        headers=[("Content-Type", f"{FORM};charset=utf-8"), ("X-A", "1"), ("X-A", "2")],
        body=b"hub.mode=accepted&note=a%26b",
    )
    async with recorded(RecordingHub(told)) as client:
        success = await call.on(client)
    assert isinstance(success, call.success)
    assert success.status == status
    assert success.headers.get_all("x-a") == ("1", "2")
    assert success.body == {"hub.mode": "accepted", "note": "a&b"}


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_any_2xx_that_says_nothing_is_a_success(call: Call, status: int) -> None:
    async with recorded(RecordingHub(Response(status=status))) as client:
        success = await call.on(client)
    assert (type(success), success.status, success.body) == (call.success, status, {})


@pytest.mark.parity("H130", "H132", "H134", "H136")
@pytest.mark.parametrize("status", [200, 202, 400, 403, 409, 500])
async def test_a_denial_raises_the_typed_error_with_its_reason(call: Call, status: int) -> None:
    async with recorded(RecordingHub(denied(status))) as client:
        with pytest.raises(call.error) as caught:
            await call.on(client)
    error = caught.value
    assert (error.reason, str(error), error.status) == ("Not yours!", "Not yours!", status)
    assert error.headers["x-a"] == "1"
    assert error.body == {"hub.mode": "denied", "hub.reason": "Not yours!"}


@pytest.mark.parametrize("status", [200, 400])
async def test_a_denial_without_a_reason_still_says_something(call: Call, status: int) -> None:
    async with recorded(RecordingHub(denied(status, b"hub.mode=denied"))) as client:
        with pytest.raises(call.error) as caught:
            await call.on(client)
    assert caught.value.reason
    assert caught.value.status == status


@pytest.mark.parametrize("status", [301, 302, 307, 401, 404, 415, 500, 503])
async def test_any_other_status_raises_the_typed_error(call: Call, status: int) -> None:
    told = Response(status=status, headers=[("Location", "https://other.example/"), ("Retry-After", "7")])
    hub = RecordingHub(told)
    async with recorded(hub) as client:
        with pytest.raises(call.error) as caught:
            await call.on(client)
    assert caught.value.status == status
    assert str(status) in caught.value.reason
    assert caught.value.headers["retry-after"] == "7"
    assert len(hub.requests) == 1


async def test_the_plain_sentence_of_a_hub_is_the_reason(call: Call) -> None:
    async with recorded(RecordingHub(denied(403, b"Not yours, ever.", "text/plain; charset=utf-8"))) as client:
        with pytest.raises(call.error, match=r"Not yours, ever\."):
            await call.on(client)


async def test_a_page_as_error_is_no_reason(call: Call) -> None:
    page = b"<html>" + b"<p>Oops</p>" * 1000
    async with recorded(RecordingHub(denied(502, page, "text/html"))) as client:
        with pytest.raises(call.error) as caught:
            await call.on(client)
    assert "<p>" not in caught.value.reason
    assert len(caught.value.reason) < 600


async def test_a_hub_that_does_not_answer_raises_the_typed_error(call: Call) -> None:
    web = InMemoryWeb()
    async with web.client() as http, PublisherClient(HUB, token="swordfish", client=http) as client:
        with pytest.raises(call.error) as caught:
            await call.on(client)
    assert caught.value.reason
    assert "swordfish" not in str(caught.value)


async def test_token_and_headers_are_sent(call: Call) -> None:
    hub = RecordingHub(ACCEPTED)
    async with recorded(hub, token="t", headers={"X-Client": "c", "X-Both": "client"}) as client:
        await call.on(client, headers={"X-Call": "1", "X-Both": "call"})
    (request,) = hub.requests
    assert request.headers["authorization"] == "Bearer t"
    assert (request.headers["x-client"], request.headers["x-call"]) == ("c", "1")
    assert "call" in request.headers.get_all("x-both")


async def test_without_a_token_there_is_no_authorization(call: Call) -> None:
    hub = RecordingHub(ACCEPTED)
    async with recorded(hub) as client:
        await call.on(client)
    assert "authorization" not in hub.requests[0].headers


def test_the_token_is_not_shown() -> None:
    assert "swordfish" not in repr(PublisherClient(HUB, token="swordfish"))


@pytest.mark.parametrize("url", ["hub.example", "ftp://hub.example/", "https://user:word@hub.example/"])
def test_a_hub_url_that_cannot_be_called_is_refused_at_once(url: str) -> None:
    with pytest.raises(UrlError):
        PublisherClient(url)


@pytest.mark.parity("H129", "H131", "H133", "H135")
async def test_our_hub_understands_our_publisher() -> None:
    hub = Hub()
    async with world(hub) as w, PublisherClient(HUB, token="t", client=w.client) as client:
        await client.register_topic(AWKWARD)
        await client.publish_update(AWKWARD, {"hub.mode": "x", "b": "ü&"}, FORM)
        await client.publish_update(AWKWARD, "grün")
        await client.notify_update(AWKWARD, TOPIC)
        await client.deregister_topic(AWKWARD)
    assert hub.called == ["on_register_topic", *["on_update_message"] * 4, "on_deregister_topic"]
    form, text, *events = hub.messages("on_update_message")
    assert (form.type, form.form()) == (MessageType.PUBLISH, {"hub.mode": "x", "b": "ü&"})
    assert (text.type, text.text()) == (MessageType.PUBLISH, "grün")
    assert [(event.type, event.topic) for event in events] == [
        (MessageType.EVENT, AWKWARD),
        (MessageType.EVENT, TOPIC),
    ]
    assert {message.headers["authorization"] for _, message in hub.calls} == {"Bearer t"}


@pytest.mark.parity("H130", "H132", "H134", "H136", "H3", "H1")
async def test_our_refusals_reach_our_publisher(call: Call) -> None:
    hooks = ["on_register_topic", "on_deregister_topic", "on_update_message"]
    kinds = [TopicRegistrationError, TopicDeregistrationError, UpdateMessageError]
    refusals = {name: kind("100% no, & é", body={"why": "a=b"}) for name, kind in zip(hooks, kinds, strict=True)}
    async with world(Hub(**refusals)) as w, PublisherClient(HUB, client=w.client) as client:
        with pytest.raises(call.error) as caught:
            await call.on(client)
    assert (caught.value.reason, caught.value.status) == ("100% no, & é", 200)
    assert caught.value.body["why"] == "a=b"


async def test_it_calls_any_address_since_its_user_names_the_hub() -> None:
    hub = RawCallback(lambda _: (202, [], b""))
    async with served(hub) as base, PublisherClient(f"{base}/hub") as client:
        success = await client.notify_update(TOPIC)
        await client.publish_update(TOPIC, b"x")
    assert success.status == 202
    assert [method for method, *_ in hub.requests] == ["POST", "POST"]


@pytest.mark.spec("P-06")
async def test_each_of_several_hubs_is_told_by_a_client_of_its_own() -> None:
    web, hubs = InMemoryWeb(), {f"{n}.example": RecordingHub() for n in ("one", "two")}
    for host, hub in hubs.items():
        web[host] = hub
    async with web.client() as http:
        for host in hubs:
            await PublisherClient(f"https://{host}/", client=http).notify_update(TOPIC)
    assert all(len(hub.requests) == 1 for hub in hubs.values())
