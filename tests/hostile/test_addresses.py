"""Many names for one address are one victim: budgets hold by address as they hold by host."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest

from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.conformance.hubs import Hub
from tests.hostile.test_amplification import HUB, TOPIC, Yard, yard
from tests.standalone.adapters.conftest import Clock
from tests.standalone.hub import FORM, Site
from tests.waiting import until
from websubhub import (
    Budget,
    Budgets,
    EdgeLimits,
    HubApplication,
    HubConfig,
    Request,
    Subscription,
    SubscriptionAccepted,
    TopicClient,
    TopicFetchError,
)
from websubhub.standalone.work.fetching import fetch_budgets
from websubhub.testing import RecordingSubscriber

EVIL = "evil.example"


@pytest.fixture(autouse=True)
def _wildcard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name below the domain leads to one address of this machine."""
    look_up = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return look_up("127.0.0.1" if str(host).endswith(EVIL) else host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@asynccontextmanager
async def victim(subscriber: RecordingSubscriber | Site, path: str) -> AsyncIterator[str]:
    """A server on this machine; yields its port."""
    async with AppListener(Binding(port=0, graceful_seconds=0.5)) as listener:
        base = await listener.start()
        listener.attach(path, subscriber, nullcontext())
        yield base.rpartition(":")[2]


async def subscribe_by_names(one: Yard, number: int) -> None:
    """Subscribe callbacks of one address, each by a name of its own."""
    port = one.host.rpartition(":")[2]
    for each in range(number):
        callback = f"http://a{each}.{EVIL}:{port}/callback"
        message = Subscription(hub=HUB, topic=TOPIC, callback=callback, lease_seconds=86_400)
        assert isinstance(await one.service.on_subscription(message), SubscriptionAccepted)


@pytest.mark.threat("AMP-1")
async def test_wildcard_names_do_not_evade_the_budget_of_a_standalone_hub_and_nothing_is_forgotten() -> None:
    async with yard() as one:
        one.subscriber.confirms = False
        await subscribe_by_names(one, 30)
        await until(lambda: one.asked == 10)
        await one.quiet()
        assert one.asked == 10
        assert await one.store.verifications.count() == 20


@pytest.mark.threat("AMP-10")
async def test_an_address_that_confirms_nothing_is_left_alone_whatever_its_names() -> None:
    async with yard() as one:
        one.subscriber.confirms = False
        await subscribe_by_names(one, 40)
        for _ in range(4):
            await one.move_on(60)
        assert one.asked == 20


@pytest.mark.threat("AMP-1")
async def test_names_that_confirm_share_an_address_without_waiting() -> None:
    async with yard() as one:
        await subscribe_by_names(one, 40)
        await one.move_on(1)
        await one.move_on(120)
        assert len(await one.store.subscriptions.page(limit=1_000)) == 40


@pytest.mark.threat("AMP-1")
@pytest.mark.parametrize("names", ["one name", "many names"])
async def test_a_hub_of_ones_own_asks_a_host_that_confirms_nothing_ten_times(names: str) -> None:
    subscriber, service = RecordingSubscriber(), Hub()
    subscriber.confirms = False
    config = HubConfig(url=HUB, verification_delays=(0.0,), limits=EdgeLimits(graceful_seconds=0.1))
    async with victim(subscriber, "/callback") as port, HubApplication(service, config) as hub:
        for number in range(30):
            host = f"a{number}.{EVIL}" if names == "many names" else "127.0.0.1"
            answer = await _subscribe(hub, f"http://{host}:{port}/callback?{number}")
            assert answer == 202
        await until(lambda: len(subscriber.verifications) == 10)
        for _ in range(20):
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.01)
        assert len(subscriber.verifications) == 10


async def test_a_hub_of_ones_own_refuses_what_would_wait_in_all_its_places() -> None:
    subscriber, service = RecordingSubscriber(), Hub()
    subscriber.confirms = False
    config = HubConfig(
        url=HUB,
        verification_delays=(0.0,),
        verification_budget=Budget(burst=1, per_minute=1),
        limits=EdgeLimits(graceful_seconds=0.1, pending=40),
    )
    async with victim(subscriber, "/callback") as port, HubApplication(service, config) as hub:
        answers = [await _subscribe(hub, f"http://127.0.0.1:{port}/callback?{number}") for number in range(40)]
        assert 9 <= answers.count(202) <= 13, "half of the places that there are for verifications"
        assert set(answers) == {202, 503}
        assert await _subscribe(hub, "http://127.0.0.2:9/callback") == 202, "others have a place"


@pytest.mark.threat("AMP-6")
async def test_wildcard_names_do_not_evade_the_budget_of_fetches() -> None:
    clock, size, site = Clock(), 100_000, Site(body=bytes(100_000))
    async with (
        victim(site, "/topic") as port,
        TopicClient(
            HUB, allow_networks=("127.0.0.0/8",), body_limit=size, budgets=fetch_budgets(clock, size)
        ) as client,
    ):
        waits = [await _wait_of(client, f"http://a{number}.{EVIL}:{port}/topic") for number in range(40)]
        assert 4 <= site.fetches <= 5
        assert waits.count(0) == site.fetches


async def test_a_client_for_topics_waits_for_the_budget_of_a_host_before_it_gives_up() -> None:
    site = Site(body=b"content")
    budgets = Budgets(Budget(at_once=1, burst=100, per_minute=100), lambda: 0.0)
    async with victim(site, "/topic") as port, TopicClient(HUB, budgets=budgets, patience=30.0) as client:
        url = f"http://127.0.0.1:{port}/topic"
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(client.fetch, url)
        assert site.fetches == 5


async def _wait_of(client: TopicClient, topic: str) -> float:
    """Fetch a topic. Return 0 if that was possible, and else the seconds until it may be."""
    try:
        await client.fetch(topic)
    except TopicFetchError as error:
        return error.wait
    return 0


async def _subscribe(hub: HubApplication, callback: str) -> int:
    fields = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": callback}
    body = urlencode(fields).encode()
    request = Request(method="POST", url=HUB, headers=[("Content-Type", FORM)], body=body)
    sent: list[Any] = []
    scope = {
        "type": "http", "method": "POST", "path": "/hub", "raw_path": b"/hub", "query_string": b"", "scheme": "http",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", FORM.encode())], "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    await hub(scope, receive, send)
    await anyio.wait_all_tasks_blocked()
    return int(sent[0]["status"])
