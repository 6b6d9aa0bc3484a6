"""Running a hub: its store is open and its parts work until it stops."""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio
from anyio.lowlevel import current_token

from websubhub import ClosedApplication, Response
from websubhub.standalone.admin.http import event_stream
from websubhub.standalone.assembly import Parts, assembled
from websubhub.standalone.backends import open_store
from websubhub.standalone.cautions import cautions
from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.measuring.requests import App
from websubhub.standalone.operating import Start
from websubhub.standalone.reach import Reach
from websubhub.standalone.settings import HUB_PATH, Settings
from websubhub.standalone.stores import shown_store
from websubhub.standalone.tracing.opening import tracing_of

log: logging.Logger = logging.getLogger("websubhub")

#: How long a stopping hub may take to finish its work in progress, in seconds.
GRACE_SECONDS = 10.0
_AGAIN_SECONDS = 1.0


class Hub:
    """A running hub.

    Args:
        parts: The parts of the hub.
        delivered: Set once the last delivery has ended.

    Attributes:
        app: Answers all requests to the hub, including those of operators.
    """

    def __init__(self, parts: Parts, delivered: anyio.Event) -> None:
        operating = parts.operating
        site = operating.site.app(HUB_PATH, parts.app, {event_stream.PATH: operating.stream, "/": operating.admin})
        self.app: App = operating.requests.counting(site)
        self._parts = parts
        self._delivered = delivered

    def stop(self) -> None:
        """Start no more deliveries, and end the event streams."""
        self._parts.delivery.stop()
        self._parts.operating.stream.close()
        self._parts.operating.site.close()

    async def delivered(self) -> None:
        """Wait until the last delivery has ended. Call ``stop`` first."""
        await self._delivered.wait()


@asynccontextmanager
async def running(settings: Settings, url: str, reach: Reach, start: Start | None = None) -> AsyncIterator[Hub]:
    """Run a hub during the block. At the end, it finishes its work in progress within a time limit.

    Args:
        settings: Its settings.
        url: Its public URL.
        reach: The reach of the hub.
        start: What only the caller knows about the hub.

    Raises:
        SettingsError: Tracing is on, but OpenTelemetry is not installed.
        StoreError: The store cannot be opened.
    """
    async with tracing_of(settings) as tracing, open_store(settings) as store:
        events = Events(clock=store.clock)
        store.broker.report_to(events.record)
        async with (
            assembled(settings, store, url, reach, events=events, start=start, tracing=tracing) as parts,
            _working(parts) as delivered,
        ):
            hub = Hub(parts, delivered)
            async with parts.app, parts.operating.admin:
                _record_start(events, settings, url)
                for caution in cautions(settings, url):
                    log.warning("%s", caution)
                try:
                    yield hub
                finally:
                    hub.stop()
                    events.record(Kind.STOPPING)
            with anyio.move_on_after(GRACE_SECONDS):
                await hub.delivered()
            events.tell_counted(everything=True)


def closed() -> ClosedApplication:
    """Return the application of a hub that is starting or stopping: it is alive, but accepts no requests."""
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    alive = Response(status=200, headers=headers, body=json.dumps({"status": "ok"}).encode() + b"\n")
    return ClosedApplication({"/health": alive})


@asynccontextmanager
async def _working(parts: Parts) -> AsyncIterator[anyio.Event]:
    """Run the parts, and yield an event that is set when the last delivery after ``delivery.stop`` has ended."""
    delivered = anyio.Event()

    async def deliver() -> None:
        try:
            await parts.delivery.run()
        finally:
            delivered.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(deliver)
        for work in (
            parts.fetching.run,
            parts.verification.run,
            parts.upkeep.run,
            parts.operating.lag.run,
            parts.operating.sampler.run,
        ):
            tasks.start_soon(_keep_running, work)
        yield delivered
        tasks.cancel_scope.cancel()


async def _keep_running(work: Callable[[], Awaitable[None]]) -> None:
    """Restart a part of the hub when it fails, so that one failure never takes down the rest."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("A part of the hub failed, and is being restarted.")
            await anyio.sleep(_AGAIN_SECONDS)


def _record_start(events: Events, settings: Settings, url: str) -> None:
    events.record(
        Kind.STARTED,
        version=version("websubhub"),
        url=url,
        store=shown_store(settings.store),
        loop=_loop(),
        concurrency=settings.concurrency,
        concurrency_per_host=settings.concurrency_per_host,
        max_content_bytes=settings.max_content_bytes,
        max_backlog=settings.max_backlog,
        max_subscriptions=settings.max_subscriptions,
    )


def _loop() -> str:
    """Return the name of the running event loop: asyncio, trio or uvloop."""
    return type(current_token().native_token).__module__.partition(".")[0]
