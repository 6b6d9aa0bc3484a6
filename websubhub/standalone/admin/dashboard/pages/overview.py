"""The pages about the hub as a whole: the overview of troubles, counts and worst hosts; the settings; the doctor."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from websubhub import Response
from websubhub.standalone.admin.dashboard.headers import json_response
from websubhub.standalone.admin.dashboard.pages.answers import answer_of
from websubhub.standalone.admin.dashboard.pages.plots import plot_of
from websubhub.standalone.admin.dashboard.pages.troubles import troubles_of
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError

_EXAMINED = ("topic", "callback")
_WORST = 5
_MOST_HOSTS = 200
_HOURS = {"1": 1, "24": 24}
_HOUR_SECONDS = 3_600
_TOTALS = ("published", "delivered", "failed", "dead")


class OverviewPages:
    """Shows how the hub is doing.

    Args:
        operations: The operations of the admin API.
        is_ready: Returns whether the hub accepts requests and can store them.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(
        self, operations: Operations, is_ready: Callable[[], Awaitable[bool]], clock: Callable[[], float]
    ) -> None:
        self._hosts = operations.hosts
        self._overview = operations.overview
        self._doctor = operations.doctor
        self._is_ready = is_ready
        self._clock = clock

    async def overview(self, visit: Visit) -> View:
        """Show what is going on."""
        statistics = await answer_of(self._overview.statistics, {})
        info = await answer_of(self._overview.info, {})
        hosts = (await answer_of(self._hosts.page, {"limit": _MOST_HOSTS}))["hosts"]
        limit = next(each["value"] for each in info["settings"] if each["name"] == "max_backlog")
        values = {
            "statistics": statistics,
            "info": info,
            "troubles": troubles_of(
                statistics, hosts, is_ready=await self._is_ready(), backlog_limit=limit, now=self._clock()
            ),
            "worst": _worst(hosts),
            "hours": _hours(visit),
            "totals": {hours: await self._totals(hours) for hours in _HOURS.values()},
            "now": self._clock(),
        }
        return View(template="overview.html", values=values, section="/")

    async def series(self, visit: Visit) -> Response:
        """Return the points of a plot for the script that draws it."""
        found = await self._series(_hours(visit))
        return json_response(json.dumps(plot_of(found, visit.field("plot"))).encode())

    async def settings(self, _: Visit) -> View:
        """Show the settings and the source of each."""
        info = await answer_of(self._overview.info, {})
        return View(template="settings.html", values={"info": info}, section="/settings")

    async def doctor(self, visit: Visit) -> View:
        """Show the form, and the findings once it was sent."""
        given = visit.filters(*_EXAMINED) if visit.request.method == "POST" else dict.fromkeys(_EXAMINED, "")
        found, refusal = None, ""
        if visit.request.method == "POST":
            if not visit.session.may_operate:
                raise OperationError(403, "The viewer token is read-only, but the doctor sends requests to others.")
            try:
                found = await answer_of(self._doctor.examine, given)
            except OperationError as error:
                refusal = str(error)
        values = {"found": found, "given": given, "refusal": refusal}
        return View(template="doctor.html", values=values, section="/settings")

    async def _series(self, hours: int) -> dict[str, Any]:
        return await answer_of(self._overview.series, {"seconds": hours * _HOUR_SECONDS})

    async def _totals(self, hours: int) -> dict[str, int]:
        series = (await self._series(hours))["series"]
        return {name: sum(series[name]) for name in _TOTALS}


def _hours(visit: Visit) -> int:
    return _HOURS.get(visit.field("hours"), 1)


def _worst(hosts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    bad = [host for host in hosts if host["failures"] or host["paused"]]
    return sorted(bad, key=lambda host: (host["parked"], host["failures"]), reverse=True)[:_WORST]
