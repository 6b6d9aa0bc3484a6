"""The hub asks a subscriber whether it meant what it asked for, and tells it when it may not have it."""

import string
from typing import Any

import anyio
import httpx
import pytest

from tests.conformance.hubs import (
    CALLBACK,
    HUB,
    LEAKED,
    TOPIC,
    Hub,
    Raised,
    RawCallback,
    a_subscription,
    subscription_fields,
    world,
)
from websubhub import (
    EdgeLimits,
    IntentVerification,
    IntentVerificationError,
    SubscriptionAccepted,
    SubscriptionDeniedError,
    Unsubscription,
    UnsubscriptionAccepted,
    UnsubscriptionDeniedError,
    VerifiedSubscription,
)

MODES = {"subscribe": "subscription", "unsubscribe": "unsubscription"}
AWKWARD = "100%25 & more=less, +1 #9 é / ?"


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    made: str = request.param
    return made


def verified(mode: str) -> str:
    return f"on_{MODES[mode]}_intent_verified"


def with_body(body: bytes, status: int = 200) -> Any:
    return lambda _: (status, [("Content-Type", "text/plain")], body)


@pytest.mark.spec("H-22", "H-26", "H-30", "H-33")
@pytest.mark.parity("H103", "H104", "H127", "H128", "HU2", "HU15")
async def test_the_verification_of_a_subscription_asks_what_was_asked() -> None:
    callback = RawCallback()
    async with world() as w:
        w.web["subscriber.example"] = callback
        await w.subscribe(lease_seconds="3600")
    ((method, target, headers, body),) = callback.requests
    assert (method, body) == ("GET", b"")
    assert target.startswith("/callback?user=7&hub.")
    (query,) = callback.queries()
    assert query.pop("hub.challenge")
    assert query == {"user": "7", "hub.mode": "subscribe", "hub.topic": TOPIC, "hub.lease_seconds": "3600"}
    assert "hub.secret" not in target
    assert headers["user-agent"].startswith("websubhub/")


@pytest.mark.spec("H-11", "H-30", "H-34")
async def test_the_verification_of_an_unsubscription_asks_what_was_asked() -> None:
    async with world() as w:
        await w.subscribe(mode="unsubscribe", lease_seconds="3600")
    (query,) = w.subscriber.verifications
    assert query.pop("hub.challenge")
    assert query == {"user": "7", "hub.mode": "unsubscribe", "hub.topic": TOPIC}


@pytest.mark.spec("H-22", "H-23", "H-24", "SEC-10")
@pytest.mark.parity("H103", "H104", "H128", "HU15")
@pytest.mark.parametrize(
    ("callback", "start"),
    [
        ("https://subscriber.example", "/?"),
        ("https://subscriber.example/", "/?"),
        ("https://subscriber.example/c", "/c?"),
        ("https://subscriber.example/c?", "/c?"),
        ("https://subscriber.example/c?a", "/c?a&"),
        ("https://subscriber.example/c?a=1&", "/c?a=1&"),
        ("https://subscriber.example/c?red=fish&red=dog&a.b=c+d&flag&e=", "/c?red=fish&red=dog&a.b=c+d&flag&e=&"),
        ("https://subscriber.example/c?hub.topic=mine&hub.mode=x", "/c?hub.topic=mine&hub.mode=x&"),
        ("https://subscriber.example/%7Ejoe/%2F/a%20b;c=1?x=%26%3d%7e", "/%7Ejoe/%2F/a%20b;c=1?x=%26%3d%7e&"),
        ("https://subscriber.example/c?next=https://a.example/?b=1", "/c?next=https://a.example/?b=1&"),
        ("https://subscriber.example/a//b/?x=[1]|{2}", "/a//b/?x=[1]|{2}&"),
    ],
)
@pytest.mark.threat("FORM-10", "FORM-11")
async def test_the_callback_is_called_byte_for_byte_with_our_parameters_at_the_end(callback: str, start: str) -> None:
    site, hub = RawCallback(), Hub()
    async with world(hub) as w:
        w.web["subscriber.example"] = site
        response = await w.subscribe(callback=callback)
    assert response.status_code == 202
    (target,) = site.targets
    assert target.startswith(start + "hub.mode=subscribe&"), target
    assert hub.called[-1] == "on_subscription_intent_verified"
    assert hub.message("on_subscription_intent_verified").callback == callback


@pytest.mark.spec("H-30")
@pytest.mark.parity("HU15")
@pytest.mark.parametrize(
    "topic",
    [
        "https://p.example/?a=1&b=2",
        "https://p.example/a,b?c=d+e%20f",
        "https://p.example/%7Ejoe?x=%2526",
        "https://p.example/ü?q=日本",
        "https://bücher.example/",
    ],
)
async def test_the_topic_is_echoed_as_it_was_given(topic: str) -> None:
    async with world() as w:
        await w.subscribe(topic=topic)
    assert w.subscriber.verifications[0]["hub.topic"] == topic


@pytest.mark.spec("H-31", "H-32", "SEC-06")
@pytest.mark.threat("CH-1")
async def test_challenges_are_long_random_and_of_the_permitted_characters(mode: str) -> None:
    async with world() as w:
        for _ in range(50):
            await w.subscribe(mode=mode)
    challenges = [query["hub.challenge"] for query in w.subscriber.verifications]
    assert len(set(challenges)) == 50
    assert set("".join(challenges)) <= set(string.ascii_letters + string.digits + "+-./=_")
    assert min(map(len, challenges)) >= 22, "128 random bits"
    assert max(map(len, challenges)) <= 200
    assert len({challenge[:8] for challenge in challenges}) == 50


@pytest.mark.spec("H-26")
@pytest.mark.parametrize("status", [200, 201, 202, 203, 299])
async def test_any_2xx_with_the_challenge_confirms(mode: str, status: int) -> None:
    hub = Hub()
    async with world(hub) as w:
        w.web["subscriber.example"] = RawCallback(
            lambda challenge: (status, [("Content-Type", "text/html")], challenge)
        )
        await w.subscribe(mode=mode)
    assert hub.called[-1] == verified(mode)


@pytest.mark.spec("H-10", "H-36")
@pytest.mark.parity("HU4")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 409, 410, 426])
@pytest.mark.threat("SSRF-11")
async def test_any_other_status_fails_the_verification_even_with_the_challenge(mode: str, status: int) -> None:
    hub = Hub()
    callback = RawCallback(lambda challenge: (status, [("Location", "https://other.example/")], challenge))
    async with world(hub, verification_delays=(0.0, 0.0)) as w:
        other = RawCallback()
        w.web["subscriber.example"], w.web["other.example"] = callback, other
        response = await w.subscribe(mode=mode)
    assert response.status_code == 202
    assert verified(mode) not in hub.called
    assert len(callback.requests) == 1, "an answer is an answer: nothing is tried again"
    assert not other.requests


WRONG_BODIES = {
    "nothing": lambda _: b"",
    "something else": lambda _: b"ok",
    "line break after": lambda challenge: challenge + b"\n",
    "space before": lambda challenge: b" " + challenge,
    "byte order mark": lambda challenge: b"\xef\xbb\xbf" + challenge,
    "quoted": lambda challenge: b'"' + challenge + b'"',
    "in a page": lambda challenge: b"<html>" + challenge + b"</html>",
    "other case": lambda challenge: challenge.swapcase(),
    "cut off": lambda challenge: challenge[:-1],
    "twice": lambda challenge: challenge * 2,
    "the query": lambda challenge: b"hub.challenge=" + challenge,
    "a long page": lambda challenge: challenge + b" " * 1_000_000,
}


@pytest.mark.spec("H-10", "H-37")
@pytest.mark.parity("HU3")
@pytest.mark.parametrize("body", WRONG_BODIES.values(), ids=WRONG_BODIES)
@pytest.mark.threat("AMP-3", "AMP-4")
async def test_any_other_body_than_the_challenge_fails_the_verification(mode: str, body: Any) -> None:
    hub = Hub()
    async with world(hub) as w:
        w.web["subscriber.example"] = RawCallback(lambda challenge: (200, [], body(challenge)))
        await w.subscribe(mode=mode)
    assert verified(mode) not in hub.called


@pytest.mark.spec("H-32", "SEC-06")
@pytest.mark.threat("CH-3", "CH-4")
async def test_a_challenge_of_another_request_does_not_confirm() -> None:
    hub, seen = Hub(), list[bytes]()

    def replay(challenge: bytes) -> Any:
        seen.append(challenge)
        return 200, [], seen[0]

    async with world(hub) as w:
        w.web["subscriber.example"] = RawCallback(replay)
        await w.subscribe()
        await w.subscribe()
        await w.subscribe(mode="unsubscribe")
    assert len(hub.messages("on_subscription_intent_verified")) == 1
    assert not hub.messages("on_unsubscription_intent_verified")


def unanswered(_: bytes) -> Any:
    raise httpx.ReadTimeout("no answer in time")


@pytest.mark.spec("H-32")
@pytest.mark.threat("CH-4")
async def test_a_callback_that_does_not_answer_is_tried_again_with_a_fresh_challenge(mode: str) -> None:
    hub = Hub()
    callback = RawCallback(unanswered, unanswered, lambda challenge: (200, [], challenge))
    async with world(hub, verification_delays=(0.0, 0.0, 0.0)) as w:
        w.web["subscriber.example"] = callback
        await w.subscribe(mode=mode)
    assert len({query["hub.challenge"] for query in callback.queries()}) == 3
    assert hub.called.count(verified(mode)) == 1
    assert hub.called.count(f"on_{MODES[mode]}_validation") == 1


@pytest.mark.spec("H-10", "H-17")
async def test_a_callback_that_never_answers_is_given_up_and_the_hub_stays_up(mode: str) -> None:
    hub = Hub()
    async with world(hub, verification_delays=(0.0, 0.01, 0.01)) as w:
        w.web.down.add("subscriber.example")
        await w.subscribe(mode=mode)
        assert verified(mode) not in hub.called
        assert len([method for method, _ in w.web.requests if method == "GET"]) == 3
        w.web.down.clear()
        await w.subscribe(mode=mode)
    assert hub.called[-1] == verified(mode)


async def test_the_lease_runs_from_the_verification_request() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.subscribe(lease_seconds="3600")
    message = hub.message("on_subscription_intent_verified")
    assert isinstance(message, VerifiedSubscription)
    assert message.expires_at == message.verified_at + 3600


@pytest.mark.spec("H-25", "H-27", "H-28")
@pytest.mark.parity("HU5", "HU6", "HU15")
@pytest.mark.parametrize("way", [lambda error: error, Raised], ids=["returned", "raised"])
async def test_a_denial_is_told_to_the_callback_and_ends_the_matter(mode: str, way: Any) -> None:
    denied = SubscriptionDeniedError(AWKWARD) if mode == "subscribe" else UnsubscriptionDeniedError(AWKWARD)
    hub, callback = Hub(**{f"on_{MODES[mode]}_validation": way(denied)}), RawCallback()
    async with world(hub) as w:
        w.web["subscriber.example"] = callback
        await w.subscribe(mode=mode)
    ((method, target, _, body),) = callback.requests
    assert (method, body) == ("GET", b"")
    assert target.startswith("/callback?user=7&hub.")
    assert callback.queries() == [{"user": "7", "hub.mode": "denied", "hub.topic": TOPIC, "hub.reason": AWKWARD}]
    assert hub.called == [f"on_{MODES[mode]}", f"on_{MODES[mode]}_validation"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Raised(RuntimeError(LEAKED)), id="raised"),
        pytest.param(RuntimeError(LEAKED), id="returned"),
        pytest.param(Raised(IntentVerificationError(LEAKED)), id="error of another hook"),
        pytest.param(LEAKED, id="no result of this hook"),
    ],
)
async def test_any_other_error_of_validation_denies_with_a_fixed_reason(mode: str, answer: Any) -> None:
    hub = Hub(**{f"on_{MODES[mode]}_validation": answer})
    async with world(hub) as w:
        response = await w.subscribe(mode=mode)
    assert response.status_code == 202
    (denial,) = w.subscriber.denials
    assert denial == {"user": "7", "hub.mode": "denied", "hub.topic": TOPIC, "hub.reason": "validation failure"}
    assert not w.subscriber.verifications
    assert verified(mode) not in hub.called


@pytest.mark.spec("H-27")
@pytest.mark.parity("HU14")
async def test_a_denial_without_a_reason_has_none() -> None:
    async with world(Hub(on_subscription_validation=SubscriptionDeniedError())) as w:
        await w.subscribe()
    assert w.subscriber.denials == [{"user": "7", "hub.mode": "denied", "hub.topic": TOPIC}]


@pytest.mark.spec("H-29")
async def test_an_unsubscription_needs_nobody_but_the_subscriber() -> None:
    async with world() as w:
        await w.subscribe(mode="unsubscribe")
    assert [url.partition("?")[0] for _, url in w.web.requests] == [HUB, CALLBACK.partition("?")[0]]


@pytest.mark.parity("H63", "H64", "HU15")
@pytest.mark.parametrize("way", [lambda error: error, Raised], ids=["returned", "raised"])
async def test_a_failure_after_verification_is_told_to_the_callback(mode: str, way: Any) -> None:
    hub = Hub(**{verified(mode): way(IntentVerificationError(AWKWARD))})
    async with world(hub) as w:
        await w.subscribe(mode=mode)
    assert w.subscriber.notices == [{"user": "7", "hub.mode": "hub-error", "hub.topic": TOPIC, "hub.reason": AWKWARD}]
    assert len(w.subscriber.verifications) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Raised(OSError(LEAKED)), id="raised"),
        pytest.param(OSError(LEAKED), id="returned"),
        pytest.param(Raised(SubscriptionDeniedError(LEAKED)), id="error of another hook"),
        pytest.param(LEAKED, id="no result of this hook"),
    ],
)
async def test_any_other_failure_after_verification_is_told_with_a_fixed_reason(mode: str, answer: Any) -> None:
    async with world(Hub(**{verified(mode): answer})) as w:
        await w.subscribe(mode=mode)
    (notice,) = w.subscriber.notices
    assert notice["hub.mode"] == "hub-error"
    assert notice["hub.reason"] == "intent verification failure"


@pytest.mark.parametrize("answer", [500, 404, 302])
async def test_what_a_callback_answers_to_a_denial_changes_nothing(answer: int) -> None:
    callback = RawCallback(with_body(b"?", answer))
    async with world(Hub(on_subscription_validation=SubscriptionDeniedError("no"))) as w:
        w.web["subscriber.example"] = callback
        response = await w.subscribe()
    assert response.status_code == 202
    assert len(callback.requests) == 1


async def test_a_callback_that_is_down_when_it_is_denied_changes_nothing(mode: str) -> None:
    hub = Hub(**{f"on_{MODES[mode]}_validation": Raised(RuntimeError())})
    async with world(hub) as w:
        w.web.down.add("subscriber.example")
        response = await w.subscribe(mode=mode)
        again = await w.subscribe(mode=mode)
    assert response.status_code == again.status_code == 202


@pytest.mark.parity("H90", "H91", "HC24")
async def test_an_acceptance_as_verified_calls_no_callback(mode: str) -> None:
    accepted = SubscriptionAccepted if mode == "subscribe" else UnsubscriptionAccepted
    hub = Hub(**{f"on_{MODES[mode]}": accepted(verified=True)})
    async with world(hub) as w:
        w.web.down.add("subscriber.example")
        response = await w.subscribe(mode=mode)
    assert response.status_code == 202
    assert hub.called == [f"on_{MODES[mode]}", f"on_{MODES[mode]}_validation", verified(mode)]
    assert w.web.requests == [("POST", HUB)]


async def test_an_acceptance_as_verified_holds_for_that_request_only() -> None:
    hub = Hub(
        on_subscription=SubscriptionAccepted(verified=True), on_subscription_validation=SubscriptionDeniedError("no")
    )
    async with world(hub) as w:
        await w.subscribe()
        hub.answers = {}
        w.subscriber.confirms = False
        await w.subscribe()
    assert len(w.subscriber.denials) == len(w.subscriber.verifications) == 1
    assert "on_subscription_intent_verified" not in hub.called


async def test_a_deferred_request_is_verified_when_the_service_says_so(mode: str) -> None:
    accepted = SubscriptionAccepted if mode == "subscribe" else UnsubscriptionAccepted
    hub = Hub(**{f"on_{MODES[mode]}": accepted(deferred=True)})
    async with world(hub) as w:
        response = await w.subscribe(mode=mode)
        assert response.status_code == 202
        assert hub.called == [f"on_{MODES[mode]}"]
        assert not w.subscriber.verifications
        assert await w.app.verify(hub.message(f"on_{MODES[mode]}")) is IntentVerification.VERIFIED
    assert hub.called == [f"on_{MODES[mode]}", f"on_{MODES[mode]}_validation", verified(mode)]


@pytest.mark.spec("H-36")
async def test_verify_says_how_it_ended() -> None:
    hub, message = Hub(), a_subscription()
    async with world(hub, verification_delays=(0.0, 60.0)) as w:
        w.subscriber.confirms = False
        assert await w.app.verify(message) is IntentVerification.REFUSED
        w.web.down.add("subscriber.example")
        assert await w.app.verify(message) is IntentVerification.UNANSWERED
        hub.answers = {"on_subscription_validation": SubscriptionDeniedError("no")}
        assert await w.app.verify(message) is IntentVerification.DENIED
    assert "on_subscription_intent_verified" not in hub.called


@pytest.mark.spec("H-41")
async def test_an_active_subscription_can_be_confirmed_again_at_any_time() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.subscribe(lease_seconds="3600")
        active = hub.message("on_subscription_intent_verified")
        assert await w.app.verify(active) is IntentVerification.VERIFIED
        w.subscriber.confirms = False
        assert await w.app.verify(active) is IntentVerification.REFUSED
    assert [query["hub.lease_seconds"] for query in w.subscriber.verifications] == ["3600"] * 3


@pytest.mark.spec("H-27", "H-28")
@pytest.mark.parity("HU5", "HU14", "HU15")
@pytest.mark.parametrize(("reason", "told"), [("", {}), (AWKWARD, {"hub.reason": AWKWARD})])
async def test_an_active_subscription_can_be_denied_at_any_time(reason: str, told: dict[str, str]) -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.subscribe()
        await w.app.deny(hub.message("on_subscription_intent_verified"), reason)
    assert w.subscriber.denials == [{"user": "7", "hub.mode": "denied", "hub.topic": TOPIC} | told]


@pytest.mark.spec("H-28")
async def test_denying_an_unsubscription_or_a_callback_that_is_down_raises_nothing() -> None:
    async with world() as w:
        await w.app.deny(Unsubscription(hub=HUB, topic=TOPIC, callback=CALLBACK), "no")
        w.web.down.add("subscriber.example")
        await w.app.deny(a_subscription(), "no")
    assert len(w.subscriber.denials) == 1


@pytest.mark.spec("H-01", "H-13")
async def test_requests_beyond_the_limit_are_put_off() -> None:
    hub = Hub()
    async with world(hub, limits=EdgeLimits(pending=1), entered=True) as w:
        release = anyio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await release.wait()
            await w.subscriber(scope, receive, send)

        w.web["subscriber.example"] = slow
        first = await w.post(subscription_fields())
        second = await w.post(subscription_fields())
        release.set()
    assert (first.status_code, second.status_code) == (202, 503)
    assert hub.called.count("on_subscription_intent_verified") == 1
