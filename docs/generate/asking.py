"""Requests to a hub in memory, whose hooks follow a script."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import anyio
import attrs
import httpx

from websubhub import Acknowledgement, HubConfig, HubService, TopicDeregistrationSuccess, TopicRegistrationSuccess, asgi
from websubhub.testing import InMemoryWeb, RecordingSubscriber

HUB = "https://hub.example/hub"
TOPIC = "https://example.com/feed"
CALLBACK = "https://subscriber.example/callback?id=7"
FORM = "application/x-www-form-urlencoded"

_REQUIRED: dict[str, object] = {
    "on_register_topic": TopicRegistrationSuccess(),
    "on_deregister_topic": TopicDeregistrationSuccess(),
    "on_update_message": Acknowledgement(),
    "on_subscription_intent_verified": None,
    "on_unsubscription_intent_verified": None,
}


@attrs.frozen(kw_only=True)
class Ask:
    """A request to the hub.

    Attributes:
        fields: The form, if there is one.
        body: The body, instead of a form.
        content_type: The Content-Type, if there is one.
        query: The query, as fields.
        headers: Further headers.
        method: The method.
        path: The path.
        slow: Whether the body takes longer than allowed.
    """

    fields: Mapping[str, str] | None = None
    body: bytes = b""
    content_type: str | None = FORM
    query: Mapping[str, str] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    method: str = "POST"
    path: str = "/hub"
    slow: bool = False


@attrs.frozen(kw_only=True)
class Told:
    """The result of a request.

    Attributes:
        response: The hub's answer.
        asked: The URLs of the requests that the callback got afterwards, without the challenge.
    """

    response: httpx.Response
    asked: list[str]


def service(script: Mapping[str, object]) -> HubService:
    """Return a hub whose hooks return what the script says, or raise it if it is an error."""
    hooks = {name: _hook(outcome) for name, outcome in {**_REQUIRED, **script}.items()}
    made: HubService = type("Scripted", (HubService,), hooks)()
    return made


def _hook(outcome: object) -> Callable[[Any, Any], Awaitable[object]]:
    async def decide(self: Any, message: Any) -> Any:  # noqa: ARG001 - the form of a hook
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return decide


async def _ask(
    ask: Ask, script: Mapping[str, object], config: HubConfig, subscriber: RecordingSubscriber | None
) -> Told:
    web = InMemoryWeb()
    if subscriber is not None:
        web["subscriber.example"] = subscriber
    hub = asgi(service(script), config, client=web.client())
    web["hub.example"] = hub
    async with web.client() as client, hub:
        response = await client.send(_request(ask))
        await anyio.wait_all_tasks_blocked()
    asked = [url for _, url in web.requests if url.startswith("https://subscriber.example")]
    return Told(response=response, asked=[re.sub(r"hub\.challenge=[^&]*", "hub.challenge=...", url) for url in asked])


def _request(ask: Ask) -> httpx.Request:
    query = f"?{urlencode(ask.query)}" if ask.query else ""
    body = ask.body if ask.fields is None else urlencode(ask.fields).encode()
    headers = {**({"Content-Type": ask.content_type} if ask.content_type else {}), **ask.headers}
    content = _slowly(body) if ask.slow else body
    return httpx.Request(ask.method, f"https://hub.example{ask.path}{query}", headers=headers, content=content)


async def _slowly(body: bytes) -> AsyncIterator[bytes]:
    yield body
    await anyio.sleep(0.2)
    yield body


def ask_hub(
    ask: Ask,
    script: Mapping[str, object] | None = None,
    config: HubConfig | None = None,
    subscriber: RecordingSubscriber | None = None,
) -> Told:
    """Send a request to a hub, and wait for its follow-up.

    Args:
        ask: The request.
        script: The outcomes of the hooks, by their names.
        config: The settings of the hub.
        subscriber: The subscriber that answers at the callback, if there is one.
    """
    settings = config or HubConfig(url=HUB, verification_delays=(0.0,))
    log = logging.getLogger("websub")
    level = log.level
    log.setLevel(logging.CRITICAL)  # some hooks fail on purpose
    try:
        return anyio.run(_ask, ask, script or {}, settings, subscriber)
    finally:
        log.setLevel(level)
