"""A hub that answers as it is told, and the small world around it that tests of hubs stand on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

import anyio
import anyio.abc
import attrs
import httpx

from _websub.server.serving import Binding, serve
from tests.waiting import until as until  # noqa: PLC0414 - for those who import it from here
from websubhub import (
    Acknowledgement,
    Headers,
    HubApplication,
    HubConfig,
    HubService,
    Subscription,
    SubscriptionAccepted,
    TopicDeregistration,
    TopicDeregistrationSuccess,
    TopicRegistration,
    TopicRegistrationSuccess,
    Unsubscription,
    UnsubscriptionAccepted,
    UpdateMessage,
    VerifiedSubscription,
    VerifiedUnsubscription,
    asgi,
)
from websubhub.testing import InMemoryWeb, RecordingSubscriber

HUB = "https://hub.example/hub"
TOPIC = "https://publisher.example/feed?tag=a&b=1"
CALLBACK = "https://subscriber.example/callback?user=7"
FORM = "application/x-www-form-urlencoded"
LEAKED = "the password is swordfish"

Fields = Mapping[str, str] | Sequence[tuple[str, str]]


@attrs.frozen
class Raised:
    """An answer that a hook raises instead of returning it."""

    error: Exception


class Hub(HubService):
    """Answers each hook as it is told, else with success, and remembers what it was asked.

    Answers are values to return, or ``Raised`` with what to raise, by the name of the hook.
    """

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, Any]] = []

    @property
    def called(self) -> list[str]:
        return [name for name, _ in self.calls]

    def messages(self, name: str) -> list[Any]:
        return [message for called, message in self.calls if called == name]

    def message(self, name: str) -> Any:
        (message,) = self.messages(name)
        return message

    def _answer(self, name: str, message: Any, default: Any = None) -> Any:
        self.calls.append((name, message))
        answer = self.answers.get(name, default)
        if isinstance(answer, Raised):
            raise answer.error
        return answer

    async def on_register_topic(self, message: TopicRegistration) -> Any:
        return self._answer("on_register_topic", message, TopicRegistrationSuccess())

    async def on_deregister_topic(self, message: TopicDeregistration) -> Any:
        return self._answer("on_deregister_topic", message, TopicDeregistrationSuccess())

    async def on_update_message(self, message: UpdateMessage) -> Any:
        return self._answer("on_update_message", message, Acknowledgement())

    async def on_subscription(self, message: Subscription) -> Any:
        return self._answer("on_subscription", message, SubscriptionAccepted())

    async def on_subscription_validation(self, message: Subscription) -> Any:
        return self._answer("on_subscription_validation", message)

    async def on_subscription_intent_verified(self, message: VerifiedSubscription) -> Any:
        return self._answer("on_subscription_intent_verified", message)

    async def on_unsubscription(self, message: Unsubscription) -> Any:
        return self._answer("on_unsubscription", message, UnsubscriptionAccepted())

    async def on_unsubscription_validation(self, message: Unsubscription) -> Any:
        return self._answer("on_unsubscription_validation", message)

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> Any:
        return self._answer("on_unsubscription_intent_verified", message)


@attrs.frozen
class World:
    """A hub, a subscriber, and the web that connects them."""

    hub: HubService
    app: HubApplication
    web: InMemoryWeb
    subscriber: RecordingSubscriber
    client: httpx.AsyncClient

    async def post(
        self,
        body: Fields | bytes = (),
        content_type: str | None = FORM,
        *,
        query: Fields = (),
        headers: Sequence[tuple[str, str]] = (),
    ) -> httpx.Response:
        """Send the hub a request; its follow-up has ended when this returns, unless the application was entered."""
        content = body if isinstance(body, bytes) else urlencode(body).encode()
        typed = [("Content-Type", content_type)] if content_type is not None else []
        url = f"{HUB}?{urlencode(query)}" if query else HUB
        return await self.client.post(url, content=content, headers=[*typed, *headers])

    async def subscribe(self, *, mode: str = "subscribe", without: str | None = None, **changes: str) -> httpx.Response:
        """Ask the hub for a subscription; keywords are parameters without their hub. prefix."""
        fields = subscription_fields(mode=mode, **changes)
        return await self.post({name: value for name, value in fields.items() if name != without})


def subscription_fields(*, mode: str = "subscribe", **changes: str) -> dict[str, str]:
    """The parameters of a subscription request; keywords are parameters without their hub. prefix."""
    fields = {"hub.mode": mode, "hub.topic": TOPIC, "hub.callback": CALLBACK}
    return fields | {f"hub.{name}": value for name, value in changes.items()}


@asynccontextmanager
async def world(hub: HubService | None = None, *, entered: bool = False, **settings: Any) -> AsyncIterator[World]:
    """A world with a hub in it; entered, the follow-ups of the hub run in the background and end with this block."""
    web, subscriber, service = InMemoryWeb(), RecordingSubscriber(), hub or Hub()
    settings = {"url": HUB, "verification_delays": (0.0,)} | settings
    async with web.client() as client:
        app = asgi(service, HubConfig(**settings), client=client)
        web["hub.example"], web["subscriber.example"] = app, subscriber
        made = World(service, app, web, subscriber, client)
        if not entered:
            yield made
            return
        async with app:
            yield made


def a_subscription(**changes: Any) -> Subscription:
    """A subscription as the hub framework makes it."""
    values: dict[str, Any] = {"hub": HUB, "topic": TOPIC, "callback": CALLBACK, "lease_seconds": 864000}
    return Subscription(**(values | changes))


def form_of(response: httpx.Response) -> dict[str, str]:
    """The fields of an answer that is a form."""
    assert response.headers["content-type"].partition(";")[0] == FORM
    return dict(parse_qsl(response.text, keep_blank_values=True, strict_parsing=True))


def assert_is_one_plain_sentence(response: httpx.Response, *needles: str) -> None:
    """The answer is one line of plain text that names what is wrong and gives nothing away."""
    assert response.headers["content-type"].partition(";")[0] == "text/plain"
    assert len(response.text.splitlines()) == 1, response.text
    assert 0 < len(response.text) <= 300
    assert not [needle for needle in needles if needle not in response.text], response.text
    assert "Traceback" not in response.text
    assert LEAKED not in response.text


class RawCallback:
    """A callback that keeps the target of each request as it stood on the wire, and answers as it is told.

    ``answers`` holds functions from the challenge to status, headers and body, by path or in turn; the last one stays.
    """

    def __init__(self, *answers: Any, by_path: Mapping[str, Any] | None = None) -> None:
        self.answers = list(answers) or [lambda challenge: (200, [], challenge)]
        self.by_path = by_path or {}
        self.requests: list[tuple[str, str, Headers, bytes]] = []

    @property
    def targets(self) -> list[str]:
        return [target for _, target, _, _ in self.requests]

    def queries(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(target.partition("?")[2], keep_blank_values=True)) for target in self.targets]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        target = (scope.get("raw_path") or scope["path"].encode()).decode()
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode()
        pairs = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        self.requests.append((scope["method"], target, Headers(pairs), body))
        challenge = dict(parse_qsl(scope["query_string"].decode())).get("hub.challenge", "").encode()
        in_turn = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = self.by_path.get(scope["path"], in_turn)
        status, headers, content = answer(challenge)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})


@asynccontextmanager
async def served(app: Any, **binding: Any) -> AsyncIterator[str]:
    """Serve an application on a free port of this machine; the value is its base URL."""

    async def serve_it(*, task_status: anyio.abc.TaskStatus[str]) -> None:
        await serve(app, Binding(port=0, **binding), ready=task_status.started)

    async with anyio.create_task_group() as tasks:
        yield await tasks.start(serve_it)
        tasks.cancel_scope.cancel()
