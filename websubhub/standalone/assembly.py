"""A hub put together from its settings."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import attrs

from websubhub import (
    AsgiEdge,
    ContentDistributor,
    EdgeLimits,
    EngineLimits,
    HubApplication,
    HubConfig,
    TopicClient,
    is_loopback_url,
)
from websubhub.standalone.admin import Admin
from websubhub.standalone.delivery import DeliveryLoop
from websubhub.standalone.metrics import DeliveryMetrics
from websubhub.standalone.operations import Operations
from websubhub.standalone.policies import PublisherPolicy
from websubhub.standalone.ports import HubStore, TopicStore
from websubhub.standalone.publishing import Publishing
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.service import StandaloneHub
from websubhub.standalone.settings import Settings
from websubhub.standalone.topics import TopicRules
from websubhub.standalone.upkeep import Upkeep
from websubhub.standalone.verification import VerificationWorker

log = logging.getLogger("websubhub")

HUB_PATH = "/hub"
#: How long a hub that stops may take to finish what it has begun, in seconds.
GRACE_SECONDS = 10.0
_AGAIN_SECONDS = 1.0
_SLOTS_FOR_EACH_CONNECTION = 16
_PAGE = 500


@attrs.frozen(kw_only=True)
class Parts:
    """What a hub is made of."""

    app: HubApplication
    admin: AsgiEdge
    delivery: DeliveryLoop
    publishing: Publishing
    verification: VerificationWorker
    upkeep: Upkeep


@asynccontextmanager
async def assembled(settings: Settings, store: HubStore, hub: str, *, private: bool) -> AsyncIterator[Parts]:
    """The parts of a hub, with everything open that they work with.

    Args:
        settings: Its settings.
        store: Its store, entered.
        hub: Its public URL.
        private: Whether only this machine can reach it, so that it may be operated without a token.
    """
    networks = settings.allow_network
    limits = EngineLimits(
        connections=settings.concurrency,
        connections_per_origin=settings.concurrency_per_host,
        total_seconds=settings.delivery_timeout,
        connect_seconds=min(5.0, settings.delivery_timeout),
    )
    distributor = ContentDistributor(
        hub, signature_method=settings.signature_method, allow_networks=networks, limits=limits
    )
    topics = TopicClient(hub, allow_networks=networks, body_limit=settings.max_content_bytes)
    async with distributor, topics:
        yield await _assemble(settings, store, hub, private, distributor, topics)


async def _assemble(
    settings: Settings,
    store: HubStore,
    hub: str,
    private: bool,  # noqa: FBT001 - passed on
    distributor: ContentDistributor,
    topics: TopicClient,
) -> Parts:
    rules = _rules(settings, store.topics, topics)
    await _apply_rules(store.topics, rules)
    public = not is_loopback_url(hub)
    publishing = Publishing(store, topics)
    publishers = PublisherPolicy(settings.publisher_token, required=public and not settings.anonymous_publishers)
    service = StandaloneHub(store, rules, publishers, publishing)
    app = HubApplication(service, _config(settings, hub))
    verification = VerificationWorker(store.verifications, app.verify, hub)
    service.on_pending = verification.wake
    metrics = DeliveryMetrics()
    admin = Admin(
        store,
        Operations(store, hub, app.deny),
        metrics,
        token=settings.admin_token,
        open_to_all=private,
        saturated=lambda: app.load.saturated,
    )
    schedule = RetrySchedule(delays=settings.retry_delays)
    slots = settings.concurrency * _SLOTS_FOR_EACH_CONNECTION
    return Parts(
        app=app,
        admin=AsgiEdge(admin.handle),
        delivery=DeliveryLoop(store.broker, distributor, schedule, metrics, slots=slots),
        publishing=publishing,
        verification=verification,
        upkeep=Upkeep(store, settings.dead_letter_days * 86_400),
    )


def _rules(settings: Settings, known: TopicStore, client: TopicClient) -> TopicRules:
    return TopicRules(
        known,
        registered_only=settings.topics == "registered",
        latest_only=settings.latest_only,
        feed_diff=settings.feed_diff,
        validate=client if settings.validate_topics else None,
    )


def _config(settings: Settings, hub: str) -> HubConfig:
    return HubConfig(
        url=hub,
        path=HUB_PATH,
        lease_seconds=settings.lease_seconds,
        min_lease_seconds=settings.min_lease_seconds,
        max_lease_seconds=settings.max_lease_seconds,
        allow_networks=settings.allow_network,
        limits=EdgeLimits(body_bytes=settings.max_content_bytes),
    )


async def _apply_rules(topics: TopicStore, rules: TopicRules) -> None:
    """Give the topics that are known already the options of these settings."""
    page = await topics.page(limit=_PAGE)
    while page:
        for topic in page:
            wanted = rules.topic(topic.url, registered=topic.registered)
            if rules.names(topic.url) and wanted != topic:
                await topics.save(wanted)
        page = await topics.page(after=page[-1].url, limit=_PAGE)


@asynccontextmanager
async def working(parts: Parts) -> AsyncIterator[anyio.Event]:
    """Let the parts work; gives the event that the last delivery has ended, once ``delivery.stop`` was called."""
    delivered = anyio.Event()

    async def deliver() -> None:
        try:
            await parts.delivery.run()
        finally:
            delivered.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(deliver)
        for work in (parts.publishing.run, parts.verification.run, parts.upkeep.run):
            tasks.start_soon(_keep_running, work)
        yield delivered
        tasks.cancel_scope.cancel()


async def _keep_running(work: Callable[[], Awaitable[None]]) -> None:
    """Start a part of the hub again when it fails, so that it takes the other parts with it never."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("A part of the hub failed, and starts again.")
            await anyio.sleep(_AGAIN_SECONDS)


def warn(settings: Settings, hub: str) -> None:
    """Tell the log what is unsafe about these settings."""
    if not hub.startswith("https:") and not is_loopback_url(hub):
        log.warning("The public URL is not https: secrets of subscribers travel in the clear.")
    if not is_loopback_url(hub) and not settings.publisher_token and not settings.anonymous_publishers:
        log.warning("No publisher token is set: nobody can publish content here, only announce it.")
    if settings.allow_network:
        log.warning("These networks may be called although they are not public: %s.", ", ".join(settings.allow_network))
