"""The intake of a traced hub."""

from opentelemetry.trace import SpanKind, Tracer

from websubhub.standalone.hub.intake import UpdateIntake
from websubhub.standalone.ports import Published, PublishKey
from websubhub.standalone.tracing.announced import AnnouncedTraces
from websubhub.standalone.tracing.spans import current_trace, span, topic_attributes


class TracedIntake:
    """Makes a span for each update and announcement, in the trace of its request.

    Args:
        intake: Accepts them.
        tracer: Makes the spans.
        announced: Keeps the trace of each announcement until its fetch.
    """

    def __init__(self, intake: UpdateIntake, tracer: Tracer, announced: AnnouncedTraces) -> None:
        self._intake = intake
        self._tracer = tracer
        self._announced = announced

    async def publish(
        self, topic: str, content: bytes, content_type: str, key: PublishKey | None = None, publisher: str = ""
    ) -> Published:
        """Store content within a span."""
        attributes = {**topic_attributes(topic), "messaging.message.body.size": len(content)}
        with span(self._tracer, "publish", SpanKind.SERVER, attributes) as made:
            published = await self._intake.publish(topic, content, content_type, key, publisher)
            made.set_attribute("messaging.message.id", published.id)
            if published.recipients is not None:
                made.set_attribute("websub.recipients", published.recipients)
            made.set_attribute("websub.repeated", published.repeated)
            return published

    async def announce(self, topic: str, client: str = "") -> None:
        """Store an announcement within a span, to which its fetch will belong."""
        with span(self._tracer, "announce", SpanKind.SERVER, topic_attributes(topic)):
            self._announced.note(topic, current_trace())
            await self._intake.announce(topic, client)
