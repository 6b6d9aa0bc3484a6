"""The export of spans to this process's tracer provider or, without one, to a collector over OTLP."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio
import anyio.to_thread
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

log: logging.Logger = logging.getLogger("websubhub")

_FLUSH_SECONDS = 5.0
_VERSION = version("websubhub")


@asynccontextmanager
async def exporting() -> AsyncIterator[trace.Tracer]:
    """Yield the tracer of a hub. At the end of the block, the remaining spans are sent within a time limit.

    If a provider is set in this process, for example by ``opentelemetry-instrument``, it is used. Otherwise the
    variables of OpenTelemetry set the destination and the sampling, for example ``OTEL_EXPORTER_OTLP_ENDPOINT`` and
    ``OTEL_TRACES_SAMPLER``.
    """
    given = trace.get_tracer_provider()
    if not isinstance(given, trace.ProxyTracerProvider):
        yield given.get_tracer("websubhub", _VERSION)
        return
    # The environment's description of the service takes precedence.
    resource = Resource.create({SERVICE_NAME: "websubhub", SERVICE_VERSION: _VERSION}).merge(
        OTELResourceDetector().detect()
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield provider.get_tracer("websubhub", _VERSION)
    finally:
        with anyio.move_on_after(_FLUSH_SECONDS, shield=True) as patience:
            await anyio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)
        if patience.cancelled_caught:
            log.warning("The last spans could not be sent within %g seconds.", _FLUSH_SECONDS)
