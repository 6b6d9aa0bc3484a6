"""The parts of a hub that can be traced, from a publish to each delivery attempt."""

from collections.abc import Awaitable, Callable

from websubhub.standalone.hub.intake import UpdateIntake
from websubhub.standalone.work.contents import Distributor
from websubhub.standalone.work.refreshing import Refreshed

Refresh = Callable[[str], Awaitable[Refreshed]]


class Tracing:
    """Returns the parts of a hub that can be traced, unchanged.

    So tracing costs nothing in a hub that is not traced, not even a check.
    """

    def trace(self) -> str:
        """Return the current trace, in the form of ``Update.trace``."""
        return ""

    def intake(self, intake: UpdateIntake) -> UpdateIntake:
        """Return the intake of updates and announcements.

        Args:
            intake: The intake without tracing.
        """
        return intake

    def refresh(self, refresh: Refresh) -> Refresh:
        """Return the function that fetches topics.

        Args:
            refresh: The function without tracing.
        """
        return refresh

    def distributor(self, distributor: Distributor) -> Distributor:
        """Return the distributor of deliveries.

        Args:
            distributor: The distributor without tracing.
        """
        return distributor
