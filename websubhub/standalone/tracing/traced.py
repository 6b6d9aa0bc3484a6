"""The parts of a hub, traced with OpenTelemetry."""

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
    """Wraps the parts of a hub so that each makes spans for its work.

    Args:
        tracer: Makes the spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._announced = AnnouncedTraces()

    def trace(self) -> str:
        """Return the current trace."""
        return current_trace()

    def intake(self, intake: UpdateIntake) -> UpdateIntake:
        """Return an intake that makes a span for each update and announcement."""
        return TracedIntake(intake, self._tracer, self._announced)

    def refresh(self, refresh: Refresh) -> Refresh:
        """Return a function that fetches topics, with a span for each attempt."""
        return TracedRefresh(refresh, self._tracer, self._announced)

    def distributor(self, distributor: Distributor) -> Distributor:
        """Return a distributor that makes a span for each attempt."""
        return TracedDistributor(distributor, self._tracer)
