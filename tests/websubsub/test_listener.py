"""Services on real sockets: by themselves, many on one listener, and inside other frameworks."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import attrs
import httpx
import pytest
import trustme
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from _websub.server.serving import Binding
from _websub.server.serving import serve as serve_app
from tests.waiting import PATIENCE, until
from tests.websubsub.conftest import TARGET, TOPIC, Recorder
from tests.websubsub.hub import ScriptedHub
from websubhub.testing import InMemoryWeb
from websubsub import (
    ContentDistributionMessage,
    State,
    SubscriberConfig,
    SubscriberListener,
    SubscriptionDenied,
    Target,
    asgi,
    serve,
)


@asynccontextmanager
async def hub_at(port: int, *, verify: ssl.SSLContext | bool = True) -> AsyncIterator[ScriptedHub]:
    """A hub on a real socket that calls back over the network."""
    async with (
        httpx.AsyncClient(trust_env=False, verify=verify, timeout=PATIENCE) as client,
        anyio.create_task_group() as tasks,
    ):
        hub = ScriptedHub(client)
        ready = anyio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                for phase in ("startup", "shutdown"):
                    await receive()
                    await send({"type": f"lifespan.{phase}.complete"})
            else:
                await hub(scope, receive, send)

        binding = Binding(port=port, graceful_seconds=0)
        tasks.start_soon(lambda: serve_app(app, binding, ready=lambda _: ready.set()))
        await ready.wait()
        yield hub
        tasks.cancel_scope.cancel()


def target(port: int, name: str = "feed") -> Target:
    return Target(hub=f"http://127.0.0.1:{port}/hub", topic=f"https://pub.example/{name}")


async def check_round(hub: ScriptedHub, service: Recorder, topic: str) -> None:
    """One delivery to the latest subscription."""
    await until(lambda: bool(hub.verifications))
    asked = next(each for each in reversed(hub.asked) if each.fields["hub.topic"] == topic)
    answer = await hub.deliver(asked.callback, b"hello", secret=asked.fields["hub.secret"])
    assert answer.status_code == 202
    assert service.of(ContentDistributionMessage)[-1].topic == topic


@pytest.mark.parity("S127", "SC25")
async def test_a_service_serves_by_itself(free_ports: list[int]) -> None:
    mine, other, _ = free_ports
    service = Recorder()
    config = SubscriberConfig(url=f"http://127.0.0.1:{mine}/", targets=target(other))
    async with hub_at(other) as hub, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: serve(service, config, port=mine))
        await check_round(hub, service, "https://pub.example/feed")
        tasks.cancel_scope.cancel()


def settings(*targets: Target, **rest: Any) -> SubscriberConfig:
    return SubscriberConfig(targets=targets, **rest)


@pytest.mark.parity("S63", "S64", "SC16")
async def test_a_listener_has_many_services_and_one_that_fails_stops_no_other(free_port: int) -> None:
    first, second, third = Recorder(), Recorder(), Recorder()
    nowhere = Target(hub="http://127.0.0.1:1/", topic=TOPIC)
    async with hub_at(free_port) as hub, SubscriberListener(0) as listener:
        listener.attach(third, "/third", config=settings(nowhere))
        listener.attach(first, "/first", config=settings(target(free_port, "1")))
        url = await listener.start()
        await check_round(hub, first, "https://pub.example/1")
        listener.attach(second, "/first/second", config=settings(target(free_port, "2")))
        app = listener.application(second)
        await until(lambda: any(each.delivers for each in app.subscriptions.all()))
        await check_round(hub, second, "https://pub.example/2")
        assert hub.asked[-1].callback.startswith(f"{url}/first/second/")
        assert len(first.of(ContentDistributionMessage)) == 1
        assert (await hub.client.get(f"{url}/none")).status_code == 404


async def check_everything(hub: ScriptedHub, service: Recorder, callback: str, secret: str) -> None:
    """All that a hub may send to one subscription, its denial last."""
    topic = next(each.fields["hub.topic"] for each in hub.asked if each.callback == callback)
    fields = {"hub.mode": "subscribe", "hub.topic": topic, "hub.challenge": "c", "hub.lease_seconds": "60"}
    assert (await hub.tell(callback, fields)).text == "c"
    assert (await hub.tell(callback, fields | {"hub.topic": "https://pub.example/other"})).status_code == 404
    for content_type, body in CONTENTS.items():
        answer = await hub.deliver(callback, body, secret=secret, Content_Type=content_type)
        assert answer.status_code == 202
        assert service.of(ContentDistributionMessage)[-1].body == body
    assert (await hub.tell(callback, fields | {"hub.mode": "denied"})).status_code == 200
    assert len(service.of(SubscriptionDenied)) == 1


CONTENTS = {"application/json": b"{}", "application/xml": b"<a/>", "application/x-www-form-urlencoded": b"a=1"}


@pytest.mark.parity("S25", "S26", "S27", "S28", "S29", "S30", "S31", "S32", "S33", "S34")
@pytest.mark.parity("S118", "S119", "S120", "S121", "S122", "S123")
async def test_two_services_on_one_listener_get_each_their_own(free_port: int) -> None:
    services = {"1": Recorder(), "2": Recorder()}
    async with hub_at(free_port) as hub, SubscriberListener(0) as listener:
        for name, service in services.items():
            listener.attach(service, f"/{name}", config=settings(target(free_port, name)))
        await listener.start()
        await until(lambda: len(hub.verifications) == 2)
        for asked in tuple(hub.asked):
            service = services[asked.fields["hub.topic"][-1]]
            await check_everything(hub, service, asked.callback, asked.fields["hub.secret"])


@pytest.mark.parity("S36", "S37", "S38", "S39", "S40", "S41")
async def test_everything_works_over_tls(free_port: int, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certfile, keyfile = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(certfile)
    certificate.private_key_pem.write_to_path(keyfile)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    service = Recorder()
    listener = SubscriberListener(0, certfile=certfile, keyfile=keyfile)
    async with hub_at(free_port, verify=context) as hub, listener:
        listener.attach(service, "/", config=settings(target(free_port)))
        assert (await listener.start()).startswith("https://")
        await until(lambda: len(hub.verifications) == 1)
        assert hub.verifications[0].status_code == 200
        await check_everything(hub, service, hub.asked[0].callback, hub.asked[0].fields["hub.secret"])


@pytest.mark.parity("S35")
async def test_a_service_without_targets_starts_and_stops() -> None:
    async with SubscriberListener(0) as listener:
        listener.attach(Recorder())
        await listener.start()
        await listener.immediate_stop()


@pytest.mark.parity("S78", "S60", "S61")
async def test_a_graceful_stop_unsubscribes_those_who_want_it(free_port: int) -> None:
    leaving, staying = Recorder(), Recorder()
    async with hub_at(free_port) as hub, SubscriberListener(0) as listener:
        listener.attach(leaving, "/a", config=settings(target(free_port, "a"), unsubscribe_on_shutdown=True))
        listener.attach(staying, "/b", config=settings(target(free_port, "b")))
        url = await listener.start()
        await until(lambda: len(hub.verifications) == 2)
        app = listener.application(leaving)
        await listener.graceful_stop()
        assert [(each.mode, each.fields["hub.topic"]) for each in hub.asked[2:]] == [
            ("unsubscribe", "https://pub.example/a")
        ]
        assert [each.state for each in app.subscriptions.all()] == [State.GONE]
        with pytest.raises(httpx.ConnectError):
            await hub.client.get(url)


async def test_a_graceful_stop_ends_although_the_hub_does_not_verify(free_port: int) -> None:
    async with hub_at(free_port) as hub, SubscriberListener(0, graceful_seconds=0.2) as listener:
        listener.attach(Recorder(), "/", config=settings(target(free_port), unsubscribe_on_shutdown=True))
        await listener.start()
        await until(lambda: len(hub.verifications) == 1)
        hub.verifies = False
        with anyio.fail_after(PATIENCE):
            await listener.graceful_stop()


async def test_an_immediate_stop_asks_nobody(free_port: int) -> None:
    async with hub_at(free_port) as hub, SubscriberListener(0) as listener:
        listener.attach(Recorder(), "/", config=settings(target(free_port), unsubscribe_on_shutdown=True))
        await listener.start()
        await until(lambda: len(hub.verifications) == 1)
        await listener.immediate_stop()
        assert [each.mode for each in hub.asked] == ["subscribe"]


async def test_a_service_that_is_detached_is_gone(free_port: int) -> None:
    service = Recorder()
    async with hub_at(free_port) as hub, SubscriberListener(0) as listener:
        listener.attach(service, "/", config=settings(target(free_port), unsubscribe_on_shutdown=True))
        await listener.start()
        await until(lambda: len(hub.verifications) == 1)
        await listener.detach(service)
        assert [each.mode for each in hub.asked] == ["subscribe", "unsubscribe"]
        assert (await hub.deliver(hub.asked[0].callback, b"x")).status_code == 404
        with pytest.raises(ValueError, match="not attached"):
            await listener.detach(service)
        with pytest.raises(ValueError, match="not attached"):
            listener.application(service)


async def test_what_a_listener_refuses() -> None:
    service = Recorder()
    async with SubscriberListener(0) as listener:
        with pytest.raises(RuntimeError, match="until the listener has started"):
            _ = listener.url
        listener.attach(service, "/a")
        for other, path in ((service, "/b"), (Recorder(), "/a")):
            with pytest.raises(ValueError, match="already attached"):
                listener.attach(other, path)
        with pytest.raises(ValueError, match="must start with a slash"):
            listener.attach(Recorder(), "b")
        for path in ("/a?b", "/a#b", "/%61", "/é", "/a b", "/\r\n"):
            with pytest.raises(ValueError, match="must have only letters and digits of ASCII"):
                listener.attach(Recorder(), path)
        await listener.detach(service)
        await listener.start()
        with pytest.raises(RuntimeError, match="already been started"):
            await listener.start()


async def test_a_port_that_is_taken_is_an_error_of_the_start(free_port: int) -> None:
    async with hub_at(free_port), SubscriberListener(free_port) as listener:
        listener.attach(Recorder())
        with pytest.raises(OSError, match="in use"):
            await listener.start()


async def test_a_url_of_ones_own_says_where(free_port: int) -> None:
    async with hub_at(free_port) as hub, SubscriberListener(0) as listener:
        hub.verifies = False
        await listener.start()
        listener.attach(Recorder(), config=settings(target(free_port), url="https://tunnel.example/b/"))
        await until(lambda: bool(hub.asked))
        assert hub.asked[0].callback.startswith("https://tunnel.example/b/")
        local = hub.asked[0].callback.replace("https://tunnel.example", listener.url)
        assert (
            await hub.verify(attrs.evolve(hub.asked[0], fields=hub.asked[0].fields | {"hub.callback": local}))
        ).is_success


async def test_the_public_url_is_what_hubs_call(free_port: int) -> None:
    async with hub_at(free_port) as hub, SubscriberListener(0, public_url="https://sub.example/") as listener:
        hub.verifies = False
        listener.attach(Recorder(), "/a", config=settings(target(free_port)))
        assert await listener.start() == "https://sub.example"
        await until(lambda: bool(hub.asked))
        assert hub.asked[0].callback.startswith("https://sub.example/a/")


def starlette(app: Any) -> Any:
    return Starlette(routes=[Mount("/websub", app)])


def fastapi(app: Any) -> Any:
    outer = FastAPI()
    outer.mount("/websub", app)
    return outer


@pytest.mark.parametrize("framework", [starlette, fastapi])
async def test_a_subscriber_lives_inside_another_framework(framework: Any) -> None:
    web = InMemoryWeb()
    service = Recorder()
    async with web.client() as client:
        hub = ScriptedHub(client)
        app = asgi(service, SubscriberConfig(url="https://site.example/websub/", targets=TARGET), client=client)
        web["hub.example"] = hub
        web["site.example"] = framework(app)
        async with app:
            await check_round(hub, service, TOPIC)


async def test_behind_a_proxy_that_takes_the_path_away(make_world: Any) -> None:
    world = await make_world(url="https://public.example/deep/path/")

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/deep/path")
        await world.app(scope | {"path": path, "raw_path": path.encode()}, receive, send)

    world.web["public.example"] = proxy
    await world.subscribe()
    await check_round(world.hub, world.service, TOPIC)
