"""The site that browsers see: the dashboard if it is installed, and the first page."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from websubhub import AsgiEdge, EdgeLimits, Paths
from websubhub.standalone.admin.dashboard.first_page import App, Browsable, FirstPage
from websubhub.standalone.admin.http.access import Access
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.settings import Settings

if TYPE_CHECKING:  # it needs the extra
    from websubhub.standalone.admin.dashboard.application import Dashboard

_FORM_BYTES = 65_536
_LIVE = "/live/stream"
#: The paths that answer programs only, also if a browser asks. At any other path, a browser gets a page.
_FOR_PROGRAMS = ("/admin", "/health", "/ready", "/metrics")


def is_installed() -> bool:
    """Return whether the extra ``dashboard`` is installed."""
    return find_spec("jinja2") is not None


class Site:
    """Combines the pages for browsers with the endpoints for programs.

    Args:
        public_url: The hub's public URL.
        is_ready: Returns whether the hub accepts requests and can store them.
        dashboard: The dashboard, or None if there is none.
    """

    def __init__(
        self, public_url: str, is_ready: Callable[[], Awaitable[bool]], dashboard: "Dashboard | None" = None
    ) -> None:
        self._first_page = FirstPage(public_url, is_ready, has_dashboard=dashboard is not None)
        self._dashboard = dashboard

    def app(self, hub_path: str, hub: App, for_programs: Mapping[str, App]) -> Paths:
        """Return the application that answers all requests.

        Args:
            hub_path: The path of the hub.
            hub: The hub.
            for_programs: The other endpoints for programs, by path: the admin API, metrics and health.
        """
        first_page = AsgiEdge(self._first_page.handle)
        apps: dict[str, App] = {**for_programs, hub_path: Browsable(hub, first_page)}
        if self._dashboard is None:
            return Paths(apps, root=first_page)
        edge = AsgiEdge(self._dashboard.handle, limits=EdgeLimits(body_bytes=_FORM_BYTES))
        pages: Mapping[str, App] = dict.fromkeys(self._dashboard.paths, edge)
        others = dict.fromkeys(_FOR_PROGRAMS, apps["/"])
        unknown = Browsable(apps["/"], edge)
        return Paths({**others, **apps, **pages, _LIVE: self._dashboard.live, "/": unknown}, root=edge)

    def close(self) -> None:
        """End the streams that would not end on their own, because the hub is stopping."""
        if self._dashboard is not None:
            self._dashboard.live.close()


def site_of(
    settings: Settings,
    operations: Operations,
    access: Access,
    is_ready: Callable[[], Awaitable[bool]],
    *,
    hub: str,
    clock: Callable[[], float],
) -> Site:
    """Return the site of a hub, with the dashboard if its extra is installed.

    Args:
        settings: The settings of the hub.
        operations: The operations of the admin API.
        access: Who may use them.
        is_ready: Returns whether the hub accepts requests and can store them.
        hub: The hub's public URL.
        clock: Returns the time, in seconds since 1970.
    """
    if not is_installed():
        return Site(hub, is_ready)
    from websubhub.standalone.admin.dashboard.building import build, key_of  # noqa: PLC0415 - needs the extra

    key = key_of(settings.admin_token, settings.viewer_token)
    return Site(hub, is_ready, build(operations, access, is_ready, key=key, public_url=hub, clock=clock))
