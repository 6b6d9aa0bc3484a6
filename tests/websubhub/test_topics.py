"""Publishers register and deregister topics."""

from typing import Any

import attrs
import pytest

from tests.conformance.hubs import FORM, LEAKED, TOPIC, Hub, Raised, assert_is_one_plain_sentence, form_of, world
from websubhub import (
    Success,
    TopicDeregistrationError,
    TopicDeregistrationSuccess,
    TopicRegistrationError,
    TopicRegistrationSuccess,
    UpdateMessageError,
    WebSubError,
)


@attrs.frozen
class Kind:
    """What differs between registration and deregistration."""

    mode: str
    hook: str
    success: type[Success]
    error: type[WebSubError]
    failure: str

    def fields(self, topic: str = TOPIC) -> dict[str, str]:
        return {"hub.mode": self.mode, "hub.topic": topic}

    def hub(self, answer: Any) -> Hub:
        return Hub(**{self.hook: answer})


KINDS = [
    Kind(
        "register",
        "on_register_topic",
        TopicRegistrationSuccess,
        TopicRegistrationError,
        "topic registration failure",
    ),
    Kind(
        "deregister",
        "on_deregister_topic",
        TopicDeregistrationSuccess,
        TopicDeregistrationError,
        "topic deregistration failure",
    ),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.mode)
def kind(request: pytest.FixtureRequest) -> Kind:
    made: Kind = request.param
    return made


@pytest.fixture(params=[FORM, f"{FORM};charset=UTF-8"], ids=["form", "form with charset"])
def content_type(request: pytest.FixtureRequest) -> str:
    made: str = request.param
    return made


@pytest.mark.parity("H5", "H6", "H9", "H10", "H94", "H123", "H124", "H125")
async def test_a_taken_topic_is_answered_with_accepted_and_the_own_fields(kind: Kind, content_type: str) -> None:
    hub = kind.hub(kind.success(body={"isSuccess": "true"}))
    async with world(hub) as w:
        response = await w.post(kind.fields(), content_type)
    assert response.status_code == 200
    assert form_of(response) == {"hub.mode": "accepted", "isSuccess": "true"}
    assert hub.message(kind.hook).topic == TOPIC


async def test_status_headers_and_fields_of_a_success_are_sent(kind: Kind) -> None:
    told = kind.success(status=201, headers={"X-Topics": "7"}, body={"note": "a&b=ü"})
    async with world(kind.hub(told)) as w:
        response = await w.post(kind.fields())
    assert response.status_code == 201
    assert response.headers["x-topics"] == "7"
    assert form_of(response) == {"hub.mode": "accepted", "note": "a&b=ü"}


@pytest.mark.parity("H7", "H8", "H11", "H12", "H122")
@pytest.mark.parametrize("way", [lambda error: error, Raised], ids=["returned", "raised"])
async def test_a_refused_topic_is_answered_with_200_and_denied(kind: Kind, content_type: str, way: Any) -> None:
    async with world(kind.hub(way(kind.error("Registration Failed!")))) as w:
        response = await w.post(kind.fields(), content_type)
    assert response.status_code == 200
    assert form_of(response) == {"hub.mode": "denied", "hub.reason": "Registration Failed!"}


@pytest.mark.parity("H1", "H2", "HU15")
async def test_a_refusal_carries_its_status_headers_and_fields(kind: Kind) -> None:
    reason = "100% sure: a&b=c, +1 é"
    refusal = kind.error(reason, status=409, headers={"X-Retry": "no"}, body={"hub.additional.details": "ü&"})
    async with world(kind.hub(refusal)) as w:
        response = await w.post(kind.fields())
    assert response.status_code == 409
    assert response.headers["x-retry"] == "no"
    assert form_of(response) == {"hub.mode": "denied", "hub.reason": reason, "hub.additional.details": "ü&"}


@pytest.mark.parity("H66", "H67")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Raised(RuntimeError(LEAKED)), id="raised"),
        pytest.param(RuntimeError(LEAKED), id="returned"),
        pytest.param(Raised(UpdateMessageError(LEAKED)), id="error of another hook"),
        pytest.param(LEAKED, id="no result of this hook"),
    ],
)
async def test_any_other_error_is_answered_with_a_fixed_reason(kind: Kind, answer: Any) -> None:
    async with world(kind.hub(answer)) as w:
        response = await w.post(kind.fields())
    assert response.status_code == 200
    assert form_of(response) == {"hub.mode": "denied", "hub.reason": kind.failure}
    assert LEAKED not in repr(response.headers)


async def test_what_a_hook_failed_with_is_logged_with_its_traceback(
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(kind.hub(Raised(RuntimeError("the disk is full")))) as w:
        await w.post(kind.fields())
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]
    assert "the disk is full" in caplog.text


@pytest.mark.parity("H43", "H44", "H73", "H74")
async def test_the_hook_gets_headers_and_extras_in_a_frozen_message(kind: Kind) -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.post(
            {**kind.fields(), "priority": "high"},
            headers=[("Authorization", "Bearer t"), ("X-A", "1"), ("X-A", "2")],
        )
    message = hub.message(kind.hook)
    assert message.headers["AUTHORIZATION"] == "Bearer t"
    assert message.headers.get_all("x-a") == ("1", "2")
    assert message.extras == {"priority": "high"}
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.topic = "https://other.example/"


@pytest.mark.parity("H98", "H101", "H102")
@pytest.mark.parametrize("fields", [{}, {"hub.topic": ""}], ids=["missing", "empty"])
async def test_a_missing_topic_is_refused(kind: Kind, fields: dict[str, str]) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post({"hub.mode": kind.mode} | fields)
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "hub.topic")
    assert not hub.calls


@pytest.mark.parametrize(
    "topic", ["feed", "/feed", "//publisher.example/feed", "ftp://publisher.example/", "urn:isbn:1", "javascript:1"]
)
async def test_a_topic_that_is_no_absolute_http_url_is_refused(kind: Kind, topic: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(kind.fields(topic))
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "hub.topic")
    assert not hub.calls


@pytest.mark.parity("H96", "HU15")
async def test_a_topic_is_decoded_exactly_once(kind: Kind) -> None:
    hub = Hub()
    raw = f"hub.mode={kind.mode}&hub.topic=https%3A%2F%2Fa.example%2F%7Ejoe%2526%253D%3Fx%3D1%26y%3D%252C%2B"
    async with world(hub) as w:
        await w.post(raw.encode())
    assert hub.message(kind.hook).topic == "https://a.example/~joe%26%3D?x=1&y=%2C+"
