"""Several subscribers on one listener, with and without TLS, each asked and delivered to like one by itself."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.conformance.subscribers import CHALLENGE, SECRET
from tests.waiting import PATIENCE, until
from tests.websubsub.conftest import HUB, TOPIC, Recorder
from tests.websubsub.hub import ScriptedHub
from websubhub.testing import InMemoryWeb
from websubsub import (
    ContentDistributionMessage,
    SubscriberConfig,
    SubscriberListener,
    SubscriptionDenied,
    SubscriptionVerificationError,
    Target,
)

CONTENT = {
    "application/json": b'{"a": 1}',
    "application/xml": b"<a/>",
    "application/x-www-form-urlencoded": b"a=1",
}
VERIFY = {"hub.topic": TOPIC, "hub.challenge": CHALLENGE, "hub.lease_seconds": "60"}


@asynccontextmanager
async def listening(paths: tuple[str, ...], **tls: Any) -> AsyncIterator[tuple[ScriptedHub, list[Recorder], list[str]]]:
    """Services on one listener, which have asked a hub that has not verified; with the callbacks that they named."""
    authority, context = tls.pop("authority", None), ssl.create_default_context()
    if authority is not None:
        authority.configure_trust(context)
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=PATIENCE) as outside:
        web, hub, services = InMemoryWeb(), ScriptedHub(outside, verifies=False), [Recorder() for _ in paths]
        web["hub.example"] = hub
        async with web.client() as inside, SubscriberListener(0, client=inside, **tls) as listener:
            for path, service in zip(paths, services, strict=True):
                config = SubscriberConfig(targets=Target(hub=HUB, topic=TOPIC, secret=SECRET))
                listener.attach(service, path, config=config)
            url = await listener.start()
            await until(lambda: len(hub.asked) == len(paths))
            callbacks = [
                next(a.callback for a in hub.asked if a.callback.startswith(f"{url}{path}/")) for path in paths
            ]
            yield hub, services, callbacks
            await listener.immediate_stop()


async def check_everything(hub: ScriptedHub, service: Recorder, callback: str) -> None:
    """The set that Ballerina asks of every kind of service: refused, confirmed, delivered to, denied."""
    service.answers["on_subscription_verification"] = SubscriptionVerificationError("not now")
    refused = await hub.tell(callback, VERIFY | {"hub.mode": "subscribe"})
    assert (refused.status_code, refused.text) == (404, "reason=not+now")
    del service.answers["on_subscription_verification"]
    confirmed = await hub.tell(callback, VERIFY | {"hub.mode": "subscribe"})
    assert (confirmed.status_code, confirmed.text) == (200, CHALLENGE)
    for content_type, body in CONTENT.items():
        taken = await hub.deliver(callback, body, secret=SECRET, Content_Type=content_type)
        assert (taken.status_code, taken.content) == (202, b"")
    taken_messages = service.of(ContentDistributionMessage)
    assert [(message.content_type, message.body) for message in taken_messages] == list(CONTENT.items())
    denied = await hub.tell(callback, {"hub.mode": "denied", "hub.topic": TOPIC, "hub.reason": "no"})
    assert denied.status_code == 200
    assert [message.reason for message in service.of(SubscriptionDenied)] == ["no"]


@pytest.mark.parity("S25", "S26", "S27", "S28", "S29", "S30", "S31", "S32", "S33", "S34", "SC16")
async def test_two_services_on_one_listener_are_kept_apart() -> None:
    async with listening(("/first", "/second")) as (hub, services, callbacks):
        await check_everything(hub, services[0], callbacks[0])
        assert not services[1].messages
        await check_everything(hub, services[1], callbacks[1])
        assert len(services[0].of(SubscriptionDenied)) == 1


@pytest.mark.parity("S118", "S119", "S120", "S121", "S122", "S123")
async def test_a_service_is_attached_with_its_settings() -> None:
    async with listening(("/news",)) as (hub, (service,), (callback,)):
        await check_everything(hub, service, callback)


@pytest.mark.parity("S36", "S37", "S38", "S39", "S40", "S41")
@pytest.mark.spec("S-09")
async def test_everything_works_over_tls(tmp_path: Path) -> None:
    authority, pem = trustme.CA(), str(tmp_path / "server.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    async with listening(("/news",), certfile=pem, keyfile=pem, authority=authority) as (hub, (service,), (callback,)):
        assert callback.startswith("https://")
        await check_everything(hub, service, callback)


@pytest.mark.parity("SU7")
async def test_a_detached_service_answers_no_more_and_the_others_do() -> None:
    gone, there = Recorder(), Recorder()
    async with SubscriberListener(0) as listener, httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        listener.attach(gone, "/gone")
        listener.attach(there, "/there")
        await listener.start()
        callbacks = [listener.application(each).subscriptions.new_callback() for each in (gone, there)]
        await listener.detach(gone)
        # A callback that was never given out is unknown to both; only one of them is a callback at all.
        answers = [await client.put(callback) for callback in callbacks]
    assert [answer.text for answer in answers] == ["There is nothing here.", "There is no subscription here."]


@pytest.mark.parity("S94", "S100")
async def test_settings_without_a_url_are_those_of_the_listener() -> None:
    service = Recorder()
    async with SubscriberListener(0) as listener:
        listener.attach(service, config=SubscriberConfig(lease_seconds=60))
        url = await listener.start()
        assert listener.application(service).subscriptions.new_callback().startswith(f"{url}/")
        assert listener.application(service).config.lease_seconds == 60
