"""The page of failed attempts: when and where each failed, the answer, and why."""

from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.pages.answers import answer_of
from websubhub.standalone.admin.dashboard.pages.lists import Lists, subscription_of
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations

_FILTERS = ("topic", "host", "message", "outcome")


class AttemptPages:
    """Shows failed attempts.

    Args:
        operations: The operations of the admin API.
        references: The references in addresses.
    """

    def __init__(self, operations: Operations, references: References) -> None:
        self._operations = operations
        self._references = references
        self._lists = Lists(references)

    async def listed(self, visit: Visit) -> View:
        """Show the failed attempts, newest first."""
        subscription = subscription_of(visit, self._references)
        found = await answer_of(
            self._operations.attempts.page, {**self._lists.parameters(visit, *_FILTERS), **subscription}
        )
        values = {
            "attempts": found["attempts"],
            "next": self._lists.next_page(visit, "/attempts", found["next"], *_FILTERS, "ref"),
            "given": visit.filters(*_FILTERS, "ref"),
            "subscription": subscription,
        }
        return View(template="attempts.html", values=values, section="/attempts")
