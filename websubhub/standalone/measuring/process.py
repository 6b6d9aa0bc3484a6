"""The metrics that Prometheus users expect of every process: its build, memory, processor time and descriptors."""

from collections.abc import Iterable
from importlib.metadata import version
from platform import python_version

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR
from prometheus_client.core import GaugeMetricFamily, Metric


def process_families(store: str) -> Iterable[Metric]:
    """Return the families of this process for Prometheus.

    Args:
        store: The kind of store, such as ``sqlite``.
    """
    build = GaugeMetricFamily(
        "websubhub_build_info", "The version, in labels of a constant 1.", labels=["version", "python", "store"]
    )
    build.add_metric([version("websubhub"), python_version(), store], 1)
    yield build
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        yield from collector.collect()
