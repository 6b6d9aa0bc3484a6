"""The points of plots, as the page's script expects them: the times first, then the values of each line."""

from typing import Any

from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.parameters import OperationError

_RATES = {"deliveries": {"delivered": "delivered", "retried": "retried", "given up": "dead"}}
_VALUES = {"latency": {"median": "latency_p50", "99th percentile": "latency_p99"}}


def plot_of(found: dict[str, Any], plot: str) -> dict[str, Any]:
    """Return the names, points and unit of a plot.

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
