"""What websubhub.testing gives to users, tested as they use it."""

from typing import Any

import anyio
import httpx
import pytest

from _websub.http import Response
from tests.conformance.hubs import FORM, TOPIC, Hub, RawCallback, a_subscription, world
from websubhub import ContentDeliveryError, ContentDistributionMessage, HubClient, PublisherClient
from websubhub.testing import FakeClock, InMemoryWeb, RecordingHub, RecordingSubscriber

CALLBACK = "https://subscriber.example/callback"
CHALLENGE = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "c-1_2", "hub.lease_seconds": "60"}


async def test_the_web_finds_each_application_by_its_host_whatever_the_port() -> None:
    web, one, other = InMemoryWeb(), RawCallback(), RawCallback()
    web["one.example"], web["other.example"] = one, other
    async with web.client() as client:
        await client.get("https://one.example/a?b=c")
        await client.post("http://other.example:8080/d", content=b"e")
    assert [(method, target) for method, target, *_ in one.requests] == [("GET", "/a?b=c")]
    assert [(method, target, body) for method, target, _, body in other.requests] == [("POST", "/d", b"e")]
    assert web.requests == [("GET", "https://one.example/a?b=c"), ("POST", "http://other.example:8080/d")]


async def test_an_application_gets_the_target_to_the_byte_as_over_a_socket() -> None:
    web, callback = InMemoryWeb(), RawCallback()
    web["subscriber.example"] = callback
    subscription = a_subscription(callback="https://subscriber.example/c?a=%7e[1]&b='x'")
    async with HubClient(subscription, client=web.client()) as client:
        await client.notify_content_distribution(ContentDistributionMessage(content=b"x", content_type="text/plain"))
    assert [target for _, target, *_ in callback.requests] == ["/c?a=%7e[1]&b='x'"]


@pytest.mark.parametrize("down", [False, True], ids=["unknown", "down"])
async def test_a_host_that_is_not_there_cannot_be_connected_to(*, down: bool) -> None:
    web, site = InMemoryWeb(), RawCallback()
    if down:
        web["one.example"] = site
        web.down.add("one.example")
    async with web.client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("https://one.example/")
        web["one.example"] = site
        web.down.clear()
        assert (await client.get("https://one.example/")).status_code == 200
    assert len(site.requests) == 1


async def ask(subscriber: RecordingSubscriber, method: str = "GET", **keywords: Any) -> httpx.Response:
    web = InMemoryWeb()
    web["subscriber.example"] = subscriber
    async with web.client() as client:
        return await client.request(method, CALLBACK, **keywords)


@pytest.mark.parametrize("mode", ["subscribe", "unsubscribe"])
async def test_a_recording_subscriber_confirms_and_remembers(mode: str) -> None:
    subscriber = RecordingSubscriber()
    response = await ask(subscriber, params=CHALLENGE | {"hub.mode": mode})
    assert (response.status_code, response.content) == (200, b"c-1_2")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert subscriber.verifications == [CHALLENGE | {"hub.mode": mode}]


async def test_a_recording_subscriber_refuses_when_told_to() -> None:
    subscriber = RecordingSubscriber()
    subscriber.confirms = False
    assert (await ask(subscriber, params=CHALLENGE)).status_code == 404
    assert len(subscriber.verifications) == 1


async def test_a_recording_subscriber_tells_denials_from_other_notices() -> None:
    subscriber = RecordingSubscriber()
    denial = {"hub.mode": "denied", "hub.topic": TOPIC}
    notice = {"hub.mode": "hub-error", "hub.topic": TOPIC, "hub.reason": "full"}
    assert (await ask(subscriber, params=denial)).is_success
    assert (await ask(subscriber, params=notice)).is_success
    assert (subscriber.denials, subscriber.notices, subscriber.verifications) == ([denial], [notice], [])


async def test_a_recording_subscriber_answers_deliveries_as_told_and_then_with_202() -> None:
    subscriber = RecordingSubscriber()
    subscriber.statuses = [500, 410]
    statuses = [(await ask(subscriber, "POST", content=b"x")).status_code for _ in range(3)]
    assert statuses == [500, 410, 202]
    assert [each.body for each in subscriber.deliveries] == [b"x"] * 3


@pytest.mark.parametrize(
    ("known", "used", "signature"), [(None, "s", None), ("s", "s", True), ("s", "t", False), ("s", None, False)]
)
async def test_a_recording_subscriber_checks_signatures(
    known: str | None,
    used: str | None,
    signature: bool | None,  # noqa: FBT001  one of a triple
) -> None:
    web, subscriber = InMemoryWeb(), RecordingSubscriber(secret=known)
    web["subscriber.example"] = subscriber
    async with web.client() as http, HubClient(a_subscription(secret=used), client=http) as client:
        await client.notify_content_distribution(ContentDistributionMessage(content=b"x"))
    assert [each.signature for each in subscriber.deliveries] == [signature]


async def test_one_can_wait_for_what_a_subscriber_receives() -> None:
    subscriber = RecordingSubscriber()
    with pytest.raises(TimeoutError):
        await subscriber.wait_until(lambda: subscriber.deliveries, seconds=0.01)
    async with anyio.create_task_group() as tasks:
        for count in (1, 2):
            tasks.start_soon(subscriber.wait_until, lambda count=count: len(subscriber.deliveries) >= count)
        for _ in range(2):
            await anyio.wait_all_tasks_blocked()
            await ask(subscriber, "POST", content=b"x")
    await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)


async def test_several_can_wait_for_the_same() -> None:
    subscriber, woken = RecordingSubscriber(), list[int]()

    async def wait(number: int) -> None:
        await subscriber.wait_until(lambda: subscriber.deliveries)
        woken.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(wait, number)
        await anyio.wait_all_tasks_blocked()
        await ask(subscriber, "POST", content=b"x")
    assert sorted(woken) == [0, 1, 2]


async def test_a_recording_hub_remembers_what_it_is_asked() -> None:
    web, hub = InMemoryWeb(), RecordingHub(Response(status=204))
    web["hub.example"] = hub
    async with web.client() as http, PublisherClient("https://hub.example/hub", client=http) as client:
        await client.register_topic(TOPIC)
        await client.publish_update(TOPIC, b"x")
    assert hub.forms == [{"hub.mode": "register", "hub.topic": TOPIC}]
    assert [request.body for request in hub.requests][1] == b"x"
    assert hub.requests[0].headers["content-type"] == FORM


async def test_a_recording_hub_accepts_by_default_and_may_change_its_answer() -> None:
    web, hub = InMemoryWeb(), RecordingHub()
    web["hub.example"] = hub
    async with web.client() as client:
        assert (await client.post("https://hub.example/")).status_code == 202
        hub.response = Response(status=503)
        assert (await client.post("https://hub.example/")).status_code == 503


async def test_a_whole_round_without_sockets() -> None:
    hub = Hub()
    async with world(hub) as w:
        await w.subscribe(secret="s")
        subscription = hub.message("on_subscription_intent_verified")
        w.subscriber.secret = "s"
        async with HubClient(subscription, client=w.client) as client:
            await client.notify_content_distribution(ContentDistributionMessage(content={"a": 1}))
            w.subscriber.statuses = [410]
            with pytest.raises(ContentDeliveryError):
                await client.notify_content_distribution(ContentDistributionMessage(content={"a": 2}))
    assert [(each.body, each.signature) for each in w.subscriber.deliveries] == [
        (b'{"a": 1}', True),
        (b'{"a": 2}', True),
    ]


async def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock, woken = FakeClock(1000.0), list[str]()

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep, "short", 10)
        tasks.start_soon(sleep, "long", 60)
        tasks.start_soon(sleep, "none", 0)
        await anyio.wait_all_tasks_blocked()
        assert (clock(), woken) == (1000.0, ["none"])
        await clock.advance(9.5)
        assert woken == ["none"]
        await clock.advance(0.5)
        assert (clock(), woken) == (1010.0, ["none", "short"])
        await clock.advance(3600)
    assert woken == ["none", "short", "long"]
