"""Requests of one topic and callback take effect one after the other, and the newest of them has the last word."""

import gc
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import anyio
import httpx
import pytest

from _websub.calls.client import HttpClient
from _websub.grammar.forms import write_form
from _websub.http import Request
from tests.conformance.hubs import (
    CALLBACK,
    FORM,
    HUB,
    TOPIC,
    Hub,
    RawCallback,
    World,
    assert_is_one_plain_sentence,
    subscription_fields,
    world,
)
from tests.waiting import PATIENCE, until
from websubhub import HubConfig, SubscriptionAccepted, UnsubscriptionAccepted, asgi
from websubhub._dispatch.dispatcher import Dispatcher
from websubhub._dispatch.pairs import PairOrder
from websubhub.testing import InMemoryWeb

SUBSCRIBED, UNSUBSCRIBED = "on_subscription_intent_verified", "on_unsubscription_intent_verified"


class SlowCallback:
    """A callback that confirms each verification request when the test lets it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._released: dict[int, anyio.Event] = {}
        self._changed = anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002 - ASGI
        query = dict(parse_qsl(scope["query_string"].decode()))
        number = len(self.asked)
        self.asked.append(query["hub.mode"])
        self._released[number] = anyio.Event()
        self._changed.set()
        await self._released[number].wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": query["hub.challenge"].encode()})

    async def release(self, number: int) -> None:
        with anyio.fail_after(PATIENCE):
            while number not in self._released:
                self._changed = anyio.Event()
                await self._changed.wait()
        self._released[number].set()


def _verified(hub: Hub) -> list[str]:
    return [name for name in hub.called if name in {SUBSCRIBED, UNSUBSCRIBED}]


async def test_a_request_that_comes_while_an_older_one_is_verified_is_verified_after_it() -> None:
    hub, callback = Hub(), SlowCallback()
    async with world(hub, entered=True) as w:
        w.web["subscriber.example"] = callback
        await w.subscribe()
        await until(lambda: callback.asked == ["subscribe"])
        await w.subscribe(mode="unsubscribe")
        await anyio.wait_all_tasks_blocked()
        assert callback.asked == ["subscribe"], "the older one is not finished"
        await callback.release(0)
        await callback.release(1)
        await until(lambda: len(_verified(hub)) == 2)
    assert _verified(hub) == [SUBSCRIBED, UNSUBSCRIBED]


async def test_of_many_requests_the_first_and_the_newest_are_verified() -> None:
    hub, callback = Hub(), SlowCallback()
    async with world(hub, entered=True) as w:
        w.web["subscriber.example"] = callback
        await w.subscribe(secret="older")
        await until(lambda: callback.asked)
        for _ in range(24):
            await w.subscribe(secret="superseded")
            await w.subscribe(mode="unsubscribe")
        await w.subscribe(secret="newest")
        await anyio.wait_all_tasks_blocked()
        await callback.release(0)
        await callback.release(1)
        await until(lambda: len(_verified(hub)) == 2)
        await anyio.wait_all_tasks_blocked()
        assert callback.asked == ["subscribe", "subscribe"]
    assert [message.secret for message in hub.messages(SUBSCRIBED)] == ["older", "newest"]


async def test_two_spellings_of_one_url_are_the_same_pair_and_other_pairs_do_not_wait() -> None:
    hub, callback = Hub(), SlowCallback()
    async with world(hub, entered=True) as w:
        w.web["subscriber.example"] = callback
        await w.subscribe(callback="https://subscriber.example/%7Ejoe")
        await until(lambda: callback.asked)
        await w.subscribe(callback="https://subscriber.example/~joe", mode="unsubscribe")
        await w.subscribe(callback="https://subscriber.example/ann")
        await until(lambda: len(callback.asked) == 2)
        await callback.release(1)
        await until(lambda: _verified(hub))
        assert hub.message(SUBSCRIBED).callback == "https://subscriber.example/ann"
        await callback.release(0)
        await callback.release(2)
        await until(lambda: len(_verified(hub)) == 3)
    assert _verified(hub) == [SUBSCRIBED, SUBSCRIBED, UNSUBSCRIBED]


async def test_a_request_that_waits_for_its_next_attempt_is_given_up_for_a_newer_one() -> None:
    hub = Hub()
    async with world(hub, entered=True, verification_delays=(0.0, 3_600.0)) as w:
        w.web.down.add("subscriber.example")
        await w.subscribe()
        await until(lambda: len(w.web.requests) == 2)
        await anyio.wait_all_tasks_blocked()
        w.web.down.clear()
        await w.subscribe(mode="unsubscribe")
        await until(lambda: _verified(hub))
    assert _verified(hub) == [UNSUBSCRIBED]


@pytest.mark.parametrize("verified", [False, True])
async def test_the_last_of_50_requests_at_once_has_the_last_word(verified: bool) -> None:  # noqa: FBT001
    hub = Hub(
        on_subscription=SubscriptionAccepted(verified=verified),
        on_unsubscription=UnsubscriptionAccepted(verified=verified),
    )
    async with world(hub, entered=True) as w:
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(_ask, w, number)
        await anyio.wait_all_tasks_blocked()
    accepted = [name for name in hub.called if name in {"on_subscription", "on_unsubscription"}]
    assert len(accepted) == 50
    assert _verified(hub)[-1] == f"{accepted[-1]}_intent_verified"
    if accepted[-1] == "on_subscription":
        assert hub.messages(SUBSCRIBED)[-1].secret == hub.messages("on_subscription")[-1].secret


async def _ask(w: World, number: int) -> None:
    await w.subscribe(mode="subscribe" if number % 2 else "unsubscribe", secret=str(number))


# --- the order by itself ----------------------------------------------------------------------------------------------


async def test_a_request_whose_follow_up_never_begins_is_in_nobodys_way() -> None:
    order, done = PairOrder(), list[int]()
    first = order.accept(TOPIC, CALLBACK)
    lost = order.accept(TOPIC, CALLBACK)
    await first.run(lambda _: _note(done, 1))
    assert done == [1], "a newer one that has not begun takes nothing away"
    del lost
    await order.accept(TOPIC, CALLBACK).run(lambda _: _note(done, 3))
    assert done == [1, 3]


async def test_a_request_whose_follow_up_begins_after_that_of_a_newer_one_is_not_followed_up() -> None:
    order, done = PairOrder(), list[int]()
    older, newer = order.accept(TOPIC, CALLBACK), order.accept(TOPIC, CALLBACK)
    await newer.run(lambda _: _note(done, 2))
    await older.run(lambda _: _note(done, 1))
    assert done == [2]


async def test_pairs_that_are_done_take_no_memory() -> None:
    order, done = PairOrder(), list[int]()
    for number in range(100):
        await order.accept(TOPIC, f"https://subscriber.example/{number}").run(lambda _, n=number: _note(done, n))  # type: ignore[misc]
        order.accept(TOPIC, f"https://subscriber.example/unused/{number}")
    gc.collect()
    assert done == list(range(100))
    assert len(order._pairs) == 0


async def test_a_follow_up_that_fails_or_is_cancelled_lets_the_next_one_go_on() -> None:
    order, done = PairOrder(), list[int]()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await order.accept(TOPIC, CALLBACK).run(lambda _: anyio.sleep_forever())
    with pytest.raises(ValueError, match="broken"):
        await order.accept(TOPIC, CALLBACK).run(_fail)
    await order.accept(TOPIC, CALLBACK).run(lambda _: _note(done, 1))
    assert done == [1]


async def _note(done: list[int], number: int) -> None:
    await anyio.lowlevel.checkpoint()
    done.append(number)


async def _fail(_: object) -> None:
    raise ValueError("broken")


# --- answers that say "not now" ---------------------------------------------------------------------------------------


def _not_now(status: int, *headers: tuple[str, str]) -> Callable[[bytes], Any]:
    return lambda challenge: (status, list(headers), challenge)


def _confirms(challenge: bytes) -> Any:
    return 200, [], challenge


async def _pauses(
    *answers: Any, delays: tuple[float, ...] = (0.0, 30.0, 120.0)
) -> tuple[Hub, RawCallback, list[float]]:
    """What a hub did about a subscription whose callback answers like this, and how long it waited in between."""
    hub, callback, pauses, web = Hub(), RawCallback(*answers), list[float](), InMemoryWeb()
    web["subscriber.example"] = callback

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await anyio.lowlevel.checkpoint()

    async with web.client() as client:
        config = HubConfig(url=HUB, verification_delays=delays)
        dispatcher = Dispatcher(hub, config, HttpClient(client), clock=lambda: 784_111_777.0, sleep=sleep)
        body = write_form(subscription_fields()).encode()
        answer = await dispatcher.handle(Request(method="POST", url=HUB, headers=[("Content-Type", FORM)], body=body))
        assert answer.response.status == 202
        then: Callable[[], Awaitable[object]] | None = answer.then
        assert then is not None
        await then()
    return hub, callback, pauses


@pytest.mark.spec("H-10", "H-36")
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_a_callback_that_says_not_now_is_tried_again(status: int) -> None:
    hub, callback, pauses = await _pauses(_not_now(status), _not_now(status), _confirms)
    assert pauses == [30.0, 120.0]
    assert len({query["hub.challenge"] for query in callback.queries()}) == 3
    assert _verified(hub) == [SUBSCRIBED]


@pytest.mark.spec("H-10", "H-36")
@pytest.mark.parametrize("status", [404, 400, 410, 302])
async def test_a_callback_that_says_no_after_not_now_has_said_no(status: int) -> None:
    hub, callback, _ = await _pauses(_not_now(503), _not_now(status), _confirms)
    assert len(callback.requests) == 2
    assert not _verified(hub)


async def test_a_callback_that_never_can_is_given_up() -> None:
    hub, callback, pauses = await _pauses(_not_now(503))
    assert (len(callback.requests), pauses) == (3, [30.0, 120.0])
    assert not _verified(hub)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("0", 30.0),
        ("29", 30.0),
        ("45", 45.0),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 30.0),
        ("86400", 600.0),
        ("9" * 5000, 600.0),
        ("soon", 30.0),
    ],
)
async def test_a_callback_may_ask_for_a_longer_pause_and_not_for_a_shorter_one(asked: str, pause: float) -> None:
    _, _, pauses = await _pauses(_not_now(503, ("Retry-After", asked)), _confirms)
    assert pauses == [pause]


# --- callbacks that can never be called -------------------------------------------------------------------------------

NEVER = [
    "http://127.0.0.1/callback",
    "https://10.1.2.3:8443/",
    "http://169.254.169.254/latest",
    "http://[::1]/",
    "http://[fd00::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://0.0.0.0/",
    "http://localhost:8080/",
    "http://LocalHost./",
    "http://api.localhost/",
]


@pytest.mark.spec("SEC-15")
@pytest.mark.parametrize("callback", NEVER)
@pytest.mark.parametrize("mode", ["subscribe", "unsubscribe"])
async def test_a_callback_that_can_never_be_called_is_refused_at_once(mode: str, callback: str) -> None:
    hub = Hub()
    response = await _asked(hub, HubConfig(url=HUB), mode, callback)
    assert response.status_code == 400
    assert_is_one_plain_sentence(response, "hub.callback")
    assert not hub.calls


@pytest.mark.parametrize(
    ("config", "callback"),
    [
        (HubConfig(url=HUB), "https://subscriber.example/"),
        (HubConfig(url=HUB), "http://8.8.8.8/"),
        (HubConfig(url=HUB), "https://localhost.example/"),
        (HubConfig(url="http://127.0.0.1:8080/hub"), "http://127.0.0.1/"),
        (HubConfig(url="http://localhost/hub"), "http://localhost:1/"),
        (HubConfig(url=HUB, allow_networks=["10.0.0.0/8"]), "http://10.1.2.3/"),
        (HubConfig(url=HUB, allow_networks=["::1/128"]), "http://localhost/"),
    ],
)
async def test_a_callback_that_may_be_called_is_taken(config: HubConfig, callback: str) -> None:
    hub = Hub(on_subscription=SubscriptionAccepted(deferred=True))
    assert (await _asked(hub, config, "subscribe", callback)).status_code == 202


async def _asked(hub: Hub, config: HubConfig, mode: str, callback: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi(hub, config))) as client:
        return await client.post(config.public_url, data=subscription_fields(mode=mode, callback=callback))
