"""A subscriber, a hub that does as it is told, and the web between them, for tests that follow the texts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.websubsub.conftest import HUB, TOPIC, URL, Recorder, World
from tests.websubsub.hub import ScriptedHub
from websubhub.testing import InMemoryWeb
from websubsub import SubscriberConfig, SubscriberEvent, Target, asgi

CHALLENGE = "Zk3_w-81QbH5s0"
SECRET = "9b1c7d0e5f"
SIGNED = Target(hub=HUB, topic=TOPIC, secret=SECRET)
UNSIGNED = Target(hub=HUB, topic=TOPIC, signed=False)


@asynccontextmanager
async def subscriber_world(service: Recorder | None = None, **settings: Any) -> AsyncIterator[World]:
    """A subscriber without targets, at ``sub.example``, and a hub at ``hub.example``."""
    web, events = InMemoryWeb(), list[SubscriberEvent]()
    chosen: dict[str, Any] = {"url": URL, "observer": events.append} | settings
    async with web.client() as client:
        hub, recorder = ScriptedHub(client), service or Recorder()
        app = asgi(recorder, SubscriberConfig(**chosen), client=client)
        web["hub.example"] = hub
        web["sub.example"] = app
        async with app:
            app.listening()
            yield World(web=web, client=client, hub=hub, service=recorder, app=app, events=events)


async def ask(world: World, callback: str | None = None, **changes: str | None) -> httpx.Response:
    """What a subscriber answers to a verification request; keywords are parameters without their hub. prefix."""
    fields: dict[str, str | None] = {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.challenge": CHALLENGE,
        "hub.lease_seconds": "864000",
    }
    fields |= {f"hub.{name}": value for name, value in changes.items()}
    sent = {name: value for name, value in fields.items() if value is not None}
    return await world.hub.tell(callback or world.subscription.callback, sent)


async def deliver(
    world: World, body: bytes = b"hello\n", *, secret: str | None = SECRET, **rest: str
) -> httpx.Response:
    """What a subscriber answers to a delivery that is signed with a secret."""
    return await world.hub.deliver(world.subscription.callback, body, secret=secret, **rest)
