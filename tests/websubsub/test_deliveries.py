"""What hubs deliver by POST: proven before it is read, and answered so that the hub knows what to do."""

import gzip
import hashlib
import hmac
import json
from typing import Any

import anyio
import pytest

from tests.waiting import until
from tests.websubsub.conftest import HUB, TOPIC, URL, MakeWorld, Recorder, World
from tests.websubsub.hub import ScriptedHub
from websubhub.testing import InMemoryWeb
from websubsub import (
    Acknowledgement,
    CallbackPolicy,
    ContentDistributionMessage,
    ContentError,
    EdgeLimits,
    State,
    SubscriberConfig,
    SubscriptionDeletedError,
    Target,
    WebSubError,
    asgi,
)

SECRET = "s3cret"
TARGET = Target(hub=HUB, topic=TOPIC, secret=SECRET)
UNSIGNED = Target(hub=HUB, topic=TOPIC, signed=False)
BODY = b"hello\n"


@pytest.fixture
async def active(world: World) -> World:
    await world.subscribe(TARGET)
    return world


async def deliver(world: World, body: bytes = BODY, *, secret: str | None = SECRET, **rest: Any) -> Any:
    return await world.hub.deliver(world.subscription.callback, body, secret=secret, **rest)


def signature(body: bytes = BODY, secret: str = SECRET, method: str = "sha256") -> str:
    return f"{method}={hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()}"


# --- the content


@pytest.mark.spec("S-31", "EX-10")
@pytest.mark.parity("S6", "S7", "S8", "S9", "S10", "S11", "S12", "S19", "S20", "S21", "S22", "S48")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"a": 1}'),
        ("application/json; charset=utf-8", b'{"a": 1}'),
        ("application/xml", b"<a/>"),
        ("application/atom+xml;charset=UTF-8", b"<feed/>"),
        ("application/rss+xml", b"<rss/>"),
        ("application/x-www-form-urlencoded", b"a=1&b=%26"),
        ("text/plain", "grüße".encode("latin-1")),
        ("application/octet-stream", bytes(range(256))),
        ("image/png", b"\x89PNG\r\n\x00"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("application/vnd.example+json; v=1", b"{not json"),
        ("nonsense", b""),
    ],
    ids=str,
)
async def test_any_content_arrives_byte_for_byte(active: World, content_type: str, body: bytes) -> None:
    response = await deliver(active, body, Content_Type=content_type)
    assert response.status_code == 202
    (message,) = active.service.of(ContentDistributionMessage)
    assert (message.body, message.content_type, message.topic, message.hub) == (body, content_type, TOPIC, HUB)


@pytest.mark.parity("S108", "S109", "S110", "S111", "S112")
async def test_a_message_has_the_headers_of_the_request(active: World) -> None:
    await deliver(active, X_Custom="a, b")
    (message,) = active.service.of(ContentDistributionMessage)
    assert message.headers["x-custom"] == message.headers["X-CUSTOM"] == "a, b"
    assert message.headers.get("absent") is None
    assert message.headers.get_all("X-Custom") == ("a, b",)


def message(body: bytes, content_type: str = "") -> ContentDistributionMessage:
    return ContentDistributionMessage(hub=HUB, topic=TOPIC, body=body, content_type=content_type)


def test_content_is_read_as_what_it_is_asked_for() -> None:
    assert message(b'{"a": [1]}').json() == {"a": [1]}
    assert message(b"<a><b/></a>").xml().tag == "a"
    assert message("grüße".encode("latin-1"), "text/plain; charset=latin-1").text() == "grüße"
    assert message(b"a=1&b=%26").form() == {"a": "1", "b": "&"}


@pytest.mark.parametrize(
    ("view", "body"),
    [
        ("json", b"{"),
        ("json", b"[" * 100_000),
        ("xml", b"<a>"),
        ("xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
        ("text", b"\xff"),
        ("form", b"a=%ff"),
    ],
)
def test_content_that_is_something_else_is_one_kind_of_error(view: str, body: bytes) -> None:
    with pytest.raises(ContentError):
        getattr(message(body), view)()


def test_the_content_is_not_shown() -> None:
    assert "private" not in repr(message(b"private"))


@pytest.mark.spec("S-35")
async def test_the_callback_says_which_subscription_it_is_whatever_the_links_say(active: World) -> None:
    await deliver(active, Link='<https://evil.example/>; rel="self"')
    assert active.service.of(ContentDistributionMessage)[0].topic == TOPIC


# --- signatures


@pytest.mark.spec("S-17", "S-36", "S-38", "EX-06", "EX-11")
@pytest.mark.parity("S80", "S81", "S82", "S23")
@pytest.mark.parametrize("method", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("change", [str, lambda text: text.partition("=")[0] + "=" + text.partition("=")[2].upper()])
async def test_a_right_signature_proves_a_delivery(active: World, method: str, change: Any) -> None:
    response = await deliver(active, secret=None, X_Hub_Signature=change(signature(method=method)))
    assert response.status_code == 202
    assert len(active.service.of(ContentDistributionMessage)) == 1


GOOD = signature()
WRONG = {
    "missing": None,
    "empty": "",
    "no-digest": "sha256",
    "empty-digest": "sha256=",
    "no-method": GOOD.partition("=")[2],
    "a-digit-too-few": GOOD[:-1],
    "a-digit-too-many": GOOD + "0",
    "colon": GOOD.replace("=", ":"),
    "capitals": GOOD.upper(),
    "two-in-one": f"{GOOD}, {GOOD}",
    "zeros": "sha256=" + "0" * 64,
    "no-hex": "sha256=" + "g" * 64,
    "no-ascii": "sha256=" + "é" * 64,
    "other-secret": signature(secret="other"),
    "other-body": signature(b"other"),
    "weak": signature(method="sha1"),
    "weaker": signature(method="md5"),
    "unknown": signature(method="sha224"),
    "other-method": "sha512" + GOOD.removeprefix("sha256"),
    "long": "x" * 10_000,
}


@pytest.mark.spec("S-37", "S-38", "S-39", "S-40", "EX-12", "EX-13")
@pytest.mark.parity("S13", "S14", "S83", "S24")
@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
@pytest.mark.threat("SIG-2", "SIG-3")
async def test_anything_else_is_rejected_and_never_reaches_the_hook(active: World, value: str | None) -> None:
    headers = {} if value is None else {b"X-Hub-Signature": value.encode("latin-1")}
    response = await active.client.post(active.subscription.callback, content=BODY, headers=headers)
    assert response.status_code == 403
    assert not active.service.of(ContentDistributionMessage)
    assert active.kinds() == ["subscribed", "rejected"]
    assert active.state() is State.ACTIVE


@pytest.mark.threat("SIG-4")
async def test_two_signatures_are_rejected(active: World) -> None:
    headers = [("X-Hub-Signature", GOOD), ("X-Hub-Signature", GOOD)]
    response = await active.client.post(active.subscription.callback, content=BODY, headers=headers)
    assert response.status_code == 403


async def test_the_content_is_not_parsed_before_it_is_proven(active: World) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb">]><a>&b;</a>'
    assert (await deliver(active, bomb, secret="wrong", Content_Type="text/xml")).status_code == 403
    assert (await deliver(active, bomb, Content_Type="text/xml")).status_code == 202


async def test_a_compressed_delivery_is_handed_on_as_it_came(active: World) -> None:
    assert (await deliver(active, gzip.compress(BODY), Content_Encoding="gzip")).status_code == 202
    message = active.service.of(ContentDistributionMessage)[-1]
    assert message.headers["content-encoding"] == "gzip"
    assert gzip.decompress(message.body) == BODY


@pytest.mark.threat("SIG-8")
async def test_a_compressed_delivery_has_to_be_proven_as_it_came(active: World) -> None:
    signature = {"X_Hub_Signature": GOOD}  # that of the content before it was compressed
    answer = await active.hub.deliver(
        active.subscription.callback, gzip.compress(BODY), Content_Encoding="gzip", **signature
    )
    assert answer.status_code == 403
    assert active.kinds() == ["subscribed", "rejected"]


async def test_a_delivery_that_is_too_large_is_told_of(make_world: MakeWorld) -> None:
    world = await make_world(limits=EdgeLimits(body_bytes=10))
    await world.subscribe(TARGET)
    assert (await deliver(world, b"x" * 11)).status_code == 413
    assert world.kinds() == ["subscribed", "rejected"]
    assert world.events[-1].reason == "The body is larger than 10 bytes."
    assert (await world.client.post(URL + "guessed", content=b"x" * 11)).status_code == 413
    assert len(world.events) == 2


@pytest.mark.parametrize("status", [200, 202, 400, 401, 404])
async def test_the_status_of_a_rejection_can_be_chosen(make_world: MakeWorld, status: int) -> None:
    world = await make_world(policy=CallbackPolicy(rejected_status=status))
    await world.subscribe(TARGET)
    assert (await deliver(world, secret="wrong")).status_code == status
    assert not world.service.of(ContentDistributionMessage)


@pytest.mark.parity("S79")
async def test_sha1_proves_a_delivery_where_it_is_allowed(make_world: MakeWorld) -> None:
    world = await make_world(policy=CallbackPolicy(signature_methods=["sha1", "sha256"]))
    await world.subscribe(TARGET)
    assert (await deliver(world, method="sha1")).status_code == 202
    assert (await deliver(world, method="sha512")).status_code == 403


async def test_without_a_secret_nothing_needs_a_signature(world: World) -> None:
    await world.subscribe(UNSIGNED)
    assert "hub.secret" not in world.asked.fields
    assert (await deliver(world, secret=None)).status_code == 202
    assert (await deliver(world, secret="any")).status_code == 202


@pytest.mark.threat("SIG-7")
async def test_the_secret_of_another_subscription_proves_nothing(active: World) -> None:
    other = Target(hub=HUB, topic="https://pub.example/other", secret="other")
    await active.subscribe(other)
    assert (await deliver(active, secret=SECRET)).status_code == 403
    assert (await deliver(active, secret="other")).status_code == 202


@pytest.mark.spec("S-19")
async def test_during_a_renewal_the_old_secret_is_valid_and_the_new_one_too(active: World) -> None:
    token = active.subscription.token
    await active.app.subscriptions.change(token, lambda known: known.requested("next"))
    for secret in (SECRET, "next"):
        assert (await deliver(active, secret=secret)).status_code == 202
    assert (await deliver(active, secret=None)).status_code == 403


async def test_before_the_verification_nothing_is_delivered(world: World) -> None:
    await world.request(TARGET)
    assert (await deliver(world)).status_code == 404
    assert not world.service.messages


# --- what the hook answers


@pytest.mark.spec("S-31", "S-33")
@pytest.mark.parity("S113")
@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (None, 202, b""),
        (Acknowledgement(), 202, b""),
        (Acknowledgement(status=204), 204, b""),
        (Acknowledgement(status=302), 202, b""),
        (Acknowledgement(body={"k": "v", "l": "a&b"}), 202, b"k=v&l=a%26b"),
    ],
    ids=["nothing", "plain", "204", "redirect", "fields"],
)
async def test_a_delivery_that_was_taken(active: World, answer: Any, status: int, body: bytes) -> None:
    active.service.answers["on_event_notification"] = answer
    response = await deliver(active)
    assert (response.status_code, response.content) == (status, body)
    assert (response.headers.get("content-type") == "application/x-www-form-urlencoded") is bool(body)


@pytest.mark.parity("S44", "S45")
@pytest.mark.parametrize(
    "answer",
    [RuntimeError("password=hunter2"), "nonsense", WebSubError("secret things")],
    ids=["error", "text", "base"],
)
async def test_a_hook_that_fails_makes_the_hub_deliver_again(active: World, answer: Any) -> None:
    active.service.answers["on_event_notification"] = answer
    response = await deliver(active, X_Hub_Message_Id="1")
    assert (response.status_code, response.content) == (500, b"reason=internal+server+error")
    active.service.answers.clear()
    assert (await deliver(active, X_Hub_Message_Id="1")).status_code == 202


@pytest.mark.spec("S-32")
@pytest.mark.parity("S2")
async def test_a_service_that_wants_no_more_answers_410_from_then_on(active: World) -> None:
    active.service.answers["on_event_notification"] = SubscriptionDeletedError("bye", body={"k": "v"})
    response = await deliver(active)
    assert (response.status_code, response.content) == (410, b"reason=bye&k=v")
    assert active.state() is State.GONE
    assert (await deliver(active)).status_code == 410
    assert len(active.service.of(ContentDistributionMessage)) == 1


# --- repetitions


async def test_a_message_that_comes_twice_is_handled_once(active: World) -> None:
    for _ in range(3):
        assert (await deliver(active, X_Hub_Message_Id="1")).status_code == 202
    assert (await deliver(active, X_Hub_Message_Id="2")).status_code == 202
    assert len(active.service.of(ContentDistributionMessage)) == 2


async def test_an_id_that_comes_with_other_content_is_no_repetition(active: World) -> None:
    await deliver(active, b"1", X_Hub_Message_Id="1")
    await deliver(active, b"2", X_Hub_Message_Id="1")
    assert [each.body for each in active.service.of(ContentDistributionMessage)] == [b"1", b"2"]


async def test_without_an_id_nothing_is_a_repetition(active: World) -> None:
    await deliver(active)
    await deliver(active)
    assert len(active.service.of(ContentDistributionMessage)) == 2


async def test_only_the_latest_ids_are_remembered(make_world: MakeWorld) -> None:
    world = await make_world(policy=CallbackPolicy(remembered=2))
    await world.subscribe(TARGET)
    for name in ("1", "2", "3", "2", "1"):
        await deliver(world, X_Hub_Message_Id=name)
    assert len(world.service.of(ContentDistributionMessage)) == 4


class Gate:
    """Holds the hook until it is opened."""

    def __init__(self) -> None:
        self.opened = anyio.Event()
        self.entered = anyio.Event()

    async def __call__(self) -> None:
        self.entered.set()
        await self.opened.wait()


async def test_a_message_that_is_still_handled_is_to_come_again_later(active: World) -> None:
    gate = Gate()
    active.service.answers["on_event_notification"] = gate
    async with anyio.create_task_group() as tasks:

        async def first() -> None:
            assert (await deliver(active, X_Hub_Message_Id="1")).status_code == 202

        tasks.start_soon(first)
        await gate.entered.wait()
        response = await deliver(active, X_Hub_Message_Id="1")
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        gate.opened.set()
    assert len(active.service.of(ContentDistributionMessage)) == 1


# --- queue and limits


@pytest.mark.spec("S-34")
async def test_a_queue_answers_first_and_keeps_the_order(make_world: MakeWorld) -> None:
    world = await make_world(policy=CallbackPolicy(queue=3))
    await world.subscribe(TARGET)
    gate = Gate()
    world.service.answers["on_event_notification"] = gate
    assert (await deliver(world, b"0")).status_code == 202
    await gate.entered.wait()
    statuses = [(await deliver(world, str(number).encode())).status_code for number in range(1, 6)]
    assert statuses == [202, 202, 202, 503, 503]
    gate.opened.set()
    await until(lambda: len(world.service.of(ContentDistributionMessage)) == 4)
    assert [each.body for each in world.service.of(ContentDistributionMessage)] == [b"0", b"1", b"2", b"3"]


async def test_a_queued_delivery_may_end_the_subscription(make_world: MakeWorld) -> None:
    world = await make_world(policy=CallbackPolicy(queue=3))
    await world.subscribe(TARGET)
    world.service.answers["on_event_notification"] = SubscriptionDeletedError("bye")
    assert (await deliver(world)).status_code == 202
    await world.until(lambda known: known.state is State.GONE, TARGET)
    assert (await deliver(world)).status_code == 410


async def test_what_waits_in_the_queue_is_done_before_the_end() -> None:
    web = InMemoryWeb()
    service = Recorder()
    async with web.client() as client:
        hub = ScriptedHub(client)
        config = SubscriberConfig(url="https://sub.example/", targets=TARGET, policy=CallbackPolicy(queue=10))
        app = asgi(service, config, client=client)
        web["hub.example"] = hub
        web["sub.example"] = app
        async with app:
            app.listening()
            world = World(web=web, client=client, hub=hub, service=service, app=app, events=[])
            await world.until(lambda known: known.delivers, TARGET)
            for number in range(5):
                assert (await deliver(world, str(number).encode())).status_code == 202
    assert [each.body for each in service.of(ContentDistributionMessage)] == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.threat("BODY-1")
async def test_a_body_over_the_limit_is_refused_unread(make_world: MakeWorld) -> None:
    world = await make_world(limits=EdgeLimits(body_bytes=100))
    await world.subscribe(TARGET)
    assert (await deliver(world, b"x" * 100)).status_code == 202
    assert (await deliver(world, b"x" * 101)).status_code == 413


async def test_the_observer_may_fail(make_world: MakeWorld) -> None:
    def observer(event: object) -> None:
        raise RuntimeError(event)

    world = await make_world(observer=observer)
    await world.subscribe(TARGET)
    assert (await deliver(world)).status_code == 202


async def test_a_subscriber_that_nobody_entered_answers_all_the_same() -> None:
    app = asgi(Recorder(), SubscriberConfig(url="https://sub.example/"))
    with pytest.raises(RuntimeError, match="not running"):
        app.subscribe("https://pub.example/")


def test_json_of_a_message_is_what_json_says() -> None:
    assert message(json.dumps({"ü": None}).encode()).json() == {"ü": None}
