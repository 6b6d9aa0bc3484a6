"""A demo of all of WebSub on loopback: a hub, a publisher and a subscriber that talk over real HTTP."""

import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol, Self, TextIO
from urllib.parse import urljoin

import anyio
import attrs
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream

from _websub.namesake import require_own_subscriber
from websubhub import Advertiser, Answer, AsgiEdge, Binding, PublisherClient, Request, Response, TopicClient, serve_app

require_own_subscriber()
import websubsub  # noqa: E402 - only once it is known to be ours

_STEP_SECONDS = 10.0
_ATOM = b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Demo</title></feed>'
_UPDATES = (
    ("JSON", b'{"hello": "subscribers"}', "application/json"),
    ("Atom", _ATOM, "application/atom+xml; charset=utf-8"),
    ("binary", bytes(range(256)) * 4, "application/octet-stream"),
)


class RunHub(Protocol):
    """Runs a hub until it is cancelled."""

    async def __call__(self, *, ready: Callable[[str], None]) -> None:
        """Run the hub, and call ``ready`` with its URL."""


class DemoError(Exception):
    """A step of the demo failed."""


class Stage:
    """Prints the steps as they happen, each with the time it took.

    Args:
        out: The stream to print to.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._color = out.isatty()

    @contextmanager
    def step(self, who: str, what: str) -> Iterator[Callable[[str], None]]:
        """Print a step after the block has run. The block may add notes.

        Raises:
            DemoError: The step failed. The message says which.
        """
        notes: list[str] = []
        start = time.perf_counter()
        try:
            with anyio.fail_after(_STEP_SECONDS):
                yield notes.append
        except Exception as error:
            cause = "; ".join(f"{type(leaf).__name__}: {leaf}".rstrip(": ") for leaf in _leaves(error))
            self._line("✗", who, what, cause, color="31")
            raise DemoError(f"{who}: {what}: {cause}") from error
        milliseconds = (time.perf_counter() - start) * 1000
        self._line("✓", who, what, "; ".join([*notes, f"{milliseconds:.1f} ms"]), color="32")

    def title(self, text: str) -> None:
        """Print a title."""
        print(f"\n{self._painted(text, '1')}\n", file=self._out, flush=True)

    def _line(self, mark: str, who: str, what: str, note: str, *, color: str) -> None:
        text = f"{self._painted(mark, color)} {who:<10} {what:<46} {self._painted(note, '2')}"
        print(text, file=self._out, flush=True)

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


@attrs.frozen
class _Received:
    message: websubsub.ContentDistributionMessage
    at: float


class DemoSubscriber(websubsub.SubscriberService):
    """Keeps deliveries with their time of arrival."""

    def __init__(self) -> None:
        self.received: MemoryObjectReceiveStream[_Received]
        self._incoming, self.received = anyio.create_memory_object_stream[_Received](10)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._incoming.close()
        self.received.close()

    async def on_event_notification(self, message: websubsub.ContentDistributionMessage) -> None:
        """Keep a delivery, whose signature has already been checked."""
        self._incoming.send_nowait(_Received(message, time.perf_counter()))


async def demo(run_hub: RunHub, out: TextIO = sys.stdout) -> None:
    """Run the demo, and print each step.

    Args:
        run_hub: Runs a hub on loopback until cancelled, and passes on its URL once it is ready.
        out: The stream to print to.

    Raises:
        DemoError: A step failed. The message says which.
    """
    stage = Stage(out)
    stage.title("WebSub on loopback: register, discover, subscribe, verify, publish, deliver")
    async with anyio.create_task_group() as tasks:
        with stage.step("hub", "listens, with its state in memory") as note:
            hub = await tasks.start(_run_hub, run_hub)
            note(hub)
        with stage.step("publisher", "serves its topic and advertises the hub") as note:
            topic = f"{await tasks.start(_serve_topic, hub)}/feed"
            note(topic)
        async with PublisherClient(hub) as publisher:
            with stage.step("publisher", "registers the topic at the hub"):
                await publisher.register_topic(topic)
            async with _subscriber(stage, topic) as subscriber:
                with stage.step("hub", "verifies intent, stores the subscription"):
                    await _subscribed(hub)
                stage.title("Three updates")
                for name, content, content_type in _UPDATES:
                    await _publish(stage, publisher, subscriber, topic, (name, content, content_type))
        tasks.cancel_scope.cancel()
    stage.title("Everything arrived, signed and unchanged.")


async def _run_hub(run_hub: RunHub, *, task_status: TaskStatus[str]) -> None:
    await run_hub(ready=task_status.started)


async def _serve_topic(hub: str, *, task_status: TaskStatus[str]) -> None:
    async def page(_: Request) -> Answer:
        return Answer(Response(status=200, headers=[("Content-Type", "text/plain")], body=b"The demo's topic.\n"))

    base: list[str] = []

    def ready(url: str) -> None:
        base.append(url)
        task_status.started(url)

    app = Advertiser(AsgiEdge(page), hubs=[hub], topic=lambda path: base[0] + path)
    await serve_app(app, Binding(port=0), ready=ready)


@asynccontextmanager
async def _subscriber(stage: Stage, topic: str) -> AsyncIterator[DemoSubscriber]:
    """Yield a subscriber that has subscribed, and unsubscribe it at the end."""
    service = DemoSubscriber()
    observed, events = anyio.create_memory_object_stream[websubsub.SubscriberEvent](100)
    async with observed, events, service, websubsub.SubscriberListener(port=0) as listener:
        with stage.step("subscriber", "listens") as note:
            url = await listener.start()
            note(url)
        config = websubsub.SubscriberConfig(
            url=f"{url}/callbacks/",
            targets=websubsub.Target(resource=topic),
            observer=observed.send_nowait,
            unsubscribe_on_shutdown=True,
        )
        with stage.step("subscriber", "discovers the hub, subscribes with a secret") as note:
            listener.attach(service, config=config)
            event = await events.receive()
            while event.kind is not websubsub.EventKind.SUBSCRIBED:
                if event.kind is websubsub.EventKind.FAILED:
                    raise DemoError(event.reason)
                event = await events.receive()
            note(f"verified for {event.lease_seconds} s")
        yield service
        stage.title("Goodbye")
        with stage.step("subscriber", "unsubscribes, and the hub verifies it"):
            await listener.graceful_stop()


async def _subscribed(hub: str) -> None:
    """Wait until the hub has stored the confirmed subscription."""
    async with TopicClient(hub) as client:
        while True:
            content = await client.fetch(urljoin(hub, "/admin/statistics"))
            if content is not None and json.loads(content.body)["subscriptions"]:
                return
            await anyio.sleep(0.01)


async def _publish(
    stage: Stage,
    publisher: PublisherClient,
    subscriber: DemoSubscriber,
    topic: str,
    update: tuple[str, bytes, str],
) -> None:
    name, content, content_type = update
    with stage.step("publisher", f"publishes {name}, {len(content)} bytes"):
        start = time.perf_counter()
        await publisher.publish_update(topic, content, content_type)
    with stage.step("subscriber", f"receives {content_type}") as note:
        received = await subscriber.received.receive()
        if received.message.body != content or received.message.content_type != content_type:
            raise DemoError("what arrived is not what was published")
        note(f"{received.message.headers['x-hub-signature'][:18]}… checked")
        note(f"{(received.at - start) * 1000:.1f} ms after publish")


def _leaves(error: BaseException) -> list[BaseException]:
    """Return the errors in a group, at any depth, or the error itself."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def main(run_hub: RunHub, out: TextIO = sys.stdout, *, backend: str = "asyncio") -> int:
    """Run the demo, and return 0 if every step succeeded, else 1.

    Args:
        run_hub: Runs a hub on loopback until cancelled, and passes on its URL once it is ready.
        out: The stream to print to.
        backend: ``asyncio`` or ``trio``.
    """
    failures: list[BaseException] = []
    try:
        anyio.run(demo, run_hub, out, backend=backend)
    except* DemoError as group:
        failures.extend(_leaves(group))
    for failure in failures:
        print(f"The demo failed: {failure}", file=sys.stderr)
    return 1 if failures else 0
