"""The points of plots, as the script of a page draws them: times first, then a line for each name."""

from typing import Any

from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.parameters import OperationError

_RATES = {"deliveries": {"delivered": "delivered", "retried": "retried", "given up": "dead"}}
_VALUES = {"latency": {"half within": "latency_p50", "99 % within": "latency_p99"}}


def plot_of(found: dict[str, Any], plot: str) -> dict[str, Any]:
    """Return the names, the points and the unit of a plot.

    Args:
        found: The answer of the admin API with the series.
        plot: The name of the plot.
    """
    series, step = found["series"], found["step_seconds"]
    times = [formats.seconds_of(moment) for moment in series["at"]]
    if plot in _RATES:
        names = _RATES[plot]
        rows = [[value / step for value in series[name]] for name in names.values()]
        return {"names": list(names), "rows": [times, *rows], "unit": ""}
    if plot in _VALUES:
        names = _VALUES[plot]
        rows = [[None if value is None else value * 1_000 for value in series[name]] for name in names.values()]
        return {"names": list(names), "rows": [times, *rows], "unit": " ms"}
    raise OperationError(404, "There is no such plot.")
