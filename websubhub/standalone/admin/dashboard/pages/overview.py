"""The first page: what is wrong now, how much is going on, and which hosts are the worst."""

import json
from collections.abc import Callable
from typing import Any

from websubhub import Response
from websubhub.standalone.admin.dashboard.headers import json_response
from websubhub.standalone.admin.dashboard.pages.answers import answer_of
from websubhub.standalone.admin.dashboard.pages.troubles import troubles_of
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations

_WORST = 5
_MOST_HOSTS = 200
_HOURS = {"1": 1, "24": 24}


class OverviewPages:
    """Shows how the hub is doing.

    Args:
        operations: The operations of the admin API.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(self, operations: Operations, clock: Callable[[], float]) -> None:
        self._operations = operations
        self._overview = operations.overview
        self._clock = clock

    async def overview(self, visit: Visit) -> View:
        """Show what is going on."""
        statistics = await answer_of(self._overview.statistics, {})
        info = await answer_of(self._overview.info, {})
        found = await answer_of(self._operations.hosts.page, {"limit": _MOST_HOSTS})
        values = {
            "statistics": statistics,
            "info": info,
            "troubles": troubles_of(statistics, found["hosts"], info, self._clock()),
            "worst": _worst(found["hosts"]),
            "hours": _hours(visit),
            "totals": [(hours, await self._totals(hours)) for hours in (1, 24)],
            "now": self._clock(),
        }
        return View(template="overview.html", values=values, section="/")

    async def series(self, visit: Visit) -> Response:
        """Return the points of a plot."""
        found = await self._series(_hours(visit))
        return json_response(json.dumps(_plot(found, visit.field("plot"))).encode())

    async def _series(self, hours: int) -> dict[str, Any]:
        return await answer_of(self._overview.series, {"hours": hours})

    async def _totals(self, hours: int) -> dict[str, Any]:
        return {}

    async def settings(self, _: Visit) -> View:
        """Show the settings, and where each comes from."""
        info = await answer_of(self._overview.info, {})
        return View(template="settings.html", values={"info": info}, section="/settings")


def _hours(visit: Visit) -> int:
    return _HOURS.get(visit.field("hours"), 1)


def _worst(hosts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    bad = [host for host in hosts if host["failures"] or host["paused"]]
    return sorted(bad, key=lambda host: (host["parked"], host["failures"]), reverse=True)[:_WORST]


def _plot(found: dict[str, Any], plot: str) -> dict[str, Any]:
    raise NotImplementedError
