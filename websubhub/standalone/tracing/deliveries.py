"""The deliveries of a traced hub."""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

import attrs
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer, set_span_in_context

from websubhub import ContentDistributionMessage, DeliveryOutcome, SharedContent, authority_of
from websubhub import Delivery as Sending
from websubhub.standalone.ports import Delivery, Update
from websubhub.standalone.tracing.spans import context_of, current_trace, fail, topic_attributes
from websubhub.standalone.work.contents import Distributor, trace_headers

Settled = Callable[[Sending, DeliveryOutcome], None]


class TracedDistributor:
    """Makes a span for each delivery attempt, in the trace of its update.

    The request of a sampled attempt names its own span. Any other request names the trace of the update, which also
    says that it is not sampled.

    Args:
        distributor: Makes the deliveries.
        tracer: Makes the spans.
    """

    def __init__(self, distributor: Distributor, tracer: Tracer) -> None:
        self._distributor = distributor
        self._tracer = tracer

    def prepare(
        self, message: ContentDistributionMessage, topic: str, *, error_body_bytes: int = 0, timed: bool = False
    ) -> SharedContent:
        """Return the content that all subscribers of a topic get."""
        return self._distributor.prepare(message, topic, error_body_bytes=error_body_bytes, timed=timed)

    async def send(self, deliveries: Iterable[Sending | None], settled: Settled) -> None:
        """Make deliveries. The key of each is the ``Delivery`` of a broker."""
        spans = _Spans(self._tracer, settled)
        try:
            await self._distributor.send(spans.begin(deliveries), spans.end)
        finally:
            spans.abandon()


class _Spans:
    """The spans of one call of ``send``."""

    def __init__(self, tracer: Tracer, settled: Settled) -> None:
        self._tracer = tracer
        self._settled = settled
        self._open: dict[Sending, Span] = {}

    def begin(self, sendings: Iterable[Sending | None]) -> Iterator[Sending | None]:
        """Yield the deliveries, and begin a span for each, which its request names."""
        update: Update | None = None
        context = Context()
        for sending in sendings:
            if sending is None:
                yield None
                continue
            delivery = cast("Delivery", sending.key)
            if delivery.update is not update:
                update = delivery.update
                context = context_of(update.trace)
            span = self._tracer.start_span("deliver", context, SpanKind.CLIENT, _attributes(delivery))
            if span.is_recording():
                self._open[sending] = span
                sending.content = _naming(sending.content, current_trace(set_span_in_context(span, Context())))
            yield sending

    def end(self, sending: Sending, outcome: DeliveryOutcome) -> None:
        """Settle a delivery, and end its span."""
        try:
            self._settled(sending, outcome)
        finally:
            span = self._open.pop(sending, None)
            if span is not None:
                _end(span, outcome)

    def abandon(self) -> None:
        """End the spans of deliveries that were not settled."""
        while self._open:
            _, span = self._open.popitem()
            fail(span, "abandoned")
            span.end()


def _attributes(delivery: Delivery) -> dict[str, str | int]:
    """Return the span attributes of an attempt. They contain only the host of the callback, since its URL is secret."""
    update = delivery.update
    return {
        **topic_attributes(update.topic),
        "messaging.message.id": update.id,
        "messaging.message.body.size": len(update.content),
        "http.request.method": "POST",
        "http.request.resend_count": delivery.attempt - 1,
        "server.address": _host_of(delivery.callback),
    }


def _host_of(callback: str) -> str:
    try:
        return authority_of(callback)
    except ValueError:
        return "?"  # it cannot be called either


def _naming(content: SharedContent, trace: str) -> SharedContent:
    """Return content that names this trace instead of that of its update."""
    names = {"traceparent", "tracestate"}
    others = [pair for pair in content.headers if pair[0].lower() not in names]
    return attrs.evolve(content, headers=[*others, *trace_headers(trace)])


def _end(span: Span, outcome: DeliveryOutcome) -> None:
    if outcome.status:
        span.set_attribute("http.response.status_code", outcome.status)
    if not outcome.delivered:
        fail(span, str(outcome.failure) if outcome.failure is not None else str(outcome.status))
    span.end()
