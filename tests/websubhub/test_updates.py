"""Publishers bring updates, or announce them."""

from typing import Any

import attrs
import pytest

from tests.conformance.hubs import FORM, LEAKED, TOPIC, Hub, Raised, assert_is_one_plain_sentence, form_of, world
from websubhub import Acknowledgement, ContentError, MessageType, TopicRegistrationError, UpdateMessageError

QUERY = {"hub.mode": "publish", "hub.topic": TOPIC}
OTHER = "https://publisher.example/other?x=%26"
BINARY = bytes(range(256))


@pytest.mark.parity("H26", "H39", "HU15")
@pytest.mark.parametrize("name", ["hub.topic", "hub.url"])
@pytest.mark.parametrize("headers", [[], [("x-ballerina-publisher", "event")]], ids=["", "marked as event"])
async def test_a_ping_is_an_event_without_content(name: str, headers: list[tuple[str, str]]) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post({"hub.mode": "publish", name: OTHER}, headers=headers)
    assert response.status_code == 200
    assert form_of(response) == {"hub.mode": "accepted"}
    message = hub.message("on_update_message")
    assert (message.type, message.topic) == (MessageType.EVENT, OTHER)
    assert (message.body, message.content_type) == (b"", "")


async def test_one_ping_may_announce_several_topics() -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(
            [
                ("hub.mode", "publish"),
                ("hub.url", TOPIC),
                ("hub.topic", OTHER),
                ("hub.url", "https://publisher.example/3"),
            ]
        )
    assert response.status_code == 200
    assert {message.topic for message in hub.messages("on_update_message")} == {
        TOPIC,
        OTHER,
        "https://publisher.example/3",
    }
    assert len(hub.calls) == 3


@pytest.mark.parity("H27")
async def test_a_ping_with_further_fields_is_an_event_and_the_fields_reach_the_hook() -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post({**QUERY, "event": "e", "hub.foo": "bar"})
    assert response.status_code == 200
    message = hub.message("on_update_message")
    assert message.type is MessageType.EVENT
    assert message.extras == {"event": "e", "hub.foo": "bar"}


CONTENTS = [
    pytest.param("text/plain", b"hello", id="text"),
    pytest.param("application/json; charset=UTF-8", b'{ "a" : 1 }', id="json with charset"),
    pytest.param("application/vnd.example+json", b"{}", id="vendor json"),
    pytest.param("application/xml", b"<a/>", id="xml"),
    pytest.param("application/atom+xml;charset=utf-8", b"<feed/>", id="atom"),
    pytest.param("application/octet-stream", BINARY, id="bytes"),
    pytest.param("image/PNG", BINARY, id="image"),
    pytest.param(FORM, b"a=1&b=%20&a=2", id="form"),
    pytest.param('multipart/form-data; boundary="x"', b"--x--", id="multipart"),
    pytest.param("text/plain", b"", id="empty"),
]


@pytest.mark.parity("H28", "H30", "H31", "H35", "H37", "H40")
@pytest.mark.parametrize(("content_type", "body"), CONTENTS)
async def test_content_of_any_type_reaches_the_hook_byte_for_byte(content_type: str, body: bytes) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(body, content_type, query=QUERY)
    assert response.status_code == 200
    assert form_of(response) == {"hub.mode": "accepted"}
    message = hub.message("on_update_message")
    assert (message.type, message.topic) == (MessageType.PUBLISH, TOPIC)
    assert (message.body, message.content_type) == (body, content_type)


@pytest.mark.parity("H28", "H38")
@pytest.mark.parametrize(("content_type", "body"), [(FORM, b"event=e"), ("text/plain", b"hello")])
async def test_content_may_be_marked_as_published(content_type: str, body: bytes) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(body, content_type, query=QUERY, headers=[("x-ballerina-publisher", "publish")])
    assert response.status_code == 200
    message = hub.message("on_update_message")
    assert (message.type, message.body) == (MessageType.PUBLISH, body)


LOOKS_LIKE_A_REQUEST = b"hub.mode=register&hub.topic=https%3A%2F%2Fother.example%2F"


async def test_a_form_that_is_a_request_is_content_when_it_is_marked_so() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.post(LOOKS_LIKE_A_REQUEST, query=QUERY, headers=[("x-ballerina-publisher", "publish")])
    message = hub.message("on_update_message")
    assert hub.called == ["on_update_message"]
    assert (message.topic, message.body) == (TOPIC, LOOKS_LIKE_A_REQUEST)


async def test_the_query_changes_nothing_about_a_form_that_is_a_request() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.post(LOOKS_LIKE_A_REQUEST, query=QUERY)
    assert hub.called == ["on_register_topic"]
    assert hub.message("on_register_topic").topic == "https://other.example/"


async def test_a_form_with_an_unknown_mark_is_refused() -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(QUERY, headers=[("x-ballerina-publisher", "maybe")])
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "x-ballerina-publisher")
    assert not hub.calls


async def test_topics_and_extras_of_a_publish_are_read_from_the_query() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.post(b"x", "text/plain", query=[("hub.mode", "publish"), ("hub.url", OTHER), ("tag", "a&b")])
    message = hub.message("on_update_message")
    assert message.topic == OTHER
    assert message.extras == {"tag": "a&b"}


async def test_one_content_may_be_published_to_several_topics() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.post(b"x", "text/plain", query=[("hub.mode", "publish"), ("hub.topic", TOPIC), ("hub.topic", OTHER)])
    assert [message.topic for message in hub.messages("on_update_message")] == [TOPIC, OTHER]
    assert {message.body for message in hub.messages("on_update_message")} == {b"x"}


@pytest.mark.parity("H29", "H98", "H101")
@pytest.mark.parametrize("query", [{"hub.mode": "publish"}, {"hub.mode": "publish", "hub.topic": ""}])
@pytest.mark.parametrize("content_type", [FORM, "text/plain"])
async def test_a_publish_without_topic_is_refused(query: dict[str, str], content_type: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(b"event=e", content_type, query=query)
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "hub.topic")
    assert not hub.calls


@pytest.mark.parametrize("fields", [{}, {"hub.topic": ""}, {"hub.topic": "feed"}, {"hub.url": "ftp://a.example/"}])
async def test_a_ping_without_a_usable_topic_is_refused(fields: dict[str, str]) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post({"hub.mode": "publish"} | fields)
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "hub.")
    assert not hub.calls


@pytest.mark.parity("H32", "H33", "H34", "H36")
async def test_content_is_read_as_what_it_is() -> None:
    hub = Hub()
    async with world(hub) as w:
        for content_type, body in [
            ("text/plain; charset=latin-1", "grün".encode("latin-1")),
            ("application/json", '{"a": "ü"}'.encode()),
            ("application/atom+xml", b"<feed><entry/></feed>"),
            (FORM, b"a=1&b=%C3%BC+x"),
        ]:
            await w.post(body, content_type, query=QUERY)
    text, json, xml, form = hub.messages("on_update_message")
    assert text.text() == "grün"
    assert json.json() == {"a": "ü"}
    assert [child.tag for child in xml.xml()] == ["entry"]
    assert form.form() == {"a": "1", "b": "ü x"}


@pytest.mark.parametrize(
    ("view", "body"),
    [
        ("json", b"{"),
        ("json", b""),
        ("xml", b"<a>"),
        ("xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        ("xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
        ("text", b"\xff"),
        ("form", b"a=%ff"),
    ],
)
async def test_malformed_content_is_taken_and_said_to_be_so_when_read(view: str, body: bytes) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(body, "text/plain", query=QUERY)
    assert response.status_code == 200
    message = hub.message("on_update_message")
    assert message.body == body
    with pytest.raises(ContentError):
        getattr(message, view)()


@pytest.mark.parity("H45", "H46", "H75", "H76")
@pytest.mark.parametrize("query", [{}, QUERY], ids=["notify", "publish"])
async def test_the_hook_gets_headers_in_a_frozen_message(query: dict[str, str]) -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.post(QUERY, query=query, headers=[("Authorization", "Bearer t")])
    message = hub.message("on_update_message")
    assert message.headers["authorization"] == "Bearer t"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.topic = OTHER


@pytest.mark.parametrize("query", [{}, QUERY], ids=["notify", "publish"])
async def test_status_headers_and_fields_of_an_acknowledgement_are_sent(query: dict[str, str]) -> None:
    told = Acknowledgement(status=204, headers={"X-Id": "7"})
    async with world(Hub(on_update_message=told)) as w:
        response = await w.post(QUERY, query=query)
    assert response.status_code == 204
    assert response.headers["x-id"] == "7"


@pytest.mark.parity("H3")
@pytest.mark.parametrize("way", [lambda error: error, Raised], ids=["returned", "raised"])
@pytest.mark.parametrize("query", [{}, QUERY], ids=["notify", "publish"])
async def test_a_refused_update_is_answered_with_200_and_denied(query: dict[str, str], way: Any) -> None:
    refusal = UpdateMessageError("No such topic.", headers={"X-Id": "7"}, body={"topic": TOPIC})
    async with world(Hub(on_update_message=way(refusal))) as w:
        response = await w.post(QUERY, query=query)
    assert response.status_code == 200
    assert response.headers["x-id"] == "7"
    assert form_of(response) == {"hub.mode": "denied", "hub.reason": "No such topic.", "topic": TOPIC}


async def test_a_refusal_may_have_another_status() -> None:
    async with world(Hub(on_update_message=UpdateMessageError("Who are you?", status=401))) as w:
        response = await w.post(QUERY)
    assert response.status_code == 401


@pytest.mark.parity("H70")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Raised(KeyError(LEAKED)), id="raised"),
        pytest.param(ValueError(LEAKED), id="returned"),
        pytest.param(Raised(TopicRegistrationError(LEAKED)), id="error of another hook"),
        pytest.param({"status": LEAKED}, id="no result of this hook"),
    ],
)
async def test_any_other_error_is_answered_with_a_fixed_reason(answer: Any) -> None:
    async with world(Hub(on_update_message=answer)) as w:
        response = await w.post(b"x", "text/plain", query=QUERY)
    assert response.status_code == 200
    assert form_of(response) == {"hub.mode": "denied", "hub.reason": "update message error"}
    assert LEAKED not in repr(response.headers)


async def test_a_hook_that_returns_nothing_has_not_taken_the_update() -> None:
    async with world(Hub(on_update_message=None)) as w:
        response = await w.post(QUERY)
    assert form_of(response) == {"hub.mode": "denied", "hub.reason": "update message error"}
