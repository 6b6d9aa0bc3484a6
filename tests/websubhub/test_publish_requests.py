"""Which requests of publishers are pings and which bring content; several topics in one request."""

from urllib.parse import urlencode

import httpx
import pytest

from tests.conformance.hubs import FORM, HUB, TOPIC, Hub, World, assert_is_one_plain_sentence, form_of, world
from websubhub import Acknowledgement, MessageType, UpdateMessage, UpdateMessageError

OTHER = "https://publisher.example/other"
PUBLISH = {"hub.mode": "publish"}
IN_QUERY = {"hub.mode": "publish", "hub.url": TOPIC}
MARKED_PING, MARKED_CONTENT = ("x-ballerina-publisher", "event"), ("x-ballerina-publisher", "publish")


def form(**fields: str) -> bytes:
    return urlencode({f"hub.{name}": value for name, value in fields.items()}).encode()


PINGS = [
    pytest.param(FORM, b"", IN_QUERY, id="an empty form"),
    pytest.param(FORM, b"&&", IN_QUERY, id="an empty form with separators"),
    pytest.param(f"{FORM.upper()} ; charset=utf-8", b"", IN_QUERY, id="an empty form in capitals"),
    pytest.param(f'{FORM};charset="UTF-8"', form(mode="publish", url=TOPIC), {}, id="with a charset"),
    pytest.param(None, b"", IN_QUERY, id="nothing at all"),
    pytest.param(None, form(mode="publish", url=TOPIC), {}, id="form text without a type"),
    pytest.param(None, form(mode="publish", topic=TOPIC), IN_QUERY, id="form text without a type, all of it twice"),
    pytest.param(None, form(url=TOPIC), PUBLISH, id="a topic without a type"),
    pytest.param(FORM, form(url=TOPIC), PUBLISH, id="mode in the query, topic in the body"),
    pytest.param(FORM, form(topic=TOPIC), IN_QUERY, id="the topic in both"),
    pytest.param(FORM, form(mode="publish"), {"hub.topic": TOPIC}, id="mode in the body, topic in the query"),
    pytest.param(FORM, form(mode="publish", url=TOPIC), IN_QUERY, id="everything in both"),
    pytest.param(FORM, b"hub.mode=publish&hub.url%5B%5D=" + urlencode({"": TOPIC})[1:].encode(), {}, id="a list"),
    pytest.param(FORM, b"hub.mode=publish&hub.topic[0]=" + urlencode({"": TOPIC})[1:].encode(), {}, id="with an index"),
]


@pytest.mark.parametrize("headers", [[], [MARKED_PING]], ids=["", "marked"])
@pytest.mark.parametrize(("content_type", "body", "query"), PINGS)
async def test_it_is_a_ping(
    content_type: str | None, body: bytes, query: dict[str, str], headers: list[tuple[str, str]]
) -> None:
    message = await _taken(content_type, body, query, headers)
    assert (message.type, message.topic) == (MessageType.EVENT, TOPIC)
    assert (message.body, message.content_type, message.extras) == (b"", "", {})


MARKED_PINGS = [
    pytest.param(FORM, b"event=e", IN_QUERY, id="a form"),
    pytest.param("application/json", b'{"a": 1}', IN_QUERY, id="json"),
    pytest.param(None, b"\xff", IN_QUERY, id="anything"),
    pytest.param("text/plain", b"", IN_QUERY, id="nothing"),
]


@pytest.mark.parametrize(("content_type", "body", "query"), MARKED_PINGS)
async def test_what_is_marked_as_an_event_is_a_ping(
    content_type: str | None, body: bytes, query: dict[str, str]
) -> None:
    message = await _taken(content_type, body, query, [MARKED_PING])
    assert (message.type, message.topic, message.body) == (MessageType.EVENT, TOPIC, b"")


CONTENTS = [
    pytest.param(FORM, b"event=e", id="a form"),
    pytest.param(FORM, b"hub.url=https%3A%2F%2Fother.example%2F&event=e", id="a form that names a topic, too"),
    pytest.param(FORM, b" ", id="a form of a space"),
    pytest.param(FORM, b"a=%ff", id="a form in another charset"),
    pytest.param(f"{FORM}; charset=latin-1", b"a=\xe4", id="a form that says so"),
    pytest.param(FORM, b"&".join(b"f%d=1" % number for number in range(200)), id="a form of many fields"),
    pytest.param(FORM, b"a=" + b"x" * 100_000, id="a long form"),
    pytest.param("text/plain", b"", id="empty text"),
    pytest.param("text/plain", form(mode="publish", url="https://other.example/"), id="text that looks like a ping"),
    pytest.param("multipart/form-data; boundary=x", b"--x--", id="multipart"),
    pytest.param("application/json", form(url="https://other.example/"), id="another type"),
    pytest.param(None, b"event=e", id="form text without a type"),
    pytest.param(None, b"\x89PNG", id="bytes without a type"),
]


@pytest.mark.parametrize("headers", [[], [MARKED_CONTENT]], ids=["", "marked"])
@pytest.mark.parametrize(("content_type", "body"), CONTENTS)
async def test_it_is_content_byte_for_byte(
    content_type: str | None, body: bytes, headers: list[tuple[str, str]]
) -> None:
    message = await _taken(content_type, body, IN_QUERY, headers)
    assert (message.type, message.topic) == (MessageType.PUBLISH, TOPIC)
    assert (message.body, message.content_type) == (body, content_type or "application/octet-stream")


@pytest.mark.parametrize("content_type", [FORM, None, "text/plain"])
@pytest.mark.parametrize("body", [b"", form(url=OTHER), form(mode="publish", topic=OTHER), form(mode="subscribe")])
async def test_what_is_marked_as_content_is_content(content_type: str | None, body: bytes) -> None:
    message = await _taken(content_type, body, IN_QUERY, [MARKED_CONTENT])
    assert (message.type, message.topic, message.body) == (MessageType.PUBLISH, TOPIC, body)


async def _taken(
    content_type: str | None, body: bytes, query: dict[str, str], headers: list[tuple[str, str]]
) -> UpdateMessage:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(body, content_type, query=query, headers=headers)
    assert (response.status_code, form_of(response)) == (200, {"hub.mode": "accepted"})
    message: UpdateMessage = hub.message("on_update_message")
    return message


@pytest.mark.parametrize(
    ("content_type", "body", "query", "status"),
    [
        pytest.param(None, form(mode="subscribe", topic=TOPIC, callback=OTHER), {}, 415, id="subscribe without a type"),
        pytest.param("text/plain", form(mode="publish", url=TOPIC), {}, 415, id="a ping as text"),
        pytest.param("multipart/form-data; boundary=x", b"--x--", {}, 415, id="a ping as multipart"),
        pytest.param(None, b"", {}, 415, id="nothing at all"),
        pytest.param(FORM, b"", {}, 400, id="an empty form"),
        pytest.param(FORM, b"", PUBLISH, 400, id="no topic"),
        pytest.param(FORM, form(url=TOPIC), {}, 400, id="no mode"),
        pytest.param(FORM, form(mode="publish", url=""), {}, 400, id="an empty topic"),
        pytest.param(FORM, b"hub.mode=publish&hub.url[x]=" + TOPIC.encode(), {}, 400, id="no list"),
        pytest.param(f"{FORM}; charset=latin-1", form(mode="publish", url=TOPIC), {}, 400, id="another charset"),
    ],
)
async def test_what_is_no_publish_is_refused(
    content_type: str, body: bytes, query: dict[str, str], status: int
) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(body, content_type, query=query)
    assert response.status_code == status
    assert_is_one_plain_sentence(response)
    assert not hub.calls


BAD = [
    "feed",
    "ftp://publisher.example/",
    "https://publisher.example/#top",
    "https://me@publisher.example/",
    "x" * 3_000,
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("first", [True, False])
async def test_a_bad_topic_among_good_ones_is_named_and_the_good_ones_are_taken(bad: str, first: bool) -> None:  # noqa: FBT001
    topics = [bad, TOPIC, OTHER] if first else [TOPIC, OTHER, bad]
    hub = Hub()
    async with world(hub) as w:
        response = await _ping(w, *topics)
    assert response.status_code == 200
    assert {message.topic for message in hub.messages("on_update_message")} == {TOPIC, OTHER}
    fields = form_of(response)
    assert fields["hub.mode"] == "accepted"
    assert fields["hub.reason"].startswith(f"Not accepted: {bad[:100]}")
    assert len(fields["hub.reason"]) < 300


NOT_UTF_8 = ["%ff", "%C0%AF", "%ED%A0%80", "https%3A%2F%2Fpublisher.example%2Fcaf%E9"]


@pytest.mark.parametrize("bad", NOT_UTF_8)
@pytest.mark.parametrize("name", ["hub.url", "hub.topic", "hub.url%5B%5D"])
@pytest.mark.parametrize("where", ["form", "query", "body"])
async def test_a_topic_that_is_not_utf_8_does_not_refuse_the_others(bad: str, name: str, where: str) -> None:
    text = f"hub.mode=publish&{name}={bad}&{urlencode({'hub.url': TOPIC})}"
    hub = Hub()
    async with world(hub) as w:
        if where == "query":
            response = await w.client.post(f"{HUB}?{text}")
        else:
            response = await w.post(text.encode(), FORM if where == "form" else None)
    assert response.status_code == 200
    assert [message.topic for message in hub.messages("on_update_message")] == [TOPIC]
    assert form_of(response)["hub.reason"].endswith(": hub.topic is not valid UTF-8.")


@pytest.mark.parametrize("bad", NOT_UTF_8)
async def test_a_ping_with_only_a_topic_that_is_not_utf_8_is_refused(bad: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(f"hub.mode=publish&hub.url={bad}".encode())
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "UTF-8")
    assert not hub.calls


async def test_only_bad_topics_are_refused_as_one_is() -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await _ping(w, "feed", "ftp://publisher.example/")
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "hub.topic")
    assert not hub.calls


async def test_many_bad_topics_are_counted() -> None:
    async with world(Hub()) as w:
        response = await _ping(w, TOPIC, *(f"feed{number}" for number in range(9)))
    reason = form_of(response)["hub.reason"]
    assert [f"feed{number}:" in reason for number in range(9)] == [True] * 5 + [False] * 4
    assert reason.endswith("(and 4 more)")


async def test_a_topic_that_comes_twice_is_one() -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await _ping(w, TOPIC, TOPIC, OTHER, TOPIC)
    assert form_of(response) == {"hub.mode": "accepted"}
    assert [message.topic for message in hub.messages("on_update_message")] == [TOPIC, OTHER]


async def test_a_bad_topic_of_content_is_named_as_well() -> None:
    hub = Hub()
    query = [("hub.mode", "publish"), ("hub.topic", TOPIC), ("hub.topic", "feed")]
    async with world(hub) as w:
        response = await w.post(b"x", "text/plain", query=query)
    assert form_of(response)["hub.reason"].startswith("Not accepted: feed: ")
    assert hub.message("on_update_message").topic == TOPIC


class Choosing(Hub):
    """Answers by the topic."""

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement | UpdateMessageError:
        self.calls.append(("on_update_message", message))
        answer: Acknowledgement | UpdateMessageError = self.answers[message.topic]
        return answer


@pytest.mark.parametrize("refusal", [UpdateMessageError("Not here."), UpdateMessageError("Not here.", status=403)])
async def test_a_topic_that_the_hook_refuses_is_named_and_the_others_are_taken(refusal: UpdateMessageError) -> None:
    taken = Acknowledgement(status=202, headers={"X-Id": "7"}, body={"note": "n"})
    async with world(Choosing(**{TOPIC: refusal, OTHER: taken})) as w:
        response = await _ping(w, TOPIC, OTHER)
    assert response.status_code == 202
    assert response.headers["x-id"] == "7"
    reason = f"Not accepted: {TOPIC}: Not here."
    assert form_of(response) == {"hub.mode": "accepted", "note": "n", "hub.reason": reason}


async def test_when_the_hook_refuses_all_the_first_refusal_is_the_answer() -> None:
    refusals = {TOPIC: UpdateMessageError("One.", status=403), OTHER: UpdateMessageError("Two.")}
    async with world(Choosing(**refusals)) as w:
        response = await _ping(w, TOPIC, OTHER)
    assert (response.status_code, form_of(response)) == (403, {"hub.mode": "denied", "hub.reason": "One."})


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_by_itself_is_to_be_repeated(status: int) -> None:
    full = UpdateMessageError("Full.", status=status, headers={"Retry-After": "30"})
    async with world(Choosing(**{TOPIC: Acknowledgement(), OTHER: full})) as w:
        response = await _ping(w, TOPIC, OTHER, "feed")
    assert response.status_code == status
    assert response.headers["retry-after"] == "30"
    assert form_of(response)["hub.mode"] == "denied"


async def test_headers_of_several_answers_come_each_once() -> None:
    answers = {
        TOPIC: Acknowledgement(headers={"X-Id": "1", "X-All": "a"}),
        OTHER: Acknowledgement(headers={"X-Id": "2", "X-All": "a"}),
    }
    async with world(Choosing(**answers)) as w:
        response = await _ping(w, TOPIC, OTHER)
    assert response.headers.get_list("x-id") == ["1", "2"]
    assert response.headers.get_list("x-all") == ["a"]


async def _ping(w: World, *topics: str) -> httpx.Response:
    return await w.post([("hub.mode", "publish"), *(("hub.url", topic) for topic in topics)])
