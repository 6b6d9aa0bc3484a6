"""The parts of a hub that is traced with OpenTelemetry."""

from opentelemetry.trace import Tracer

from websubhub.standalone.hub.intake import UpdateIntake
from websubhub.standalone.tracing.announced import AnnouncedTraces
from websubhub.standalone.tracing.deliveries import TracedDistributor
from websubhub.standalone.tracing.fetches import TracedRefresh
from websubhub.standalone.tracing.intake import TracedIntake
from websubhub.standalone.tracing.spans import current_trace
from websubhub.standalone.tracing.tracing import Refresh, Tracing
from websubhub.standalone.work.contents import Distributor


class OpenTelemetryTracing(Tracing):
    """Makes the parts of a hub, each with spans for what it does.

    Args:
        tracer: Makes the spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._announced = AnnouncedTraces()

    def trace(self) -> str:
        """Return the trace of what is under way."""
        return current_trace()

    def intake(self, intake: UpdateIntake) -> UpdateIntake:
        """Return an intake that makes a span for each update and announcement."""
        return TracedIntake(intake, self._tracer, self._announced)

    def refresh(self, refresh: Refresh) -> Refresh:
        """Return what fetches topics, with a span for each attempt."""
        return TracedRefresh(refresh, self._tracer, self._announced)

    def distributor(self, distributor: Distributor) -> Distributor:
        """Return what makes deliveries, with a span for each attempt."""
        return TracedDistributor(distributor, self._tracer)
