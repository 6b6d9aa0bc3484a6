"""The pages about pending work: verifications, announced topics and deliveries to retry."""

from typing import Any

from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.pages.answers import answer_of
from websubhub.standalone.admin.dashboard.pages.lists import ROWS, Lists
from websubhub.standalone.admin.dashboard.questions import Action, Question
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError, read_number

_FILTERS = ("state", "host")


class PendingPages:
    """Shows what is pending, and lets operators run it now or drop it.

    Args:
        operations: The operations of the admin API.
        references: The references in addresses.
    """

    def __init__(self, operations: Operations, references: References) -> None:
        self._operations = operations
        self._lists = Lists(references)

    @property
    def actions(self) -> dict[str, Action]:
        """The actions on verifications and announcements, by name."""
        return {
            "retry-verification": Action(ask=self._ask_to_verify, do=self._verify),
            "drop-verification": Action(ask=self._ask_to_drop_verification, do=self._drop_verification),
            "fetch-announcement": Action(ask=self._ask_to_fetch, do=self._fetch),
            "drop-announcement": Action(ask=self._ask_to_drop_announcement, do=self._drop_announcement),
        }

    async def verifications(self, visit: Visit) -> View:
        """Show the requests that await verification."""
        found = await answer_of(self._operations.verifications.page, self._lists.parameters(visit, *_FILTERS))
        values = {
            "verifications": found["verifications"],
            "next": self._lists.next_page(visit, "/verifications", found["next"], *_FILTERS),
            "given": visit.filters(*_FILTERS),
            **await self._given_up(visit.given("host"), visit),
        }
        return View(template="verifications.html", values=values, section="/verifications")

    async def given_up(self, visit: Visit) -> View:
        """Show more of the verifications that the hub gave up on."""
        values = await self._given_up(self._lists.parameters(visit, "host"), visit)
        values["given"] = visit.filters("host")
        return View(template="given_up.html", values=values, section="/verifications")

    async def _given_up(self, place: dict[str, Any], visit: Visit) -> dict[str, Any]:
        found = await answer_of(self._operations.verifications.given_up, {"limit": ROWS, **place})
        following = self._lists.next_page(visit, "/verifications/given-up", found["next"], "host")
        return {"given_up": found["given_up"], "given_up_next": following}

    async def announcements(self, visit: Visit) -> View:
        """Show the announced topics that have not been fetched."""
        found = await answer_of(self._operations.announcements.page, self._lists.parameters(visit, "state"))
        values = {
            "announcements": found["announcements"],
            "next": self._lists.next_page(visit, "/announcements", found["next"], "state"),
            "given": visit.filters("state"),
        }
        return View(template="announcements.html", values=values, section="/announcements")

    async def retries(self, visit: Visit) -> View:
        """Show the deliveries that will be retried."""
        found = await answer_of(self._operations.overview.deliveries, self._lists.parameters(visit, "topic", "host"))
        values = {
            "retries": found["failing"],
            "next": self._lists.next_page(visit, "/retries", found["next"], "topic", "host"),
            "retrying": found["statistics"]["retrying"],
            "given": visit.filters("topic", "host"),
        }
        return View(template="retries.html", values=values, section="/retries")

    async def _ask_to_verify(self, visit: Visit) -> Question:
        return Question(
            title=f"Verify this request from {visit.field('host')} now?",
            touches=("The hub asks the callback now whether it wants this, starting over with the first attempt.",),
            verb="Verify now",
            values=tuple(visit.given("id", "host").items()),
        )

    async def _verify(self, visit: Visit) -> str:
        await self._operations.verifications.retry({"ids": [_id(visit)]})
        return f"{visit.field('host')} will be asked now."

    async def _ask_to_drop_verification(self, visit: Visit) -> Question:
        return Question(
            title=f"Drop this request from {visit.field('host')}?",
            touches=("The hub drops it without asking the callback. The subscriber can send it again.",),
            verb="Drop",
            values=tuple(visit.given("id", "host").items()),
            is_danger=True,
        )

    async def _drop_verification(self, visit: Visit) -> str:
        await self._operations.verifications.drop({"ids": [_id(visit)]})
        return f"The request from {visit.field('host')} was dropped."

    async def _ask_to_fetch(self, visit: Visit) -> Question:
        return Question(
            title="Fetch this topic now?",
            touches=(visit.field("topic"), "The hub fetches it at once, starting over with the first attempt."),
            verb="Fetch now",
            values=tuple(visit.given("id", "topic").items()),
        )

    async def _fetch(self, visit: Visit) -> str:
        await self._operations.announcements.replay({"ids": [read_number(_id(visit), "id")]})
        return f"{visit.field('topic')} will be fetched now."

    async def _ask_to_drop_announcement(self, visit: Visit) -> Question:
        return Question(
            title="Drop this announcement?",
            touches=(visit.field("topic"), "The hub does not fetch the topic until it is announced again."),
            verb="Drop",
            values=tuple(visit.given("id", "topic").items()),
            is_danger=True,
        )

    async def _drop_announcement(self, visit: Visit) -> str:
        await self._operations.announcements.drop({"ids": [read_number(_id(visit), "id")]})
        return f"The announcement of {visit.field('topic')} was dropped."


def _id(visit: Visit) -> str:
    text = visit.field("id")
    if not text:
        raise OperationError(400, "Which one?")
    return text
