"""Subscribers ask for subscriptions: what reaches the hooks, in which order, and what is answered."""

from typing import Any

import anyio
import attrs
import pytest

from tests.conformance.hubs import (
    CALLBACK,
    FORM,
    HUB,
    LEAKED,
    TOPIC,
    Hub,
    Raised,
    assert_is_one_plain_sentence,
    form_of,
    subscription_fields,
    world,
)
from websubhub import (
    Acknowledgement,
    BadSubscriptionError,
    BadUnsubscriptionError,
    HubService,
    InternalSubscriptionError,
    InternalUnsubscriptionError,
    Subscription,
    SubscriptionAccepted,
    SubscriptionDeniedError,
    SubscriptionPermanentRedirect,
    SubscriptionTemporaryRedirect,
    TopicDeregistration,
    TopicDeregistrationSuccess,
    TopicRegistration,
    TopicRegistrationSuccess,
    UnsubscriptionAccepted,
    UnsubscriptionDeniedError,
    UpdateMessage,
    VerifiedSubscription,
    VerifiedUnsubscription,
    WebSubError,
)

MODES = {"subscribe": "subscription", "unsubscribe": "unsubscription"}


class BareHub(HubService):
    """Only what must be there."""

    def __init__(self) -> None:
        self.verified: list[Any] = []

    async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationSuccess:
        raise NotImplementedError

    async def on_deregister_topic(self, message: TopicDeregistration) -> TopicDeregistrationSuccess:
        raise NotImplementedError

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement:
        raise NotImplementedError

    async def on_subscription_intent_verified(self, message: VerifiedSubscription) -> None:
        self.verified.append(message)

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> None:
        self.verified.append(message)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    made: str = request.param
    return made


@pytest.mark.spec("H-02", "H-11", "H-12", "H-26")
@pytest.mark.parity("H17", "H18", "H24", "H25", "HC1")
@pytest.mark.parametrize("content_type", [FORM, f"{FORM};charset=UTF-8"])
async def test_a_request_is_answered_with_202_and_goes_through_the_hooks_in_order(mode: str, content_type: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.post(subscription_fields(mode=mode), content_type)
    assert response.status_code == 202
    assert form_of(response) == {"hub.mode": "accepted"}
    kind = MODES[mode]
    assert hub.called == [f"on_{kind}", f"on_{kind}_validation", f"on_{kind}_intent_verified"]
    assert len(w.subscriber.verifications) == 1


@pytest.mark.spec("H-12")
@pytest.mark.parity("HU11")
async def test_without_the_optional_hooks_a_request_is_answered_with_an_empty_202(mode: str) -> None:
    hub = BareHub()
    async with world(hub) as w:
        response = await w.subscribe(mode=mode)
    assert (response.status_code, response.content) == (202, b"")
    assert [message.topic for message in hub.verified] == [TOPIC]


@pytest.mark.spec("H-02", "H-03")
@pytest.mark.parity("H47", "H77", "H94")
async def test_a_subscription_reaches_the_hook_as_it_was_asked_for() -> None:
    hub = Hub()
    async with world(hub) as w:
        fields = subscription_fields(lease_seconds="3600", secret="s%&=+ ü")
        await w.post(fields, headers=[("Authorization", "Bearer t")])
    message = hub.message("on_subscription")
    assert isinstance(message, Subscription)
    assert (message.hub, message.topic, message.callback) == (HUB, TOPIC, CALLBACK)
    assert (message.lease_seconds, message.secret) == (3600, "s%&=+ ü")
    assert message.headers["authorization"] == "Bearer t"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.callback = "https://other.example/"  # type: ignore[misc]  # is what is tried


@pytest.mark.spec("H-11")
@pytest.mark.parity("H48", "H78")
async def test_an_unsubscription_reaches_the_hook_as_it_was_asked_for() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.post(subscription_fields(mode="unsubscribe", secret="s"), headers=[("Authorization", "Bearer t")])
    message = hub.message("on_unsubscription")
    assert (message.hub, message.topic, message.callback, message.secret) == (HUB, TOPIC, CALLBACK, "s")
    assert message.headers["authorization"] == "Bearer t"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.topic = "https://other.example/"


@pytest.mark.spec("H-04")
@pytest.mark.parity("H19", "HU9")
async def test_parameters_unknown_to_websub_are_kept_apart_and_reach_the_verified_message(mode: str) -> None:
    hub = Hub()
    extras = {
        "param1": "value1",
        "hub.foo": "hub.bar",
        "hub.verify": "sync",
        "hub.verify_token": "t&=",
        "hub": "https://evil.example/",
        "topic": "other",
        "verified_at": "0",
    }
    async with world(hub) as w:
        response = await w.post([*subscription_fields(mode=mode).items(), *extras.items(), ("param1", "again")])
    assert response.status_code == 202
    first, *_, verified = [message for _, message in hub.calls]
    assert first.extras == verified.extras == extras
    assert (verified.hub, verified.topic) == (HUB, TOPIC)
    assert verified.verified_at > 1_700_000_000


@pytest.mark.spec("H-05", "H-06", "H-35", "H-39", "H-40", "SEC-05")
@pytest.mark.parity("HU2")
@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (None, 864000),
        ("", 864000),
        ("3600", 3600),
        ("1", 300),
        ("299", 300),
        ("300", 300),
        ("2592000", 2592000),
        ("2592001", 2592000),
        ("9999999999", 2592000),
        ("0003600", 3600),
        ("99999999999", 2592000),
        ("9" * 5000, 2592000),
        ("0" * 5000 + "3600", 3600),
    ],
)
@pytest.mark.threat("FORM-8")
async def test_the_granted_lease_is_the_asked_one_within_bounds_ten_days_by_default(
    asked: str | None, granted: int
) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await (w.subscribe() if asked is None else w.subscribe(lease_seconds=asked))
    assert response.status_code == 202
    assert [message.lease_seconds for _, message in hub.calls] == [granted] * 3
    assert [query["hub.lease_seconds"] for query in w.subscriber.verifications] == [str(granted)]


@pytest.mark.spec("H-05", "H-06")
async def test_the_bounds_of_leases_are_settings() -> None:
    hub = Hub()
    async with world(hub, lease_seconds=60, min_lease_seconds=10, max_lease_seconds=90) as w:
        for asked in ({}, {"lease_seconds": "5"}, {"lease_seconds": "99"}):
            await w.subscribe(**asked)
    assert [query["hub.lease_seconds"] for query in w.subscriber.verifications] == ["60", "10", "90"]


@pytest.mark.spec("H-14")
@pytest.mark.parametrize(
    "lease", ["0", "000", "-1", "+5", "1e9", "1.5", "0x10", " 10 ", "1_0", "٣", "ten", "9" * 5000 + "x"]
)
@pytest.mark.threat("FORM-8")
async def test_a_lease_that_is_no_positive_decimal_number_is_refused(lease: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.subscribe(lease_seconds=lease)
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "hub.lease_seconds")
    assert not hub.calls


@pytest.mark.spec("H-07")
@pytest.mark.parametrize("lease", ["3600", "", "0", "-1", "banana", "9" * 5000])
async def test_the_lease_of_an_unsubscription_is_ignored(lease: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.subscribe(mode="unsubscribe", lease_seconds=lease)
    assert response.status_code == 202
    assert hub.called[-1] == "on_unsubscription_intent_verified"


@pytest.mark.spec("H-03", "H-14")
@pytest.mark.parametrize(
    ("secret", "taken"),
    [
        ("s", True),
        ("x" * 199, True),
        ("é" * 99 + "a", True),
        ("x" * 200, False),
        ("é" * 100, False),
        ("x" * 5000, False),
        ("a\x00b", False),
        ("a\nb", False),
    ],
)
async def test_a_secret_is_shorter_than_200_bytes_and_one_line(secret: str, taken: bool) -> None:  # noqa: FBT001  one of a pair
    hub = Hub()
    async with world(hub) as w:
        response = await w.subscribe(secret=secret)
    assert response.status_code == (202 if taken else 400)
    if taken:
        assert hub.message("on_subscription_intent_verified").secret == secret
    else:
        assert_is_one_plain_sentence(response, "hub.secret")
        assert not hub.calls


async def test_an_empty_secret_is_none() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.subscribe(secret="")
    assert hub.message("on_subscription").secret is None


@pytest.mark.spec("H-21")
@pytest.mark.parity("H96", "HU15")
async def test_topic_and_callback_are_decoded_exactly_once() -> None:
    hub = Hub()
    body = (
        b"hub.mode=subscribe&hub.topic=https%3A%2F%2Fp.example%2F%7ejoe%3Fa%3D%2526%252C%26b%3D1%2C2%2B3+"
        b"&hub.callback=https://subscriber.example/%7Ejoe%3Fhub.mode%3Dx%26a%3D%2526hub.topic%253D"
    ).replace(b"%2B3+&", b"%2B3&")
    async with world(hub) as w:
        response = await w.post(body)
    assert response.status_code == 202
    message = hub.message("on_subscription")
    assert message.topic == "https://p.example/~joe?a=%26%2C&b=1,2+3"
    assert message.callback == "https://subscriber.example/~joe?hub.mode=x&a=%26hub.topic%3D"


@pytest.mark.parametrize(
    "url", ["https://subscriber.example", "http://subscriber.example:8080/", "HTTPS://SUBSCRIBER.example/"]
)
async def test_urls_are_kept_as_they_were_written(url: str) -> None:
    hub = Hub()
    async with world(hub) as w:
        response = await w.subscribe(topic=url, callback=url)
    assert response.status_code == 202
    assert (hub.message("on_subscription").topic, hub.message("on_subscription").callback) == (url, url)


@pytest.mark.spec("H-01", "H-14", "H-15", "H-16", "H-20")
@pytest.mark.parity("H13", "H14", "H20", "H21")
@pytest.mark.parametrize("way", [lambda error: error, Raised], ids=["returned", "raised"])
@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("subscribe", BadSubscriptionError("This topic is not for you.")),
        ("subscribe", InternalSubscriptionError("Come back tomorrow.")),
        ("subscribe", BadSubscriptionError("Use the canonical URL.", status=422)),
        ("unsubscribe", BadUnsubscriptionError("You have none.")),
        ("unsubscribe", InternalUnsubscriptionError("Come back tomorrow.")),
    ],
)
async def test_a_refusal_by_the_hook_is_answered_with_its_reason_in_plain_text(
    mode: str, error: WebSubError, way: Any
) -> None:
    hub = Hub(**{f"on_{MODES[mode]}": way(error)})
    async with world(hub) as w:
        response = await w.post(subscription_fields(mode=mode), f"{FORM};charset=UTF-8")
    assert response.status_code == error.status
    assert response.status_code >= 400
    assert_is_one_plain_sentence(response)
    assert response.text == error.reason
    assert hub.called == [f"on_{MODES[mode]}"]
    assert not w.subscriber.verifications


@pytest.mark.parity("HU12")
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("subscribe", BadSubscriptionError),
        ("subscribe", InternalSubscriptionError),
        ("unsubscribe", BadUnsubscriptionError),
        ("unsubscribe", InternalUnsubscriptionError),
    ],
)
async def test_a_refusal_with_fields_is_a_form_with_its_status_and_headers(mode: str, kind: type[WebSubError]) -> None:
    error = kind("a&b=ü", status=503, headers={"Retry-After": "60"}, body={"detail": "x y"})
    async with world(Hub(**{f"on_{MODES[mode]}": error})) as w:
        response = await w.subscribe(mode=mode)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "60"
    assert form_of(response) == {"hub.mode": "denied", "hub.reason": "a&b=ü", "detail": "x y"}


@pytest.mark.parity("H68", "H69")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Raised(RuntimeError(LEAKED)), id="raised"),
        pytest.param(RuntimeError(LEAKED), id="returned"),
        pytest.param(Raised(SubscriptionDeniedError(LEAKED)), id="error of another hook"),
        pytest.param(LEAKED, id="no result of this hook"),
        pytest.param(None, id="nothing"),
    ],
)
async def test_any_other_error_is_answered_with_500_and_a_fixed_reason(mode: str, answer: Any) -> None:
    hub = Hub(**{f"on_{MODES[mode]}": answer})
    async with world(hub) as w:
        response = await w.subscribe(mode=mode)
    assert response.status_code == 500
    assert_is_one_plain_sentence(response)
    assert response.text == "internal server error"
    assert hub.called == [f"on_{MODES[mode]}"]
    assert not w.subscriber.verifications


@pytest.mark.spec("H-18", "H-19")
@pytest.mark.parity("HU1")
@pytest.mark.parametrize(
    ("redirect", "status"), [(SubscriptionTemporaryRedirect, 307), (SubscriptionPermanentRedirect, 308)]
)
async def test_a_redirect_names_one_other_hub_and_ends_the_matter(redirect: Any, status: int) -> None:
    hub = Hub(on_subscription=redirect(location="https://other.example/hub?a=1,2", headers={"X-Why": "load"}))
    async with world(hub) as w:
        response = await w.subscribe()
    assert response.status_code == status
    assert response.headers.get_list("location") == ["https://other.example/hub?a=1,2"]
    assert response.headers["x-why"] == "load"
    assert hub.called == ["on_subscription"]
    assert not w.subscriber.verifications


async def test_an_unsubscription_is_not_redirected() -> None:
    hub = Hub(on_unsubscription=SubscriptionTemporaryRedirect(location="https://other.example/hub"))
    async with world(hub) as w:
        response = await w.subscribe(mode="unsubscribe")
    assert response.status_code == 500
    assert "location" not in response.headers


@pytest.mark.parametrize("status", [200, 204])
async def test_an_acceptance_with_another_status_than_202_ends_the_matter(mode: str, status: int) -> None:
    accepted = SubscriptionAccepted if mode == "subscribe" else UnsubscriptionAccepted
    hub = Hub(**{f"on_{MODES[mode]}": accepted(status=status)})
    async with world(hub) as w:
        response = await w.subscribe(mode=mode)
    assert response.status_code == status
    assert hub.called == [f"on_{MODES[mode]}"]
    assert not w.subscriber.verifications


async def test_headers_and_fields_of_an_acceptance_are_sent(mode: str) -> None:
    accepted = SubscriptionAccepted if mode == "subscribe" else UnsubscriptionAccepted
    told = accepted(headers={"X-Id": "7"}, body={"note": "a&b"})
    async with world(Hub(**{f"on_{MODES[mode]}": told})) as w:
        response = await w.subscribe(mode=mode)
    assert response.status_code == 202
    assert response.headers["x-id"] == "7"
    assert form_of(response) == {"hub.mode": "accepted", "note": "a&b"}
    assert len(w.subscriber.verifications) == 1


@pytest.mark.spec("H-05", "H-35")
async def test_the_hook_may_grant_another_lease() -> None:
    hub = Hub(on_subscription=SubscriptionAccepted(lease_seconds=7200))
    async with world(hub) as w:
        await w.subscribe(lease_seconds="3600")
    assert w.subscriber.verifications[0]["hub.lease_seconds"] == "7200"
    assert hub.message("on_subscription_validation").lease_seconds == 7200
    assert hub.message("on_subscription_intent_verified").lease_seconds == 7200


@pytest.mark.spec("H-12", "H-17")
@pytest.mark.parity("H15", "H16", "H22", "H23")
@pytest.mark.parametrize("content_type", [FORM, f"{FORM};charset=UTF-8"])
async def test_a_denial_by_validation_does_not_change_the_answer(mode: str, content_type: str) -> None:
    denied = SubscriptionDeniedError("no") if mode == "subscribe" else UnsubscriptionDeniedError("no")
    answers = []
    for hub in (Hub(), Hub(**{f"on_{MODES[mode]}_validation": denied})):
        async with world(hub) as w:
            answers.append(await w.post(subscription_fields(mode=mode), content_type))
    fine, refused = answers
    assert (fine.status_code, fine.content, fine.headers) == (refused.status_code, refused.content, refused.headers)
    assert refused.status_code == 202


@pytest.mark.spec("H-12", "H-13", "H-17")
async def test_the_answer_is_out_before_verification_begins(mode: str) -> None:
    hub = Hub()
    async with world(hub, entered=True) as w:
        release = anyio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await release.wait()
            await w.subscriber(scope, receive, send)

        w.web["subscriber.example"] = slow
        response = await w.subscribe(mode=mode)
        assert response.status_code == 202
        assert hub.called[-1] != f"on_{MODES[mode]}_intent_verified"
        release.set()
        await w.subscriber.wait_until(lambda: w.subscriber.verifications)
    assert hub.called[-1] == f"on_{MODES[mode]}_intent_verified"


@pytest.mark.spec("H-12", "H-17")
async def test_the_answer_is_the_same_when_the_callback_is_down_or_disagrees(mode: str) -> None:
    async with world() as w:
        fine = await w.subscribe(mode=mode)
        w.subscriber.confirms = False
        refused = await w.subscribe(mode=mode)
        w.web.down.add("subscriber.example")
        down = await w.subscribe(mode=mode)
    assert fine.status_code == refused.status_code == down.status_code == 202
    assert fine.content == refused.content == down.content


@pytest.mark.spec("H-08", "H-09", "H-10", "SEC-18")
async def test_a_renewal_takes_effect_once_it_is_verified_and_not_before() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.subscribe(secret="old", lease_seconds="3600")
        w.subscriber.confirms = False
        forged = await w.subscribe(secret="forged", lease_seconds="7200")
        await w.subscribe(mode="unsubscribe")
        w.subscriber.confirms = True
        renewed = await w.subscribe(secret="new", lease_seconds="10800")
    assert forged.status_code == renewed.status_code == 202
    verified = hub.messages("on_subscription_intent_verified")
    assert [(message.secret, message.lease_seconds) for message in verified] == [("old", 3600), ("new", 10800)]
    assert not hub.messages("on_unsubscription_intent_verified")
