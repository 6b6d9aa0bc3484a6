"""The assembly of a hub's operator side: operations, the HTTP API, metrics and measurements."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import attrs
from prometheus_client.core import GaugeMetricFamily, Metric

from websubhub import AsgiEdge, EdgeLoad
from websubhub.standalone.admin.controls import Controls
from websubhub.standalone.admin.dashboard.site import Site, site_of
from websubhub.standalone.admin.http import event_stream, openapi
from websubhub.standalone.admin.http.access import Access
from websubhub.standalone.admin.http.api import Admin
from websubhub.standalone.admin.http.event_stream import EventStream
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.overview import About
from websubhub.standalone.events.events import Events
from websubhub.standalone.measuring.lag import LoopLag
from websubhub.standalone.measuring.process import process_families
from websubhub.standalone.measuring.requests import OTHER, RequestCounter
from websubhub.standalone.measuring.series import Sampler, Series
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import HubStore
from websubhub.standalone.settings import HUB_PATH, Settings

_OPEN_TO_ALL = ("/health", "/ready", "/metrics")


@attrs.frozen(kw_only=True)
class Start:
    """The facts about a hub that only the code that starts it knows.

    Attributes:
        sources: The source of each setting that is not a default, by name.
        connections: Returns how many connections are open, or None if the hub runs on another server.
    """

    sources: Mapping[str, str] = MappingProxyType({})
    connections: Callable[[], int] | None = None


@attrs.frozen(kw_only=True)
class Operating:
    """The operator side of a hub.

    Attributes:
        operations: What operators can do.
        access: Who may do it.
        admin: Answers requests below ``/admin`` and those of monitoring.
        stream: Sends events as they happen.
        site: The pages for browsers.
        requests: Counts requests.
        lag: Measures the lag of the event loop.
        sampler: Fills the series.
    """

    operations: Operations
    access: Access
    admin: AsgiEdge
    stream: EventStream
    site: Site
    requests: RequestCounter
    lag: LoopLag
    sampler: Sampler


def operating(
    settings: Settings,
    store: HubStore,
    controls: Controls,
    events: Events,
    metrics: HubMetrics,
    access: Access,
    *,
    load: Callable[[], EdgeLoad],
    start: Start,
) -> Operating:
    """Return the operator side of a hub.

    Args:
        settings: Its settings.
        store: Its store.
        controls: Its controls.
        events: Its events.
        metrics: Its counts.
        access: Who may use the admin API.
        load: Returns how busy it is.
        start: What only the caller knows about the hub.
    """
    series, lag = Series(), LoopLag()
    about = About(settings=settings, sources=start.sources, url=controls.hub, started_at=controls.clock())
    operations = Operations(store, controls, events, series, about)

    admin = Admin(
        store,
        operations,
        metrics,
        access=access,
        saturated=lambda: load().saturated,
        clock=controls.clock,
        further=lambda: _measured(requests, lag, _connections(controls, start.connections), settings.store),
    )
    requests = RequestCounter(_routes(admin))

    edge = AsgiEdge(admin.handle)
    return Operating(
        operations=operations,
        access=access,
        admin=edge,
        stream=EventStream(operations.events, access, edge),
        site=site_of(settings, operations, access, admin.is_ready, hub=controls.hub, clock=controls.clock),
        requests=requests,
        lag=lag,
        sampler=Sampler(series, metrics, requests, store.broker.statistics, controls.clock),
    )


def _measured(requests: RequestCounter, lag: LoopLag, connections: Metric, store: str) -> Iterable[Metric]:
    yield from requests.families()
    yield from lag.families()
    yield connections
    yield from process_families(store.partition(":")[0])


def _connections(controls: Controls, incoming: Callable[[], int] | None) -> Metric:
    family = GaugeMetricFamily("websubhub_connections", "Open connections, by purpose.", labels=["kind"])
    busy, idle = controls.distributor.connections
    if incoming is not None:
        family.add_metric(["requests"], incoming())
    family.add_metric(["deliveries"], busy)
    family.add_metric(["deliveries_idle"], idle)
    return family


def _routes(admin: Admin) -> Callable[[str], str]:
    """Return a function that maps the path of a request to its route."""
    exact = {HUB_PATH, openapi.PATH, event_stream.PATH, *_OPEN_TO_ALL}
    exact |= {route.path for route in admin.routes if "{" not in route.path}
    others = [route for route in admin.routes if "{" in route.path]

    def route_of(path: str) -> str:
        if path in exact:
            return path
        return next((route.path for route in others if route.match(path) is not None), OTHER)

    return route_of
