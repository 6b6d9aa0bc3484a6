"""The parts of a hub that can be traced, from a publish to each attempt at a delivery."""

from collections.abc import Awaitable, Callable

from websubhub.standalone.hub.intake import UpdateIntake
from websubhub.standalone.work.contents import Distributor
from websubhub.standalone.work.refreshing import Refreshed

Refresh = Callable[[str], Awaitable[Refreshed]]


class Tracing:
    """Makes the parts of a hub that can be traced, as they are without tracing.

    So a hub that is not traced has nothing of it, not even a question whether it is.
    """

    def trace(self) -> str:
        """Return the trace of what is under way, as ``Update.trace`` has it."""
        return ""

    def intake(self, intake: UpdateIntake) -> UpdateIntake:
        """Return what takes updates and announcements.

        Args:
            intake: Takes them.
        """
        return intake

    def refresh(self, refresh: Refresh) -> Refresh:
        """Return what fetches topics.

        Args:
            refresh: Fetches a topic.
        """
        return refresh

    def distributor(self, distributor: Distributor) -> Distributor:
        """Return what makes deliveries.

        Args:
            distributor: Makes them.
        """
        return distributor
