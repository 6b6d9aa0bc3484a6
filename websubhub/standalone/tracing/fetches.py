"""The fetches of a traced hub."""

from collections.abc import Awaitable, Callable

from opentelemetry.trace import SpanKind, Tracer

from websubhub import TopicFetchError, host_of
from websubhub.standalone.tracing.announced import AnnouncedTraces
from websubhub.standalone.tracing.spans import context_of, fail, span, topic_attributes
from websubhub.standalone.work.refreshing import Refreshed


class TracedRefresh:
    """Fetches topics, with a span for each attempt in the trace of the announcement.

    Args:
        refresh: Fetches a topic.
        tracer: Makes the spans.
        announced: Keeps the traces of announcements.
    """

    def __init__(
        self, refresh: Callable[[str], Awaitable[Refreshed]], tracer: Tracer, announced: AnnouncedTraces
    ) -> None:
        self._refresh = refresh
        self._tracer = tracer
        self._announced = announced

    async def __call__(self, topic: str) -> Refreshed:
        """Fetch a topic. The result and errors are the same as for ``TopicRefresher.refresh``."""
        trace = self._announced.get(topic)
        attributes = {**topic_attributes(topic), "http.request.method": "GET", "server.address": host_of(topic)}
        with span(self._tracer, "fetch", SpanKind.CLIENT, attributes, parent=context_of(trace)) as made:
            try:
                found = await self._refresh(topic)
            except TopicFetchError as error:
                if error.status:
                    made.set_attribute("http.response.status_code", error.status)
                fail(made, error.reason)
                raise
            made.set_attribute("websub.found", found.name.lower())
        self._announced.forget(topic, trace)
        return found
