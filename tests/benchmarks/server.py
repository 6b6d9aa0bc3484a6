"""A server in a process of its own: ``python -m tests.benchmarks.server SERVER APPLICATION`` says where to send."""

import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import uvicorn

import websubhub
import websubsub
from _websub.asgi.edge import AsgiApp, AsgiSend, Receive, Scope
from _websub.server.serving import Binding, serve
from websubhub.testing import InMemoryWeb, RecordingHub

TOPIC = "https://publisher.example/feed"
SECRET = "the secret of a subscription"
_HUB = "https://hub.example/hub"


# ruff: noqa: ARG002 - a hook that says yes to everything needs no message


class _Hub(websubhub.HubService):
    """Says yes to everything, at once."""

    async def on_register_topic(self, message: websubhub.TopicRegistration) -> websubhub.TopicRegistrationSuccess:
        return websubhub.TopicRegistrationSuccess()

    async def on_deregister_topic(self, message: websubhub.TopicDeregistration) -> websubhub.TopicDeregistrationSuccess:
        return websubhub.TopicDeregistrationSuccess()

    async def on_update_message(self, message: websubhub.UpdateMessage) -> websubhub.Acknowledgement:
        return websubhub.Acknowledgement()

    async def on_subscription(self, message: websubhub.Subscription) -> websubhub.SubscriptionAccepted:
        return websubhub.SubscriptionAccepted(verified=True)

    async def on_subscription_intent_verified(self, message: websubhub.VerifiedSubscription) -> None:
        """Keep nothing."""

    async def on_unsubscription_intent_verified(self, message: websubhub.VerifiedUnsubscription) -> None:
        """Keep nothing."""


class _Subscriber(websubsub.SubscriberService):
    """Takes everything."""

    async def on_event_notification(self, message: websubsub.ContentDistributionMessage) -> None:
        """Keep nothing."""


async def _nothing(scope: Scope, receive: Receive, send: AsgiSend) -> None:
    """The least that an application can do: read the body and answer."""
    if scope["type"] == "lifespan":
        while (event := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{event['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def _subscriber() -> AsyncIterator[tuple[AsgiApp, str]]:
    """A subscriber with a verified subscription, and the path of its callback."""
    web, hub = InMemoryWeb(), RecordingHub()
    target = websubsub.Target(hub=_HUB, topic=TOPIC, secret=SECRET)
    config = websubsub.SubscriberConfig(url="https://me.example/", targets=target)
    app = websubsub.asgi(_Subscriber(), config, client=web.client())
    web["hub.example"], web["me.example"] = hub, app
    async with app, web.client() as client:
        app.listening()
        while not hub.forms:  # noqa: ASYNC110 - the hub does not tell
            await anyio.sleep(0.01)
        callback = hub.forms[0]["hub.callback"]
        query = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "c", "hub.lease_seconds": "86400"}
        (await client.get(callback, params=query)).raise_for_status()
        yield app, httpx.URL(callback).path


@asynccontextmanager
async def application(name: str) -> AsyncIterator[tuple[AsgiApp, str]]:
    """An application by its name, and the path at which it answers."""
    if name == "subscriber":
        async with _subscriber() as subscriber:
            yield subscriber
    elif name == "hub":
        yield websubhub.asgi(_Hub(), websubhub.HubConfig(url="http://127.0.0.1:8080/hub")), "/hub"
    else:
        yield _nothing, "/"


class _Uvicorn(uvicorn.Server):
    """Says where it listens."""

    def __init__(self, app: AsgiApp, path: str) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_level="error", access_log=False))
        self._path = path

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _say(f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}{self._path}")


def _say(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


async def main(server: str, name: str) -> None:
    """Serve until killed."""
    logging.disable()
    async with application(name) as (app, path):
        if server == "uvicorn alone":
            await _Uvicorn(app, path).serve()
        else:
            await serve(app, Binding(port=0, server=server), ready=lambda base: _say(base + path))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], backend_options={"use_uvloop": True})
