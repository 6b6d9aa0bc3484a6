"""The assembly of a hub from its settings."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

import attrs

from websubhub import (
    ContentDistributor,
    EdgeLimits,
    EngineLimits,
    HubApplication,
    HubConfig,
    TopicClient,
    VerificationBudget,
    is_loopback_url,
)
from websubhub.standalone.admin.controls import Controls
from websubhub.standalone.admin.http.access import Access
from websubhub.standalone.events.events import Events
from websubhub.standalone.hub.intake import Intake
from websubhub.standalone.hub.introductions import Introductions
from websubhub.standalone.hub.last_fetches import LastFetches
from websubhub.standalone.hub.policies import PublisherPolicy
from websubhub.standalone.hub.reports import Reports
from websubhub.standalone.hub.requests import Requests
from websubhub.standalone.hub.service import StandaloneHub
from websubhub.standalone.hub.space import Space
from websubhub.standalone.hub.topics import TopicRules
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.operating import Operating, Start, operating
from websubhub.standalone.ports import HubStore, SubscriptionLimits, TopicStore
from websubhub.standalone.reach import Reach
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.settings import HUB_PATH, Settings, SettingsError
from websubhub.standalone.tokens import Tokens, named_tokens
from websubhub.standalone.tracing.tracing import Refresh, Tracing
from websubhub.standalone.work.contents import Distributor
from websubhub.standalone.work.delivery import DeliveryLoop
from websubhub.standalone.work.fetching import TopicFetching, fetch_budgets
from websubhub.standalone.work.noting import NotedRefresh
from websubhub.standalone.work.refreshing import TopicRefresher
from websubhub.standalone.work.upkeep import Upkeep
from websubhub.standalone.work.verification import VerificationWorker
from websubhub.standalone.work.wakeup import Wakeup

_SLOTS_FOR_EACH_CONNECTION = 16
_PAUSE_ON_LOOPBACK_SECONDS = 10.0


@attrs.frozen(kw_only=True)
class Parts:
    """The parts of a hub."""

    events: Events
    app: HubApplication
    operating: Operating
    delivery: DeliveryLoop
    fetching: TopicFetching
    verification: VerificationWorker
    upkeep: Upkeep


@asynccontextmanager
async def assembled(
    settings: Settings,
    store: HubStore,
    hub: str,
    reach: Reach,
    *,
    events: Events | None = None,
    start: Start | None = None,
    tracing: Tracing | None = None,
) -> AsyncIterator[Parts]:
    """Assemble the parts of a hub, and open everything that they use.

    Args:
        settings: Its settings.
        store: Its store, entered.
        hub: Its public URL.
        reach: The reach of the hub.
        events: Where to record what happens.
        start: What only the caller knows about the hub.
        tracing: Its tracing, if it is traced.

    Raises:
        SettingsError: No file descriptor is left for deliveries.
    """
    networks = settings.allow_network
    distributor = ContentDistributor(
        hub, signature_method=settings.signature_method, allow_networks=networks, limits=_engine_limits(settings)
    )
    budgets = fetch_budgets(store.clock, settings.max_content_bytes)
    topics = TopicClient(hub, allow_networks=networks, body_limit=settings.max_content_bytes, budgets=budgets)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(distributor)
        except OSError as error:
            raise SettingsError(f"The hub cannot make deliveries: {(error.strerror or str(error)).lower()}.") from None
        await stack.enter_async_context(topics)
        yield await _assemble(
            settings,
            store,
            hub,
            reach,
            events=events or Events(),
            start=start or Start(),
            tracing=tracing or Tracing(),
            distributor=distributor,
            topics=topics,
        )


async def _assemble(  # noqa: PLR0913 - everything that the parts need, all but the first four by keyword
    settings: Settings,
    store: HubStore,
    hub: str,
    reach: Reach,
    *,
    events: Events,
    start: Start,
    tracing: Tracing,
    distributor: ContentDistributor,
    topics: TopicClient,
) -> Parts:
    rules = await _rules(settings, store.topics, topics)
    operators, viewers, publishing = _tokens(settings)
    metrics = HubMetrics(wrong_tokens=lambda: {"admin": operators.wrong + viewers.wrong, "publisher": publishing.wrong})
    schedule = RetrySchedule(delays=settings.retry_delays, refused_attempts=settings.refused_attempts)
    accepted, announced, named_topics, named_callbacks = Wakeup(), Wakeup(), Introductions(), Introductions()
    reports = Reports(events, store)
    publishers = PublisherPolicy(publishing, anonymous=settings.anonymous_publishers, reach=reach)
    intake = tracing.intake(Intake(store, announced.ring, store.clock, named_topics, events, tracing.trace))
    requests = Requests(store.verifications, accepted.ring, store.clock, _limits(settings), named_callbacks)
    service = StandaloneHub(store, rules, publishers, intake, requests, metrics, reports=reports)
    app = HubApplication(service, _config(settings, hub), clock=store.clock)
    controls = Controls(
        hub=hub, deny=app.deny, announced=announced.ring, accepted=accepted.ring,
        verifications=_verification_budget(hub, store.clock), distributor=distributor, clock=store.clock,
    )  # fmt: skip
    refresh = _refresh(store, topics, events, reports.space, tracing, controls.fetches)
    fetching = _fetching(store, topics, schedule, announced, metrics, named_topics, refresh=refresh, events=events)
    access = Access(operators, viewers, reach)
    operator = operating(settings, store, controls, events, metrics, access, load=lambda: app.load, start=start)
    return Parts(
        events=events,
        app=app,
        operating=operator,
        delivery=_delivery(settings, store, tracing.distributor(distributor), schedule, metrics, events=events),
        fetching=fetching,
        verification=_verification(store, app, accepted, controls, metrics, named_callbacks, events=events),
        upkeep=_upkeep(settings, store, (distributor, topics), events, reports.space),
    )


def _delivery(
    settings: Settings,
    store: HubStore,
    distributor: Distributor,
    schedule: RetrySchedule,
    metrics: HubMetrics,
    *,
    events: Events,
) -> DeliveryLoop:
    slots = settings.concurrency * _SLOTS_FOR_EACH_CONNECTION
    return DeliveryLoop(
        store.broker, distributor, schedule, metrics.deliveries, slots=slots, clock=store.clock, events=events
    )


def _upkeep(
    settings: Settings,
    store: HubStore,
    clients: Iterable[ContentDistributor | TopicClient],
    events: Events,
    space: Space,
) -> Upkeep:
    seconds = settings.dead_letter_days * 86_400
    close_idle = [client.close_idle for client in clients]
    return Upkeep(store, seconds, store.clock, close_idle, events=events, space=space)


def _engine_limits(settings: Settings) -> EngineLimits:
    return EngineLimits(
        connections=settings.concurrency,
        connections_per_origin=settings.concurrency_per_host,
        connections_per_address=settings.concurrency_per_host,
        idle_seconds=settings.idle_seconds,
        total_seconds=settings.delivery_timeout,
        connect_seconds=min(5.0, settings.delivery_timeout),
    )


def _refresh(
    store: HubStore, topics: TopicClient, events: Events, space: Space, tracing: Tracing, fetches: LastFetches
) -> Refresh:
    refresher = TopicRefresher(store, topics, store.clock, events=events, space=space, trace=tracing.trace)
    return tracing.refresh(NotedRefresh(refresher.refresh, fetches, store.clock))


def _fetching(
    store: HubStore,
    topics: TopicClient,
    schedule: RetrySchedule,
    announced: Wakeup,
    metrics: HubMetrics,
    introductions: Introductions,
    *,
    refresh: Refresh,
    events: Events,
) -> TopicFetching:
    return TopicFetching(
        store,
        refresh,
        schedule,
        announced,
        metrics.fetches,
        budgets=topics.budgets,
        clock=store.clock,
        introductions=introductions,
        events=events,
    )


def _verification(
    store: HubStore,
    app: HubApplication,
    accepted: Wakeup,
    controls: Controls,
    metrics: HubMetrics,
    introductions: Introductions,
    *,
    events: Events,
) -> VerificationWorker:
    return VerificationWorker(
        store.verifications,
        app.attempt_verification,
        app.config.public_url,
        accepted,
        deny=app.deny,
        budget=controls.verifications,
        clock=store.clock,
        count=metrics.verifications.count,
        introductions=introductions,
        events=events,
        given_up=controls.given_up,
    )


def _verification_budget(hub: str, clock: Callable[[], float]) -> VerificationBudget:
    """Return the budget for verifications. A hub on loopback gets shorter pauses."""
    strangers = HubConfig().verification_budget
    if is_loopback_url(hub):
        strangers = attrs.evolve(strangers, pause_seconds=_PAUSE_ON_LOOPBACK_SECONDS)
    return VerificationBudget(clock, strangers=strangers)


def _limits(settings: Settings) -> SubscriptionLimits:
    return SubscriptionLimits(per_host=settings.subscriptions_per_host, in_all=settings.max_subscriptions)


def _tokens(settings: Settings) -> tuple[Tokens, Tokens, Tokens]:
    """Return the tokens of operators, of viewers and of publishers."""
    admin, viewer = ((token,) if token else () for token in (settings.admin_token, settings.viewer_token))
    return Tokens(admin, "admin"), Tokens(viewer, "viewer"), named_tokens(settings.publisher_token, "publisher")


async def _rules(settings: Settings, known: TopicStore, client: TopicClient) -> TopicRules:
    rules = TopicRules(
        known,
        registered_only=settings.topics == "registered",
        latest_only=settings.latest_only,
        feed_diff=settings.feed_diff,
        validate=client if settings.validate_topics else None,
    )
    await rules.apply()
    return rules


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
