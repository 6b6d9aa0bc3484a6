"""The pages about hosts of callbacks: which ones are in trouble, why, and what is waiting for them."""

from typing import Any, cast

from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.pages.answers import answer_of
from websubhub.standalone.admin.dashboard.pages.lists import Lists
from websubhub.standalone.admin.dashboard.questions import Action, Question
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError

_SECTION = "/hosts"


class HostPages:
    """Shows, pauses and resumes hosts.

    Args:
        operations: The operations of the admin API.
        references: The references in addresses.
    """

    def __init__(self, operations: Operations, references: References) -> None:
        self._operations = operations
        self._lists = Lists(references)

    @property
    def actions(self) -> dict[str, Action]:
        """The actions on hosts, by name."""
        return {
            "pause-host": Action(ask=self._ask_to_pause, do=self._pause),
            "resume-host": Action(ask=self._ask_to_resume, do=self._resume),
        }

    async def listed(self, visit: Visit) -> View:
        """Show the hosts that are busy, failing or paused."""
        found = await answer_of(self._operations.hosts.page, self._lists.parameters(visit))
        values = {
            "hosts": found["hosts"],
            "verifications": found["verifications"],
            "next": self._lists.next_page(visit, _SECTION, found["next"]),
        }
        return View(template="hosts.html", values=values, section=_SECTION)

    async def one(self, visit: Visit) -> View:
        """Show one host."""
        name = _name(visit, "name")
        state = await self.state(name)
        values = {
            "name": name,
            "state": state,
            "attempts": await self._rows(self._operations.attempts.page, "attempts", host=name),
            "letters": await self._letters(name),
            "subscriptions": await self._rows(self._operations.subscriptions.page, "subscriptions", host=name),
        }
        return View(template="host.html", values=values, section=_SECTION)

    async def state(self, name: str) -> dict[str, Any] | None:
        """Return the state of a host, or None if it is not busy, failing or paused."""
        found = await answer_of(self._operations.hosts.page, {"host": name, "limit": 1})
        return found["hosts"][0] if found["hosts"] else None

    async def _letters(self, name: str) -> int:
        found = await answer_of(self._operations.letters.page, {"host": name, "limit": 1})
        return int(found["total"])

    async def _rows(self, operation: Any, name: str, **filters: str) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", (await operation({**filters, "limit": 10}))[name])

    async def _ask_to_pause(self, visit: Visit) -> Question:
        name = _name(visit)
        return Question(
            title=f"Pause {name}?",
            touches=(
                f"No delivery to {name} starts until an operator resumes it. The pause survives a restart.",
                "Updates for its subscriptions wait as long as their leases last.",
            ),
            verb="Pause",
            values=(("host", name),),
        )

    async def _pause(self, visit: Visit) -> str:
        await self._operations.hosts.pause({"host": _name(visit)})
        return f"Deliveries to {_name(visit)} are paused."

    async def _ask_to_resume(self, visit: Visit) -> Question:
        name = _name(visit)
        state = await self.state(name)
        waiting = (
            f"{formats.counted(state['parked'], 'subscription is', 'subscriptions are')} waiting for it."
            if state
            else "Nothing is waiting for it."
        )
        return Question(
            title=f"Resume {name}?",
            touches=(f"Deliveries to {name} start at once, even if it is held back. {waiting}",),
            verb="Resume",
            values=(("host", name),),
        )

    async def _resume(self, visit: Visit) -> str:
        await self._operations.hosts.resume({"host": _name(visit)})
        return f"Deliveries to {_name(visit)} are resumed."


def _name(visit: Visit, field: str = "host") -> str:
    name = visit.field(field)
    if not name:
        raise OperationError(400, "Which host?")
    return name
