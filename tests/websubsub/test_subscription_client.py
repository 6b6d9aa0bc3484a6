"""Requests to hubs: remembered before they go out, and repeated where a redirect keeps the method."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.websubsub.conftest import HUB, TOPIC, URL, World
from tests.websubsub.hub import ScriptedHub
from websubhub.testing import InMemoryWeb
from websubsub import InsecureSecretError, State, SubscriptionClient, SubscriptionInitiationError
from websubsub._state.subscriptions import Subscriptions

CALLBACK = URL + "abc?foo=bar&flag"


@pytest.fixture
async def web() -> AsyncIterator[tuple[InMemoryWeb, ScriptedHub, SubscriptionClient, Subscriptions]]:
    web = InMemoryWeb()
    async with web.client() as client:
        hub = ScriptedHub(client, verifies=False)
        web["hub.example"] = hub
        web["other.example"] = hub
        subscriptions = Subscriptions(URL)
        async with SubscriptionClient(subscriptions, client=client) as subscription_client:
            yield web, hub, subscription_client, subscriptions


Parts = tuple[InMemoryWeb, ScriptedHub, SubscriptionClient, Subscriptions]


@pytest.mark.spec("S-02", "S-03", "S-04", "S-05", "S-06", "S-12", "S-20", "EX-04")
@pytest.mark.parity("S115")
async def test_a_minimal_request(web: Parts) -> None:
    _, hub, client, _ = web
    answer = await client.subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)
    (asked,) = hub.asked
    assert asked.fields == {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": CALLBACK}
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (answer.status, answer.hub, answer.topic, answer.callback) == (202, HUB, TOPIC, CALLBACK)


@pytest.mark.spec("S-11", "S-13", "S-18")
@pytest.mark.parity("S56", "S116")
async def test_a_request_with_everything(web: Parts) -> None:
    _, hub, client, _ = web
    await client.subscribe(
        hub=HUB + "?key=1",
        topic=TOPIC,
        callback=CALLBACK,
        lease_seconds=864_000,
        secret="grün & blau",
        parameters={"foo": "bar"},
        headers={"Authorization": "Bearer t", "Content-Type": "text/html"},
    )
    (asked,) = hub.asked
    assert asked.fields == {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.callback": CALLBACK,
        "hub.lease_seconds": "864000",
        "hub.secret": "grün & blau",
        "foo": "bar",
    }
    assert asked.headers["authorization"] == "Bearer t"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.spec("S-41", "EX-07")
@pytest.mark.parity("S62", "S117")
async def test_an_unsubscription(web: Parts) -> None:
    _, hub, client, _ = web
    await client.unsubscribe(hub=HUB, topic=TOPIC, callback=CALLBACK, parameters={"a": "b"}, headers={"X-Key": "k"})
    (asked,) = hub.asked
    assert asked.fields == {"hub.mode": "unsubscribe", "hub.topic": TOPIC, "hub.callback": CALLBACK, "a": "b"}
    assert asked.headers["x-key"] == "k"


@pytest.mark.spec("S-22")
async def test_what_is_asked_for_is_remembered_before_the_request(web: Parts) -> None:
    inside, _, client, subscriptions = web
    seen: list[Any] = []

    async def hub(_: Any, __: Any, send: Any) -> None:
        seen.append(subscriptions.get("abc"))
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    inside["hub.example"] = hub
    await client.subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK, secret="s")
    await client.unsubscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)
    assert [each.state for each in seen] == [State.REQUESTED, State.UNSUBSCRIBING]
    assert seen[0].next_secret == "s"


async def test_a_callback_serves_one_topic(web: Parts) -> None:
    _, hub, client, _ = web
    await client.subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)
    with pytest.raises(ValueError, match="another topic"):
        await client.subscribe(hub=HUB, topic=TOPIC + "2", callback=CALLBACK)
    assert len(hub.asked) == 1


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_every_2xx_means_that_the_hub_will_ask(web: Parts, status: int) -> None:
    _, hub, client, subscriptions = web
    hub.answers = [(status, {})]
    assert (await client.subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)).status == status
    known = subscriptions.get("abc")
    assert known is not None
    assert known.state is State.REQUESTED


@pytest.mark.parity("S55", "S59")
@pytest.mark.parametrize("status", [400, 404, 409, 422, 429, 500, 503, 300, 304])
async def test_what_the_hub_refuses_is_an_error_with_its_words(web: Parts, status: int) -> None:
    _, hub, client, _ = web
    hub.answers = [(status, {"X-Why": "because"})]
    with pytest.raises(SubscriptionInitiationError) as refused:
        await client.subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)
    assert refused.value.status == status
    assert refused.value.headers["x-why"] == "because"
    assert str(status) in str(refused.value)
    assert ("said the hub" in str(refused.value)) is (status >= 400)
    assert CALLBACK not in str(refused.value)


async def test_a_hub_that_is_down_is_an_error(web: Parts) -> None:
    inside, _, client, _ = web
    inside.down.add("hub.example")
    with pytest.raises(SubscriptionInitiationError, match=r"hub\.example: no connection") as failed:
        await client.unsubscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)
    assert failed.value.status == 0


async def test_an_answer_without_end_is_an_error(web: Parts) -> None:
    inside, _, client, _ = web

    async def hub(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100_000})

    inside["hub.example"] = hub
    with pytest.raises(SubscriptionInitiationError, match="too large"):
        await client.subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)


# --- redirects


@pytest.mark.spec("S-21")
@pytest.mark.parity("S65")
@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("location", ["https://other.example/elsewhere?a=1", "/elsewhere", "?a=1", "/elsewhere#top"])
async def test_a_redirect_that_keeps_the_method_is_followed(web: Parts, status: int, location: str) -> None:
    _, hub, client, _ = web
    hub.answers = [(status, {"Location": location}), (307, {"Location": location}), (202, {})]
    answer = await client.subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK, secret="s", headers={"X-Key": "k"})
    first, _, last = hub.asked
    assert last.fields == first.fields
    assert last.headers["x-key"] == "k"
    assert answer.hub == str(httpx.URL(HUB).join(location.partition("#")[0]))


@pytest.mark.parity("S66")
async def test_redirects_end_somewhere(web: Parts) -> None:
    _, hub, client, _ = web
    hub.answers = [(307, {"Location": "/next"})] * 10
    with pytest.raises(SubscriptionInitiationError, match="redirects too often"):
        await client.subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)
    assert len(hub.asked) == 4


@pytest.mark.parametrize(
    ("status", "location", "complaint"),
    [
        (301, "/next", "answered 301"),
        (302, "/next", "answered 302"),
        (303, "/next", "answered 303"),
        (307, None, "answered 307"),
        (307, "http://other.example/", "from https to http"),
        (307, "ftp://other.example/", "to an unusable URL"),
        (308, "https://user@other.example/", "to an unusable URL"),
    ],
)
async def test_other_redirects_are_refused(web: Parts, status: int, location: str | None, complaint: str) -> None:
    _, hub, client, _ = web
    hub.answers = [(status, {"Location": location} if location else {})]
    with pytest.raises(SubscriptionInitiationError, match=complaint):
        await client.subscribe(hub=HUB, topic=TOPIC, callback=CALLBACK)
    assert len(hub.asked) == 1


# --- secrets


@pytest.mark.spec("S-15")
async def test_a_secret_does_not_travel_in_the_clear(web: Parts) -> None:
    inside, hub, client, subscriptions = web
    with pytest.raises(InsecureSecretError, match="has no https"):
        await client.subscribe(hub="http://hub.example/", topic=TOPIC, callback=CALLBACK, secret="s")
    assert not hub.asked
    assert not subscriptions.all()
    await client.subscribe(hub="http://hub.example/", topic=TOPIC, callback=CALLBACK)
    allowing = SubscriptionClient(client=inside.client(), insecure_secrets=True)
    await allowing.subscribe(hub="http://hub.example/", topic=TOPIC, callback=CALLBACK, secret="s")
    assert hub.asked[-1].fields["hub.secret"] == "s"


@pytest.mark.parametrize("hub", ["http://127.0.0.1:8080/hub", "http://localhost/hub", "http://[::1]/hub"])
async def test_on_this_machine_nobody_listens_in(web: Parts, hub: str) -> None:
    inside, scripted, client, _ = web
    inside[httpx.URL(hub).host] = scripted
    await client.subscribe(hub=hub, topic=TOPIC, callback=CALLBACK, secret="s")
    assert scripted.asked[-1].fields["hub.secret"] == "s"


@pytest.mark.spec("S-11", "S-14")
@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "x" * 200},
        {"secret": ""},
        {"secret": "a\0"},
        {"lease_seconds": 0},
        {"lease_seconds": -1},
        {"hub": "nonsense"},
        {"topic": "nonsense"},
        {"callback": "nonsense"},
        {"callback": CALLBACK + "#fragment"},
    ],
    ids=str,
)
async def test_what_cannot_be_asked_for_is_not(web: Parts, wrong: dict[str, Any]) -> None:
    _, hub, client, subscriptions = web
    with pytest.raises(ValueError, match=r".+"):
        await client.subscribe(**{"hub": HUB, "topic": TOPIC, "callback": CALLBACK} | wrong)
    assert not hub.asked
    assert not subscriptions.all()


# --- with an application


async def test_a_request_by_hand_is_confirmed_by_the_application(world: World) -> None:
    callback = world.app.subscriptions.new_callback() + "?hub.mode=mine&foo=bar"
    async with SubscriptionClient(world.app.subscriptions, client=world.client) as client:
        await client.subscribe(hub=HUB, topic=TOPIC, callback=callback, secret="s")
        assert world.hub.verifications[-1].status_code == 200
        assert (await world.hub.deliver(callback, b"x", secret="s")).status_code == 202
        await client.unsubscribe(hub=HUB, topic=TOPIC, callback=callback)
        assert world.hub.verifications[-1].status_code == 200
        assert (await world.hub.deliver(callback, b"x", secret="s")).status_code == 410


@pytest.mark.spec("S-08")
@pytest.mark.threat("CAP-1")
def test_callbacks_cannot_be_guessed() -> None:
    subscriptions = Subscriptions("https://sub.example/cb")
    callbacks = {subscriptions.new_callback() for _ in range(10_000)}
    assert len(callbacks) == 10_000
    assert all(each.startswith("https://sub.example/cb/") and len(each) > 60 for each in callbacks)


@pytest.mark.spec("S-08")
@pytest.mark.parity("S100", "S101", "S102", "S103", "S104", "S105", "S106", "S107")
@pytest.mark.parametrize(
    "base", ["http://sub.example/", "https://sub.example", "https://sub.example:8443/a", "https://[::1]/a/b/c/"]
)
def test_callbacks_live_below_the_url_of_the_config(base: str) -> None:
    folder, _, token = Subscriptions(base).new_callback().rpartition("/")
    assert folder == base.rstrip("/")
    assert len(token) == 43


async def test_the_body_is_a_form_and_nothing_is_in_the_query(web: Parts) -> None:
    inside, _, client, _ = web
    seen: list[tuple[bytes, list[tuple[str, str]]]] = []

    async def hub(scope: Any, receive: Any, send: Any) -> None:
        first, _ = await receive(), await receive()
        seen.append((scope["query_string"], parse_qsl(first["body"].decode())))
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    inside["hub.example"] = hub
    await client.subscribe(hub=HUB, topic="https://pub.example/ü", callback=CALLBACK)
    ((query, fields),) = seen
    assert query == b""
    assert dict(fields)["hub.topic"] == "https://pub.example/ü"
