"""A hub put together from its settings."""

from collections.abc import AsyncIterator, Callable
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
from websubhub.standalone.hub.given_up import GivenUpVerifications
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


@attrs.frozen
class _Given:
    """The arguments of ``assembled``."""

    settings: Settings
    store: HubStore
    hub: str
    reach: Reach
    events: Events
    start: Start
    tracing: Tracing


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
    """The parts of a hub, with everything open that they work with.

    Args:
        settings: Its settings.
        store: Its store, entered.
        hub: Its public URL.
        reach: The reach of the hub.
        events: Where to record what happens.
        start: What is known of it only to whoever starts it.
        tracing: What of it is traced.

    Raises:
        SettingsError: There is no file descriptor left for deliveries.
    """
    networks, signatures = settings.allow_network, settings.signature_method
    distributor = ContentDistributor(
        hub, signature_method=signatures, allow_networks=networks, limits=_engine_limits(settings)
    )
    budgets = fetch_budgets(store.clock, settings.max_content_bytes)
    topics = TopicClient(hub, allow_networks=networks, body_limit=settings.max_content_bytes, budgets=budgets)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(distributor)
        except OSError as error:
            raise SettingsError(f"Deliveries cannot be made here: {(error.strerror or str(error)).lower()}.") from None
        await stack.enter_async_context(topics)
        given = _Given(settings, store, hub, reach, events or Events(), start or Start(), tracing or Tracing())
        yield await _assemble(given, distributor, topics)


def _engine_limits(settings: Settings) -> EngineLimits:
    return EngineLimits(
        connections=settings.concurrency,
        connections_per_origin=settings.concurrency_per_host,
        connections_per_address=settings.concurrency_per_host,
        idle_seconds=settings.idle_seconds,
        total_seconds=settings.delivery_timeout,
        connect_seconds=min(5.0, settings.delivery_timeout),
    )


async def _assemble(given: _Given, distributor: ContentDistributor, topics: TopicClient) -> Parts:
    settings, store, hub, events, tracing = given.settings, given.store, given.hub, given.events, given.tracing
    rules = await _rules(settings, store.topics, topics)
    operators, viewers, publishing = _tokens(settings)
    metrics = HubMetrics(wrong_tokens=lambda: {"admin": operators.wrong + viewers.wrong, "publisher": publishing.wrong})
    schedule = RetrySchedule(delays=settings.retry_delays, refused_attempts=settings.refused_attempts)
    accepted, announced, named_topics, named_callbacks = Wakeup(), Wakeup(), Introductions(), Introductions()
    reports = Reports(events, store)
    refresher = TopicRefresher(store, topics, store.clock, events=events, space=reports.space, trace=tracing.trace)
    fetches, given_up = LastFetches(), GivenUpVerifications()
    refresh = tracing.refresh(NotedRefresh(refresher.refresh, fetches, store.clock))
    fetching = _fetching(store, topics, schedule, announced, metrics, named_topics, refresh=refresh, events=events)
    publishers = PublisherPolicy(publishing, anonymous=settings.anonymous_publishers, reach=given.reach)
    intake = tracing.intake(Intake(store, announced.ring, store.clock, named_topics, events, tracing.trace))
    requests = Requests(store.verifications, accepted.ring, store.clock, _limits(settings), named_callbacks)
    service = StandaloneHub(store, rules, publishers, intake, requests, metrics, reports=reports)
    app = HubApplication(service, _config(settings, hub), clock=store.clock)
    budget = _verification_budget(hub, store.clock)
    verification = _verification(
        store, app, accepted, budget, metrics, named_callbacks, events=events, given_up=given_up
    )
    controls = Controls(
        hub=hub, deny=app.deny, announced=announced.ring, accepted=accepted.ring, verifications=budget,
        distributor=distributor, clock=store.clock, given_up=given_up, fetches=fetches,
    )  # fmt: skip
    access = Access(operators, viewers, given.reach)
    operator = operating(settings, store, controls, events, metrics, access, load=lambda: app.load, start=given.start)
    return Parts(
        events=events,
        app=app,
        operating=operator,
        delivery=_delivery(settings, store, tracing.distributor(distributor), schedule, metrics, events=events),
        fetching=fetching,
        verification=verification,
        upkeep=_upkeep(settings, store, distributor, events, reports.space),
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
    settings: Settings, store: HubStore, distributor: ContentDistributor, events: Events, space: Space
) -> Upkeep:
    seconds = settings.dead_letter_days * 86_400
    return Upkeep(store, seconds, store.clock, distributor.close_idle, events=events, space=space)


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
    budget: VerificationBudget,
    metrics: HubMetrics,
    introductions: Introductions,
    *,
    events: Events,
    given_up: GivenUpVerifications,
) -> VerificationWorker:
    return VerificationWorker(
        store.verifications,
        app.attempt_verification,
        app.config.public_url,
        accepted,
        deny=app.deny,
        budget=budget,
        clock=store.clock,
        count=metrics.verifications.count,
        introductions=introductions,
        events=events,
        given_up=given_up,
    )


def _verification_budget(hub: str, clock: Callable[[], float]) -> VerificationBudget:
    """Return the budget for verifications, with shorter pauses for a hub on loopback."""
    strangers = HubConfig().verification_budget
    if is_loopback_url(hub):
        strangers = attrs.evolve(strangers, pause_seconds=_PAUSE_ON_LOOPBACK_SECONDS)
    return VerificationBudget(clock, strangers=strangers)


def _limits(settings: Settings) -> SubscriptionLimits:
    return SubscriptionLimits(per_host=settings.subscriptions_per_host, in_all=settings.max_subscriptions)


def _tokens(settings: Settings) -> tuple[Tokens, Tokens, Tokens]:
    """Return the tokens of operators, those of viewers, and those of publishers."""
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
