"""A subscriber, a hub that does as it is told, and the web between them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
import attrs
import httpx
import pytest

from tests.waiting import until
from tests.websubsub.hub import Asked, ScriptedHub
from websubhub.testing import InMemoryWeb
from websubsub import (
    ContentDistributionMessage,
    HubError,
    State,
    SubscriberApplication,
    SubscriberConfig,
    SubscriberEvent,
    SubscriberService,
    Subscription,
    SubscriptionDenied,
    SubscriptionVerification,
    Target,
    UnsubscriptionVerification,
    asgi,
)

URL = "https://sub.example/cb/"
HUB = "https://hub.example/hub"
TOPIC = "https://pub.example/feed?tag=a&b=1"
TARGET = Target(hub=HUB, topic=TOPIC)
#: When the first world of a test is made, in seconds since 1970.
BEGINNING = 1_800_000_000.0


class Recorder(SubscriberService):
    """A subscriber that keeps what it was told, and answers what a test puts into ``answers``."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.answers: dict[str, Any] = {}

    async def _note(self, name: str, message: object, default: object) -> Any:
        self.messages.append(message)
        answer = self.answers.get(name, default)
        if callable(answer):
            return await answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def on_event_notification(self, message: ContentDistributionMessage) -> Any:
        return await self._note("on_event_notification", message, None)

    async def on_subscription_verification(self, message: SubscriptionVerification) -> Any:
        return await self._note(
            "on_subscription_verification", message, await super().on_subscription_verification(message)
        )

    async def on_unsubscription_verification(self, message: UnsubscriptionVerification) -> Any:
        return await self._note(
            "on_unsubscription_verification", message, await super().on_unsubscription_verification(message)
        )

    async def on_subscription_validation_denied(self, message: SubscriptionDenied) -> Any:
        return await self._note("on_subscription_validation_denied", message, None)

    async def on_hub_error(self, message: HubError) -> Any:
        return await self._note("on_hub_error", message, None)

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.messages if type(message) is kind]


@attrs.define
class World:
    """Everything a test of the subscriber talks to."""

    web: InMemoryWeb
    client: httpx.AsyncClient
    hub: ScriptedHub
    service: Recorder
    app: SubscriberApplication
    events: list[SubscriberEvent]

    @property
    def asked(self) -> Asked:
        return self.hub.asked[-1]

    @property
    def subscription(self) -> Subscription:
        return self.app.subscriptions.all()[-1]

    def state(self) -> State:
        return self.subscription.state

    async def subscribe(self, target: Target = TARGET) -> Subscription:
        """Subscribe and wait until the hub has verified it."""
        self.app.subscribe(target)
        return await self.until(lambda known: known.delivers, target)

    async def until(self, reached: Callable[[Subscription], bool], target: Target = TARGET) -> Subscription:
        await until(lambda: any(map(reached, self.app.subscriptions.of(target.name)[-1:])))
        return self.app.subscriptions.of(target.name)[-1]

    async def request(self, target: Target = TARGET) -> None:
        """Ask the hub, which takes the request and does not verify it."""
        self.hub.verifies = False
        self.app.subscribe(target)
        await until(lambda: bool(self.hub.asked))

    def kinds(self) -> list[str]:
        return [event.kind.value for event in self.events]


def follow_the_event_loop(app: SubscriberApplication, start: float) -> None:
    """Let the time of day pass as that of the event loop does, which may be a fake, since it was ``start`` there."""
    for part in (app.subscriptions, app._lifecycle, app._dispatcher):
        part._clock = lambda: BEGINNING + anyio.current_time() - start


MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def make_world() -> AsyncIterator[MakeWorld]:
    start = anyio.current_time()
    async with AsyncExitStack() as stack:

        async def make(service: Recorder | None = None, **settings: Any) -> World:
            web = InMemoryWeb()
            client = await stack.enter_async_context(web.client())
            events: list[SubscriberEvent] = []
            chosen: dict[str, Any] = {"url": URL, "observer": events.append} | settings
            config = SubscriberConfig(**chosen)
            hub = ScriptedHub(client)
            service = service or Recorder()
            app = asgi(service, config, client=client)
            follow_the_event_loop(app, start)
            web["hub.example"] = hub
            web["sub.example"] = app
            await stack.enter_async_context(app)
            app.listening()
            return World(web=web, client=client, hub=hub, service=service, app=app, events=events)

        yield make


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    return await make_world()
