"""Traces over the wire: ``traceparent`` and ``tracestate`` (W3C Trace Context), for programs that use OpenTelemetry.

A program that makes spans has imported OpenTelemetry. All others only pay for one look into ``sys.modules``.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from _websub.headers import Headers

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_API = "opentelemetry.trace"
_NOTHING = nullcontext()
# The length that everyone should pass on (W3C Trace Context, 3.3.1.1). A longer state is left out as a whole.
_STATE_CHARACTERS = 512
_PARENT_CHARACTERS = 128


def trace_headers() -> list[tuple[str, str]]:
    """Return the headers that name the current span, so that the receiver continues its trace.

    Baggage is left out, since hubs call strangers.
    """
    if _API not in sys.modules:
        return []
    from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415 - only in programs that have it

    carrier: dict[str, str] = {}
    tracecontext.TraceContextTextMapPropagator().inject(carrier)
    return list(carrier.items())


def with_trace(headers: Headers) -> Headers:
    """Return headers with those of the current span, unless they already name one."""
    ours = [] if TRACEPARENT in headers else trace_headers()
    return Headers([*(pair for pair in headers.pairs if pair[0].lower() != TRACESTATE), *ours]) if ours else headers


def continued_trace(headers: Headers) -> AbstractContextManager[None]:
    """Continue the trace that a request belongs to during the block, unless there already is a current span."""
    return _continued(headers) if _API in sys.modules else _NOTHING


@contextmanager
def _continued(headers: Headers) -> Iterator[None]:
    from opentelemetry import context, trace  # noqa: PLC0415 - only in programs that have it
    from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415 - only in programs that have it

    carrier = _carrier(headers)
    if not carrier or trace.get_current_span().get_span_context().is_valid:
        yield
        return
    token = context.attach(tracecontext.TraceContextTextMapPropagator().extract(carrier, context.get_current()))
    try:
        yield
    finally:
        context.detach(token)


def _carrier(headers: Headers) -> dict[str, str]:
    """Return the trace headers of a request, or nothing if they are repeated, missing or too long."""
    parents = headers.get_all(TRACEPARENT)
    if len(parents) != 1 or len(parents[0]) > _PARENT_CHARACTERS:
        return {}
    state = ",".join(headers.get_all(TRACESTATE))
    return {TRACEPARENT: parents[0]} | ({TRACESTATE: state} if 0 < len(state) <= _STATE_CHARACTERS else {})
