"""What a subscriber's callbacks answer, to the letter (W3C 5.2, 5.3, 7), and what they never do."""

import logging
from typing import Any

import attrs
import pytest

from _websub.grammar.signature import sign
from tests.conformance.subscribers import CHALLENGE, SECRET, SIGNED, UNSIGNED, ask, deliver, subscriber_world
from tests.websubsub.conftest import HUB, TOPIC, Recorder, World
from websubsub import (
    Acknowledgement,
    CallbackPolicy,
    ContentDistributionMessage,
    EdgeLimits,
    EventKind,
    HubError,
    State,
    SubscriptionClient,
    SubscriptionDeletedError,
    SubscriptionDenied,
    SubscriptionVerification,
    SubscriptionVerificationError,
    SubscriptionVerificationSuccess,
    Target,
    UnsubscriptionVerification,
    UnsubscriptionVerificationError,
    WebSubError,
)

SCRIPT = "<script>alert(1)</script>"


# --- verification of intent


@pytest.mark.spec("S-23", "S-25", "S-26", "SEC-07", "SEC-08")
@pytest.mark.parity("S4")
@pytest.mark.parametrize("hook", [None, SubscriptionVerificationSuccess(headers={"Content-Type": "text/html"})])
@pytest.mark.threat("CH-6")
async def test_a_confirmation_is_the_challenge_as_bytes_that_no_browser_looks_into(hook: Any) -> None:
    async with subscriber_world() as world:
        if hook is not None:
            world.service.answers["on_subscription_verification"] = hook
        await world.request()
        response = await ask(world)
    assert response.status_code // 100 == 2
    assert response.content == CHALLENGE.encode()
    assert response.headers.get_list("content-type") == ["application/octet-stream"]
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    assert response.headers["content-length"] == str(len(CHALLENGE))


@pytest.mark.spec("S-27", "SEC-09")
@pytest.mark.parametrize("challenge", [SCRIPT, "a b", "é", "\x00", "%", "'", "a\nb", "x" * 513])
@pytest.mark.threat("CH-5", "CH-6")
async def test_a_challenge_that_is_none_is_never_reflected(challenge: str) -> None:
    async with subscriber_world() as world:
        await world.request()
        response = await ask(world, challenge=challenge)
        assert (response.status_code, world.state()) == (404, State.REQUESTED)
    assert challenge not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-type"].partition(";")[0] == "text/plain"


@pytest.mark.spec("S-27")
@pytest.mark.parametrize("challenge", ["+-./0Az=_", "x" * 200, "x" * 512])
async def test_every_challenge_that_hubs_may_send_is_echoed(challenge: str) -> None:
    async with subscriber_world() as world:
        await world.request()
        assert (await ask(world, challenge=challenge)).content == challenge.encode()


@pytest.mark.spec("S-22", "S-24")
@pytest.mark.parity("SU8")
@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "https://pub.example/other"},
        {"topic": TOPIC + "&x"},
        {"topic": TOPIC.replace("https", "http")},
        {"topic": TOPIC.upper()},
        {"topic": None},
        {"mode": "unsubscribe"},
    ],
    ids=["other", "longer", "http", "case", "none", "mode"],
)
async def test_what_was_not_asked_for_is_answered_404(changes: dict[str, str | None]) -> None:
    async with subscriber_world() as world:
        await world.request()
        response = await ask(world, **changes)
        assert (response.status_code, world.state()) == (404, State.REQUESTED)
        assert not world.service.messages


@pytest.mark.spec("S-24")
async def test_a_verification_before_any_request_is_answered_404() -> None:
    async with subscriber_world() as world:
        callback = world.app.subscriptions.new_callback()
        assert (await ask(world, callback)).status_code == 404


@pytest.mark.spec("S-28", "S-41")
@pytest.mark.parametrize("lease", [None, "", "0", "-1", "x", "864000"])
async def test_the_lease_of_an_unsubscription_is_ignored(lease: str | None) -> None:
    async with subscriber_world() as world:
        await world.subscribe()
        await _ask_to_unsubscribe(world)
        response = await ask(world, mode="unsubscribe", lease_seconds=lease)
        assert (response.status_code, response.content) == (200, CHALLENGE.encode())
        assert world.state() is State.GONE


@pytest.mark.parity("SU9")
async def test_a_service_that_stays_is_still_delivered_to() -> None:
    async with subscriber_world() as world:
        await world.subscribe(UNSIGNED)
        await _ask_to_unsubscribe(world)
        world.service.answers["on_unsubscription_verification"] = UnsubscriptionVerificationError("I stay.")
        assert (await ask(world, mode="unsubscribe", lease_seconds=None)).status_code == 404
        assert (await deliver(world, secret=None)).is_success


async def _ask_to_unsubscribe(world: World) -> None:
    world.hub.verifies = False
    client = SubscriptionClient(world.app.subscriptions, client=world.client)
    await client.unsubscribe(hub=HUB, topic=TOPIC, callback=world.subscription.callback)


@pytest.mark.parity("SU5")
async def test_the_granted_lease_counts_and_not_the_requested_one() -> None:
    async with subscriber_world(lease_seconds=1000) as world:
        await world.request()
        await ask(world, lease_seconds="60")
        (message,) = world.service.of(SubscriptionVerification)
        assert message.lease_seconds == 60
        known = world.subscription
        assert known.expires_at is not None
        assert known.verified_at is not None
        assert known.expires_at - known.verified_at == 60


# --- denial and errors


@pytest.mark.spec("S-30")
@pytest.mark.parity("S3", "S15", "SU4", "SU6")
@pytest.mark.parametrize("reason", [None, "", "not allowed here, & nowhere=else %20 ü"])
@pytest.mark.parametrize("active", [False, True])
@pytest.mark.threat("CAP-5")
async def test_a_denial_ends_a_subscription_at_any_time(reason: str | None, *, active: bool) -> None:
    async with subscriber_world() as world:
        await (world.subscribe(SIGNED) if active else world.request())
        response = await ask(world, mode="denied", reason=reason, challenge=None, lease_seconds=None)
        assert (response.status_code, response.content) == (200, b"")
        (message,) = world.service.of(SubscriptionDenied)
        assert (message.topic, message.reason) == (TOPIC, reason or "")
        assert world.state() is State.DENIED
        assert (await ask(world)).status_code == 404
        assert (await deliver(world)).status_code == 410


@pytest.mark.spec("SEC-18")
@pytest.mark.parametrize("mode", ["denied", "subscribe", "unsubscribe", "hub-error"])
@pytest.mark.threat("CAP-4")
async def test_what_is_said_at_a_guessed_callback_changes_nothing(mode: str) -> None:
    async with subscriber_world() as world:
        before = await world.subscribe()
        guessed = before.callback[:-1] + ("A" if before.callback[-1] != "A" else "B")
        assert (await ask(world, guessed, mode=mode)).status_code == 404
        assert world.app.subscriptions.all() == [before]


@pytest.mark.spec("SEC-18")
async def test_a_lease_beyond_all_measure_is_not_believed() -> None:
    async with subscriber_world(policy=CallbackPolicy(max_lease_seconds=1000)) as world:
        await world.request()
        await ask(world, lease_seconds="9" * 400)
        assert world.events[-1].lease_seconds == 1000


@pytest.mark.parity("S124", "S125")
async def test_an_error_of_the_hub_is_heard_and_an_unknown_mode_is_not() -> None:
    async with subscriber_world() as world:
        await world.subscribe()
        told: dict[str, str | None] = {"challenge": None, "lease_seconds": None, "reason": "broken"}
        assert (await ask(world, mode="hub-error", **told)).status_code == 200
        assert [message.reason for message in world.service.of(HubError)] == ["broken"]
        assert (await ask(world, mode="underground", **told)).status_code == 400


# --- deliveries


@pytest.mark.spec("S-31")
@pytest.mark.parity("S23", "S24", "SU3")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json; charset=utf-8", b'{"a": 1}'),
        ("application/x-www-form-urlencoded", b"a=1&a=%zz"),
        ("application/atom+xml;charset=UTF-8", b"<feed/>"),
        ("multipart/form-data", b"no boundary"),
        ("image/png", b"\x89PNG\x00\xff"),
        ("not a type", b""),
    ],
)
async def test_content_of_any_type_arrives_byte_for_byte(content_type: str, body: bytes) -> None:
    async with subscriber_world() as world:
        await world.subscribe(SIGNED)
        response = await deliver(world, body, Content_Type=content_type)
        (message,) = world.service.of(ContentDistributionMessage)
    assert response.status_code == 202
    assert (message.body, message.content_type) == (body, content_type)


@pytest.mark.parity("S10", "S11", "S12", "S21", "S22")
@pytest.mark.parametrize(
    ("view", "body", "expected"),
    [("json", b'{"a": 1}', {"a": 1}), ("form", b"a=1&b=%C3%BC", {"a": "1", "b": "ü"}), ("text", b"x", "x")],
)
async def test_a_hook_reads_what_was_signed_and_sent(view: str, body: bytes, expected: object) -> None:
    async with subscriber_world() as world:
        await world.subscribe(SIGNED)
        assert (await deliver(world, body)).status_code == 202
        (message,) = world.service.of(ContentDistributionMessage)
        assert getattr(message, view)() == expected


@pytest.mark.parity("S11", "S22")
async def test_xml_reaches_the_hook_as_an_element() -> None:
    async with subscriber_world() as world:
        await world.subscribe(SIGNED)
        await deliver(world, b"<feed><entry/></feed>")
        (message,) = world.service.of(ContentDistributionMessage)
        assert [each.tag for each in message.xml().iter()] == ["feed", "entry"]


ANSWERS = {
    "nothing": None,
    "acknowledged": Acknowledgement(),
    "redirecting": Acknowledgement(status=302, headers={"Location": "https://new.example/"}),
    "deleted": SubscriptionDeletedError("gone"),
    "deleted with a redirect": SubscriptionDeletedError("gone", status=308),
    "failing": ValueError("no disk"),
    "foreign": WebSubError("redirect", status=307),
}


@pytest.mark.spec("S-33")
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("secret", [SECRET, "wrong", None])
async def test_a_delivery_is_never_answered_with_a_redirect(answer: Any, secret: str | None) -> None:
    async with subscriber_world() as world:
        await world.subscribe(SIGNED)
        world.service.answers["on_event_notification"] = answer
        for _ in range(2):
            assert (await deliver(world, secret=secret)).status_code // 100 in {2, 4, 5}


@pytest.mark.spec("S-36", "S-37", "S-38", "S-40", "SEC-12")
@pytest.mark.parity("S13", "S14", "SU1", "SU2")
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        sign("sha256", "another secret", b"\xff\x00"),
        sign("sha256", SECRET, b"\xff"),
        sign("sha256", SECRET, b"\xff\x00").replace("sha256", "sha512"),
        sign("sha256", SECRET, b"\xff\x00").replace("sha256", "sha3_256"),
        sign("sha256", SECRET, b"\xff\x00").partition("=")[2],
        sign("sha1", SECRET, b"\xff\x00"),
    ],
    ids=["missing", "empty", "secret", "body", "method", "unknown", "bare", "weak"],
)
async def test_what_does_not_prove_itself_is_dropped(header: str | None) -> None:
    body = b"\xff\x00"
    async with subscriber_world() as world:
        await world.subscribe(SIGNED)
        signature = {} if header is None else {"X-Hub-Signature": header}
        response = await world.client.post(world.subscription.callback, content=body, headers=signature)
        assert response.status_code // 100 == 4
        assert not world.service.of(ContentDistributionMessage)
        assert [event.kind for event in world.events] == [EventKind.SUBSCRIBED, EventKind.REJECTED]
        assert (await deliver(world, body)).status_code == 202
        assert [message.body for message in world.service.of(ContentDistributionMessage)] == [body]


@pytest.mark.spec("S-39")
@pytest.mark.threat("SIG-11")
async def test_a_wrong_signature_may_be_answered_with_2xx_and_is_dropped_all_the_same() -> None:
    async with subscriber_world(policy=CallbackPolicy(rejected_status=202)) as world:
        await world.subscribe(SIGNED)
        assert (await deliver(world, secret="wrong")).status_code == 202
        assert not world.service.of(ContentDistributionMessage)


@pytest.mark.spec("S-32", "S-35")
@pytest.mark.threat("CAP-3")
async def test_the_callback_alone_says_which_subscription_is_meant() -> None:
    gone, other = Target(hub=HUB, topic=TOPIC, secret=SECRET), Target(hub=HUB, topic=TOPIC + "2", secret=SECRET)
    async with subscriber_world() as world:
        first, second = await world.subscribe(gone), await world.subscribe(other)
        await ask(world, first.callback, mode="denied")
        links = f'<{HUB}>; rel="hub", <{second.topic}>; rel="self"'
        assert (await world.hub.deliver(first.callback, b"x", secret=SECRET, Link=links)).status_code == 410
        links = f'<{HUB}>; rel="hub", <{first.topic}>; rel="self"'
        assert (await world.hub.deliver(second.callback, b"x", secret=SECRET, Link=links)).status_code == 202
        assert [message.topic for message in world.service.of(ContentDistributionMessage)] == [second.topic]


@pytest.mark.spec("S-43")
async def test_no_header_alone_makes_a_delivery_look_like_a_repetition_or_like_another_topic() -> None:
    async with subscriber_world() as world:
        await world.subscribe(SIGNED)
        for body in (b"first", b"second"):
            repeated = {"X-Hub-Message-Id": "1", "Link": '<https://evil.example/>; rel="self"'}
            response = await world.hub.deliver(world.subscription.callback, body, secret=SECRET, **repeated)
            assert response.status_code == 202
        messages = world.service.of(ContentDistributionMessage)
        assert [(message.body, message.topic) for message in messages] == [(b"first", TOPIC), (b"second", TOPIC)]


@pytest.mark.spec("S-34")
async def test_with_a_queue_the_hub_is_answered_before_the_hook_has_run() -> None:
    async with subscriber_world(policy=CallbackPolicy(queue=10)) as world:
        await world.subscribe(SIGNED)
        world.service.answers["on_event_notification"] = ValueError("too late to tell the hub")
        assert (await deliver(world)).status_code == 202


# --- what is never shown


@pytest.mark.spec("SEC-17")
@pytest.mark.threat("CAP-2", "SEC-1")
async def test_no_secret_and_no_callback_is_ever_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with subscriber_world() as world:
        subscription = await world.subscribe(Target(hub=HUB, topic=TOPIC, secret="marker-of-a-secret"))
        world.service.answers["on_event_notification"] = ValueError("the hook failed")
        await deliver(world, secret="marker-of-a-secret")
        await deliver(world, secret="wrong")
        await ask(world, topic="https://pub.example/other")
        world.hub.answers = [(500, {})]
        await world.app.unsubscribe(Target(hub=HUB, topic=TOPIC), seconds=1)
        shown = "\n".join([caplog.text, repr(world.events), repr(world.service.messages), repr(subscription)])
    # The test's own client logs the URLs that it calls.
    ours = [line for line in shown.splitlines() if not line.startswith(("INFO     httpx", "DEBUG    httpcore"))]
    assert "the hook failed" in shown
    assert not [line for line in ours if "marker-of-a-secret" in line or subscription.token in line]


@pytest.mark.spec("SEC-17")
async def test_a_body_over_the_limit_is_refused() -> None:
    async with subscriber_world(limits=EdgeLimits(body_bytes=10)) as world:
        await world.subscribe(SIGNED)
        assert (await deliver(world, b"x" * 10)).status_code == 202
        assert (await deliver(world, b"x" * 11)).status_code == 413


@pytest.mark.parity("S46", "S47", "S48", "S49")
async def test_messages_are_frozen() -> None:
    async with subscriber_world() as world:
        await world.subscribe(SIGNED)
        await deliver(world)
        await world.app.unsubscribe(SIGNED)
        await world.subscribe(Target(hub=HUB, topic=TOPIC + "2"))
        await ask(world, mode="denied", topic=TOPIC + "2")
        kinds = {type(message) for message in world.service.messages}
        for message in world.service.messages:
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                message.topic = "another"
    expected = {SubscriptionVerification, ContentDistributionMessage, UnsubscriptionVerification, SubscriptionDenied}
    assert kinds == expected


@pytest.mark.parity("S1", "S2", "S5", "S43")
async def test_errors_say_their_reason_and_their_own_fields() -> None:
    service = Recorder()
    async with subscriber_world(service) as world:
        await world.request()
        service.answers["on_subscription_verification"] = SubscriptionVerificationError(
            "not & now", body={"message": "later"}, headers={"Retry-After": "5"}
        )
        refused = await ask(world)
        assert (refused.status_code, refused.text) == (404, "reason=not+%26+now&message=later")
        assert refused.headers["retry-after"] == "5"
        service.answers["on_subscription_verification"] = RuntimeError("a secret of the database")
        assert (await ask(world)).text == "reason=subscription+verification+failure"
        del service.answers["on_subscription_verification"]
        await ask(world)
        service.answers["on_event_notification"] = SubscriptionDeletedError("bye", body={"k": "v"})
        last = await deliver(world, secret=world.subscription.secret)
        assert (last.status_code, last.text) == (410, "reason=bye&k=v")
