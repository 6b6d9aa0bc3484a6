"""Spans: making them, their attributes, and the trace of an update as text."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()

Attributes = Mapping[str, str | int]


def current_trace(context: Context | None = None) -> str:
    """Return the trace of a context, or of the current one, in the form of ``Update.trace``."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, context)
    return " ".join(carrier.values())


def context_of(trace: str) -> Context:
    """Return the context of an update's trace, or an empty one."""
    parent, _, state = trace.partition(" ")
    return _PROPAGATOR.extract({"traceparent": parent, "tracestate": state} if parent else {}, Context())


def topic_attributes(topic: str) -> dict[str, str | int]:
    """Return the span attributes of a topic."""
    return {"messaging.system": "websub", "messaging.destination.name": topic}


@contextmanager
def span(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Attributes, *, parent: Context | None = None
) -> Iterator[Span]:
    """Make a span for the block. It is current during the block, and marked as an error if the block raises.

    Args:
        tracer: The tracer that makes it.
        name: The operation.
        kind: The kind.
        attributes: Its initial attributes, which samplers also see.
        parent: The context to which it belongs, instead of the current one.
    """
    # Only the class of an exception is recorded, since its text may contain paths of this machine.
    with tracer.start_as_current_span(
        name,
        parent,
        kind,
        dict(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except BaseException as error:
            fail(made, type(error).__name__)
            raise


def fail(span: Span, reason: str) -> None:
    """Mark a span as an error."""
    span.set_attribute("error.type", reason)
    span.set_status(Status(StatusCode.ERROR, reason))
