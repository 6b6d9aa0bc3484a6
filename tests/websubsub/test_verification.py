"""What hubs ask and tell by GET: only what is wanted is confirmed."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.clock import anyio_backend_with_fake_clock as anyio_backend  # noqa: F401 - the event loops of this module
from tests.websubsub.conftest import TARGET, TOPIC, MakeWorld, World
from websubsub import (
    Acknowledgement,
    CallbackPolicy,
    HubError,
    State,
    SubscriptionDenied,
    SubscriptionVerification,
    SubscriptionVerificationError,
    SubscriptionVerificationSuccess,
    UnsubscriptionVerification,
    UnsubscriptionVerificationError,
)

CHALLENGE = "Zk3_w-81Q.b+/="
VERIFY = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": CHALLENGE, "hub.lease_seconds": "864000"}


async def ask(world: World, **changes: str | None) -> httpx.Response:
    fields = VERIFY | {f"hub.{name}": value for name, value in changes.items()}
    callback = world.subscription.callback
    return await world.hub.tell(callback, {name: value for name, value in fields.items() if value is not None})


@pytest.fixture
async def pending(world: World) -> World:
    """A world whose subscriber has asked, and whose hub has not verified."""
    await world.request()
    return world


@pytest.fixture
async def active(world: World) -> World:
    await world.subscribe()
    return world


@pytest.mark.spec("S-22", "S-23", "S-25", "S-26", "EX-08")
@pytest.mark.parity("S4", "S16", "S47")
async def test_a_pending_subscription_is_confirmed_with_the_challenge_alone(pending: World) -> None:
    response = await ask(pending)
    assert response.status_code == 200
    assert response.content == CHALLENGE.encode()
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-length"] == str(len(CHALLENGE))
    assert pending.state() is State.ACTIVE
    (message,) = pending.service.of(SubscriptionVerification)
    assert (message.topic, message.lease_seconds, message.hub) == (TOPIC, 864_000, TARGET.hub)


@pytest.mark.spec("S-22", "S-24", "S-27", "EX-09")
@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "https://pub.example/other"},
        {"topic": None},
        {"topic": ""},
        {"topic": TOPIC.upper()},
        {"mode": "unsubscribe"},
        {"challenge": None},
        {"challenge": ""},
        {"challenge": "x" * 513},
        {"challenge": "<script>"},
        {"challenge": "a b"},
        {"challenge": "\x00\xff"},
        {"lease_seconds": "0"},
        {"lease_seconds": "-1"},
        {"lease_seconds": "1.5"},
        {"lease_seconds": "ten"},
        {"lease_seconds": "١٢"},
    ],
    ids=str,
)
@pytest.mark.threat("CH-5")
async def test_what_cannot_be_confirmed_is_answered_404_and_changes_nothing(
    pending: World, changes: dict[str, str | None]
) -> None:
    response = await ask(pending, **changes)
    assert response.status_code == 404
    assert CHALLENGE.encode() not in response.content
    assert response.headers["x-content-type-options"] == "nosniff"
    assert pending.state() is State.REQUESTED
    assert not pending.service.messages
    assert pending.kinds() == ["refused"]


@pytest.mark.parametrize("name", ["hub.topic", "hub.challenge", "hub.mode", "hub.lease_seconds"])
async def test_a_parameter_that_comes_twice_is_answered_404(pending: World, name: str) -> None:
    callback = httpx.URL(pending.subscription.callback).copy_merge_params(VERIFY)
    response = await pending.client.get(callback.copy_add_param(name, VERIFY[name]))
    assert response.status_code == 404
    assert pending.state() is State.REQUESTED


@pytest.mark.parity("S125")
@pytest.mark.parametrize("mode", [None, "", "publish", "Subscribe", "x" * 1000])
async def test_an_unknown_mode_is_answered_400(active: World, mode: str | None) -> None:
    response = await ask(active, mode=mode)
    assert response.status_code == 400
    assert active.state() is State.ACTIVE


@pytest.mark.parametrize("path", ["", "cb/", "cb/guess", "cb/guess/more", "other"])
async def test_a_callback_that_was_never_given_out_is_answered_404(active: World, path: str) -> None:
    for mode in ("subscribe", "denied"):
        response = await active.hub.tell(f"https://sub.example/{path}", VERIFY | {"hub.mode": mode})
        assert response.status_code == 404
    assert (await active.client.post(f"https://sub.example/{path}", content=b"x")).status_code == 404
    assert active.state() is State.ACTIVE


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(active: World, method: str) -> None:
    response = await active.client.request(method, active.subscription.callback)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("lease", [None, "", "00864000"])
async def test_a_lease_may_be_missing_as_old_hubs_do(pending: World, lease: str | None) -> None:
    assert (await ask(pending, lease_seconds=lease)).status_code == 200
    assert pending.service.messages[0].lease_seconds == 864_000


@pytest.mark.parametrize("lease", ["315359999", "9" * 5000])
async def test_a_huge_lease_is_not_believed(pending: World, lease: str) -> None:
    assert (await ask(pending, lease_seconds=lease)).status_code == 200
    assert pending.service.messages[0].lease_seconds == 2_592_000
    subscription = pending.subscription
    assert subscription.verified_at is not None
    assert subscription.expires_at == subscription.verified_at + 2_592_000


async def test_two_spellings_of_unreserved_characters_are_one_topic(pending: World) -> None:
    assert (await ask(pending, topic=TOPIC.replace("feed", "%66eed"))).status_code == 200


@pytest.mark.parametrize("challenge", ["a b", "ü<>"])
async def test_old_hubs_may_send_any_characters_if_allowed(make_world: MakeWorld, challenge: str) -> None:
    world = await make_world(policy=CallbackPolicy(any_challenge=True))
    await world.request()
    response = await ask(world, challenge=challenge)
    assert response.content == challenge.encode()
    assert response.headers["content-type"] == "application/octet-stream"


@pytest.mark.spec("S-22")
async def test_a_subscription_that_is_still_wanted_is_confirmed_unasked(active: World) -> None:
    before = active.subscription
    assert (await ask(active, lease_seconds="1000")).status_code == 200
    after = active.subscription
    assert after.state is State.ACTIVE
    assert after.secret == before.secret
    assert active.kinds() == ["subscribed", "renewed"]


def returning(error: Exception) -> Callable[[], Awaitable[Exception]]:
    """The other way to say no."""

    async def answer() -> Exception:
        return error

    return answer


@pytest.mark.parity("S1", "S5", "S18", "S26", "S38", "S43")
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (SubscriptionVerificationError("no thanks & bye"), b"reason=no+thanks+%26+bye"),
        (returning(SubscriptionVerificationError("changed", body={"message": "it"})), b"reason=changed&message=it"),
        (RuntimeError("password=hunter2"), b"reason=subscription+verification+failure"),
        ("yes", b"reason=subscription+verification+failure"),
        (Acknowledgement(), b"reason=subscription+verification+failure"),
    ],
    ids=["raised", "returned", "unexpected", "text", "foreign"],
)
async def test_a_service_may_change_its_mind(pending: World, answer: Any, body: bytes) -> None:
    pending.service.answers["on_subscription_verification"] = answer
    response = await ask(pending)
    assert (response.status_code, response.content) == (404, body)
    assert pending.state() is State.REQUESTED


async def test_a_confirmation_may_bring_headers_but_no_other_type(pending: World) -> None:
    headers = {"Content-Type": "text/html", "X-Seen": "yes"}
    pending.service.answers["on_subscription_verification"] = SubscriptionVerificationSuccess(headers=headers)
    response = await ask(pending)
    assert response.headers.get_list("content-type") == ["application/octet-stream"]
    assert response.headers["x-seen"] == "yes"


@pytest.mark.spec("S-28", "S-41")
@pytest.mark.parity("S49")
@pytest.mark.parametrize("lease", [None, "", "nonsense", "-5"])
async def test_an_unsubscription_that_was_asked_for_is_confirmed(active: World, lease: str | None) -> None:
    active.hub.verifies = False
    await active.app.unsubscribe(TARGET, seconds=0.01)
    assert active.state() is State.UNSUBSCRIBING
    response = await ask(active, mode="unsubscribe", lease_seconds=lease)
    assert (response.status_code, response.text) == (200, CHALLENGE)
    assert active.state() is State.GONE
    assert len(active.service.of(UnsubscriptionVerification)) == 1
    assert (await ask(active)).status_code == 404
    assert (await ask(active, mode="unsubscribe")).status_code == 200


async def test_a_service_may_stay_after_all(active: World) -> None:
    active.service.answers["on_unsubscription_verification"] = UnsubscriptionVerificationError("stay")
    assert not await active.app.unsubscribe(TARGET, seconds=0.01)
    assert (await ask(active, mode="unsubscribe")).content == b"reason=stay"
    assert active.state() is State.UNSUBSCRIBING


async def test_an_unsubscription_nobody_asked_for_is_not_confirmed(active: World) -> None:
    assert (await ask(active, mode="unsubscribe")).status_code == 404
    assert active.state() is State.ACTIVE


@pytest.mark.spec("S-30")
@pytest.mark.parity("S3", "S15", "S17", "S46")
@pytest.mark.parametrize("reason", [None, "", "not allowed here, sorry", "x" * 10_000])
@pytest.mark.parametrize("topic", [TOPIC, None], ids=["topic", "no-topic"])
async def test_a_denial_ends_a_subscription_even_an_active_one(
    active: World, reason: str | None, topic: str | None
) -> None:
    response = await ask(active, mode="denied", topic=topic, challenge=None, lease_seconds=None, reason=reason)
    assert (response.status_code, response.content) == (200, b"")
    (message,) = active.service.of(SubscriptionDenied)
    assert (message.topic, message.reason) == (TOPIC, reason or "")
    assert active.state() is State.DENIED
    assert active.kinds() == ["subscribed", "denied"]
    assert (await active.hub.deliver(active.subscription.callback, b"x")).status_code == 410


async def test_a_denial_of_another_topic_changes_nothing(active: World) -> None:
    assert (await ask(active, mode="denied", topic="https://pub.example/other")).status_code == 404
    assert active.state() is State.ACTIVE


async def test_what_was_denied_can_be_asked_for_again(active: World) -> None:
    await ask(active, mode="denied")
    callback = active.subscription.callback
    again = await active.subscribe()
    assert (again.state, again.callback) == (State.ACTIVE, callback)


@pytest.mark.parity("S42")
@pytest.mark.parametrize("answer", [RuntimeError("boom"), Acknowledgement(body={"a": "b"}), "nonsense"], ids=str)
@pytest.mark.parametrize("mode", ["denied", "hub-error"])
async def test_whatever_a_hook_thinks_of_it_the_hub_was_heard(active: World, answer: Any, mode: str) -> None:
    hooks = {"denied": "on_subscription_validation_denied", "hub-error": "on_hub_error"}
    active.service.answers[hooks[mode]] = answer
    assert (await ask(active, mode=mode)).is_success


@pytest.mark.parity("S124")
async def test_an_error_of_the_hub_is_told_and_changes_nothing(active: World) -> None:
    response = await ask(active, mode="hub-error", reason="disk full")
    assert response.status_code == 200
    (message,) = active.service.of(HubError)
    assert (message.topic, message.reason) == (TOPIC, "disk full")
    assert active.state() is State.ACTIVE


async def test_extra_parameters_and_headers_reach_the_hook(pending: World) -> None:
    fields = VERIFY | {"hub.verify_token": "old", "foo": "bar"}
    await pending.client.get(pending.subscription.callback, params=fields, headers={"X-Trace": "7"})
    (message,) = pending.service.of(SubscriptionVerification)
    assert message.extras == {"hub.verify_token": "old", "foo": "bar"}
    assert message.headers["x-trace"] == "7"
