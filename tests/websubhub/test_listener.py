"""HubListener serves several hubs on one address, over real sockets."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest

from tests.conformance.hubs import TOPIC, Hub, RawCallback, form_of, served, subscription_fields
from tests.ports import held_port
from tests.waiting import PATIENCE, until
from websubhub import HubConfig, HubListener
from websubhub.testing import InMemoryWeb, RecordingSubscriber

REGISTER = {"hub.mode": "register", "hub.topic": TOPIC}


@asynccontextmanager
async def listening(**settings: Any) -> AsyncIterator[tuple[HubListener, httpx.AsyncClient]]:
    async with HubListener(0, **settings) as listener, httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        yield listener, client


async def post(client: httpx.AsyncClient, url: str, fields: dict[str, str] | None = None) -> httpx.Response:
    return await client.post(url, data=fields or REGISTER)


@pytest.mark.parity("HC14", "HC23")
async def test_it_takes_port_and_settings_and_says_where_it_listens() -> None:
    port = 0
    async with HubListener(port, host="127.0.0.1", graceful_seconds=1.0) as listener:
        with pytest.raises(RuntimeError):
            _ = listener.url
        hub = Hub()
        listener.attach(hub, "/hub")
        url = await listener.start()
        assert url == listener.url
        assert url.startswith("http://127.0.0.1:")
        assert not url.endswith("/")
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            response = await post(client, f"{url}/hub")
    assert form_of(response) == {"hub.mode": "accepted"}
    assert hub.called == ["on_register_topic"]


async def test_several_services_answer_each_at_its_path() -> None:
    hubs = {path: Hub() for path in ("/hub", "/hub/inner", "/other", "/")}
    async with listening() as (listener, client):
        for path, hub in hubs.items():
            listener.attach(hub, path)
        url = await listener.start()
        for path in hubs:
            assert (await post(client, url + path)).status_code == 200
        missing = await post(client, f"{url}/nowhere")
    assert {path: hub.called for path, hub in hubs.items()} == {path: ["on_register_topic"] for path in hubs}
    assert missing.status_code == 404


async def test_each_service_knows_its_own_public_url() -> None:
    web, hubs = InMemoryWeb(), {path: Hub() for path in ("/a", "/b/c")}
    web["subscriber.example"] = RecordingSubscriber()
    async with web.client() as callbacks, listening(client=callbacks) as (listener, client):
        for path, hub in hubs.items():
            listener.attach(hub, path)
        url = await listener.start()
        for path in hubs:
            await post(client, url + path, subscription_fields())
    for path, hub in hubs.items():
        assert hub.message("on_subscription").hub == url + path


async def test_a_public_url_and_a_path_of_ones_own_may_be_given() -> None:
    web, behind_a_proxy, own = InMemoryWeb(), Hub(), Hub()
    web["subscriber.example"] = RecordingSubscriber()
    with held_port() as port:
        await check_urls(port, web, behind_a_proxy, own)


async def check_urls(port: int, web: InMemoryWeb, behind_a_proxy: Hub, own: Hub) -> None:
    configured = HubConfig(url="https://other.example/outside", path="/inside")
    async with (
        web.client() as callbacks,
        HubListener(port, public_url="https://hub.example/", client=callbacks) as listener,
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client,
    ):
        listener.attach(behind_a_proxy, "/hub")
        listener.attach(own, "/inside", config=configured)
        await listener.start()
        assert listener.url == "https://hub.example"
        for path in ("/hub", "/inside"):
            await post(client, f"http://127.0.0.1:{port}{path}", subscription_fields())
    assert behind_a_proxy.message("on_subscription").hub == "https://hub.example/hub"
    assert own.message("on_subscription").hub == "https://other.example/outside"


@pytest.mark.parity("H71", "H72")
async def test_a_service_attached_after_the_start_answers_with_headers_and_all() -> None:
    hub = Hub()
    async with listening() as (listener, client):
        url = await listener.start()
        assert (await post(client, f"{url}/late")).status_code == 404
        listener.attach(hub, "/late")
        for mode in ("register", "deregister"):
            await client.post(f"{url}/late", data=REGISTER | {"hub.mode": mode}, headers={"X-Token": mode})
    assert hub.message("on_register_topic").headers["x-token"] == "register"
    assert hub.message("on_deregister_topic").headers["x-token"] == "deregister"


@pytest.mark.parity("HU10")
async def test_a_detached_service_answers_no_more_and_the_others_do() -> None:
    hubs = {path: Hub() for path in ("/one", "/two", "/three")}
    async with listening() as (listener, client):
        for path, hub in hubs.items():
            listener.attach(hub, path)
        url = await listener.start()
        await listener.detach(hubs["/one"])
        statuses = [(await post(client, url + path)).status_code for path in hubs]
        again = Hub()
        listener.attach(again, "/one")
        assert (await post(client, f"{url}/one")).status_code == 200
    assert statuses == [404, 200, 200]
    assert not hubs["/one"].called
    assert again.called == ["on_register_topic"]


async def test_a_service_can_be_detached_before_the_start() -> None:
    hub = Hub()
    async with listening() as (listener, client):
        listener.attach(hub, "/hub")
        await listener.detach(hub)
        url = await listener.start()
        assert (await post(client, f"{url}/hub")).status_code == 404


@pytest.mark.parametrize("started", [False, True])
async def test_what_cannot_be_attached_or_detached_is_refused(*, started: bool) -> None:
    hub = Hub()
    async with listening() as (listener, _):
        listener.attach(hub, "/hub")
        if started:
            await listener.start()
        with pytest.raises(ValueError, match="/hub"):
            listener.attach(Hub(), "/hub")
        with pytest.raises(ValueError, match="attached"):
            listener.attach(hub, "/elsewhere")
        with pytest.raises(ValueError, match="slash"):
            listener.attach(Hub(), "hub")
        with pytest.raises(ValueError, match="not attached"):
            await listener.detach(Hub())


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with listening() as (listener, _):
        url = await listener.start()
        async with HubListener(int(url.rpartition(":")[2])) as other:
            with pytest.raises(OSError, match="in use"):
                await other.start()


class Gate:
    """A callback that answers once it is let to."""

    def __init__(self) -> None:
        self.reached, self.open = anyio.Event(), anyio.Event()
        self.subscriber = RecordingSubscriber()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.set()
        await self.open.wait()
        await self.subscriber(scope, receive, send)


@asynccontextmanager
async def gated(hub: Hub, **settings: Any) -> AsyncIterator[tuple[HubListener, Gate]]:
    """A listener whose hub has accepted a subscription and now waits for its callback."""
    web, gate = InMemoryWeb(), Gate()
    web["subscriber.example"] = gate
    async with web.client() as callbacks, listening(client=callbacks, **settings) as (listener, client):
        listener.attach(hub, "/hub")
        url = await listener.start()
        assert (await post(client, f"{url}/hub", subscription_fields())).status_code == 202
        await gate.reached.wait()
        yield listener, gate


def is_open(port: int | None) -> bool:
    """Whether somebody listens there, who does not notice the question."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port or 0))
        except OSError:
            return True
        return False


async def test_a_graceful_stop_lets_follow_ups_finish_and_takes_no_more_requests() -> None:
    hub = Hub()
    async with gated(hub, graceful_seconds=PATIENCE) as (listener, gate), anyio.create_task_group() as tasks:
        port = urlsplit(listener.url).port
        tasks.start_soon(listener.graceful_stop)
        await until(lambda: not is_open(port))
        assert "on_subscription_intent_verified" not in hub.called
        gate.open.set()
    assert hub.called[-1] == "on_subscription_intent_verified"


async def test_a_graceful_stop_ends_within_its_limit() -> None:
    hub = Hub()
    async with gated(hub, graceful_seconds=0.2) as (listener, _):
        with anyio.fail_after(PATIENCE):
            await listener.graceful_stop()
    assert "on_subscription_intent_verified" not in hub.called


async def test_an_immediate_stop_cancels_what_is_under_way() -> None:
    hub = Hub()
    async with gated(hub, graceful_seconds=60) as (listener, gate):
        with anyio.fail_after(PATIENCE):
            await listener.immediate_stop()
        gate.open.set()
    assert "on_subscription_intent_verified" not in hub.called


async def test_the_end_of_the_block_is_a_graceful_stop() -> None:
    hub = Hub()
    async with anyio.create_task_group() as tasks, gated(hub, graceful_seconds=PATIENCE) as (listener, gate):

        async def open_later() -> None:
            port = urlsplit(listener.url).port
            await until(lambda: not is_open(port))
            gate.open.set()

        tasks.start_soon(open_later)
    assert hub.called[-1] == "on_subscription_intent_verified"


async def test_a_subscriber_on_this_machine_is_verified_since_the_hub_is_there_too() -> None:
    hub, subscriber = Hub(), RecordingSubscriber()
    async with served(subscriber) as base, listening() as (listener, client):
        listener.attach(hub, "/hub")
        url = await listener.start()
        await post(client, f"{url}/hub", subscription_fields(callback=f"{base}/callback"))
        await subscriber.wait_until(lambda: subscriber.verifications)
    assert hub.called[-1] == "on_subscription_intent_verified"


@pytest.mark.spec("SEC-15")
async def test_a_public_hub_verifies_nothing_on_this_machine() -> None:
    hub, canary = Hub(), RawCallback()
    config = HubConfig(url="https://hub.example/hub", path="/hub", verification_delays=(0.0,))
    async with served(canary) as base, listening() as (listener, client):
        listener.attach(hub, "/hub", config=config)
        url = await listener.start()
        for callback in (base, base.replace("127.0.0.1", "localhost")):
            response = await post(client, f"{url}/hub", subscription_fields(callback=callback))
            assert response.status_code == 400
            assert response.text == "hub.callback names an address that this hub does not call."
        await listener.graceful_stop()
    assert not hub.called
    assert not canary.requests
