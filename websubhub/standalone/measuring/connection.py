"""The metrics of the connection to a remote store."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from websubhub.standalone.ports import StoreConnection


def connection_families(connection: StoreConnection | None) -> Iterable[Metric]:
    """Return the families of a connection for Prometheus, or none if the store is local.

    Args:
        connection: The connection.
    """
    if connection is None:
        return
    text = "Whether this process is connected to the servers of its store (1) or not (0)."
    yield GaugeMetricFamily("websubhub_store_connected", text, value=float(connection.connected))
    text = "How often the connection to the servers of the store was lost."
    yield CounterMetricFamily("websubhub_store_connection_losses", text, value=connection.losses)
    text = "The partitions of callbacks that this process delivers to, of 32 in the whole hub."
    yield GaugeMetricFamily("websubhub_store_partitions", text, value=connection.partitions)
    text = "Whether each partition has a process that answers (1), or counts of the hub may be too low (0)."
    yield GaugeMetricFamily("websubhub_store_complete", text, value=float(connection.complete))
