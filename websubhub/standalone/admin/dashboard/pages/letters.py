"""The page of dead letters: what the hub gave up on, why, and how to replay it."""

from typing import Any

from websubhub import Response
from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.headers import download_response
from websubhub.standalone.admin.dashboard.pages.answers import answer_of, content_of
from websubhub.standalone.admin.dashboard.pages.lists import Lists, subscription_of
from websubhub.standalone.admin.dashboard.questions import Action, Question
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError, read_number

_FILTERS = ("topic", "host", "reason")
_SECTION = "/dead-letters"


class LetterPages:
    """Shows, replays and drops dead letters.

    Args:
        operations: The operations of the admin API.
        references: The references in addresses.
    """

    def __init__(self, operations: Operations, references: References) -> None:
        self._letters = operations.letters
        self._references = references
        self._lists = Lists(references)

    @property
    def actions(self) -> dict[str, Action]:
        """The actions on dead letters, by name."""
        return {
            "replay-letters": Action(ask=self._ask_to_replay, do=self._replay),
            "drop-letters": Action(ask=self._ask_to_drop, do=self._drop),
        }

    async def listed(self, visit: Visit) -> View:
        """Show the dead letters, oldest first."""
        subscription = subscription_of(visit, self._references)
        found = await answer_of(self._letters.page, {**self._lists.parameters(visit, *_FILTERS), **subscription})
        values = {
            "letters": found["dead_letters"],
            "next": self._lists.next_page(visit, _SECTION, found["next"], *_FILTERS, "ref"),
            "given": visit.filters(*_FILTERS, "ref"),
            "count": found["total"],
            "subscription": subscription,
        }
        return View(template="letters.html", values=values, section=_SECTION)

    async def content(self, visit: Visit) -> Response:
        """Return the content of a dead letter as a file."""
        if not visit.session.may_operate:
            raise OperationError(403, "The viewer token does not show contents.")
        number = read_number(visit.field("id"), "id")
        found = await answer_of(self._letters.content, {"id": number})
        return download_response(content_of(found), f"dead-letter-{number}")

    async def _ask_to_replay(self, visit: Visit) -> Question:
        count = await self._count(visit)
        return Question(
            title=f"Replay {_letters(count)}?",
            touches=(
                *self._which(visit),
                "They are delivered at once, starting over with the first attempt.",
                "They may arrive after newer updates.",
                "Those that arrive disappear from the list.",
            ),
            verb="Replay",
            values=self._values(visit, count),
        )

    async def _replay(self, visit: Visit) -> str:
        done = await answer_of(self._letters.replay, self._chosen(visit))
        return f"{_letters(done['replayed'])} will be redelivered."

    async def _ask_to_drop(self, visit: Visit) -> Question:
        count = await self._count(visit)
        return Question(
            title=f"Drop {_letters(count)}?",
            touches=(*self._which(visit), "Their content is deleted, and the subscribers never get it."),
            verb="Drop",
            values=self._values(visit, count),
            is_danger=True,
        )

    async def _drop(self, visit: Visit) -> str:
        done = await answer_of(self._letters.drop, self._chosen(visit))
        return f"{_letters(done['dropped'])} dropped."

    async def _count(self, visit: Visit) -> int:
        """Return how many dead letters a form selects."""
        if ids := visit.each("ids"):
            return len(ids)
        found = await answer_of(self._letters.page, {**self._filter(visit), "limit": 1})
        if not found["total"]:
            raise OperationError(404, "There is no such dead letter.")
        return int(found["total"])

    def _filter(self, visit: Visit) -> dict[str, Any]:
        return {**visit.given(*_FILTERS), **subscription_of(visit, self._references)}

    def _chosen(self, visit: Visit) -> dict[str, Any]:
        """Return the parameters that select the dead letters of a form: their ids, or a filter."""
        ids = visit.each("ids")
        if ids:
            return {"ids": [read_number(each, "an id") for each in ids]}
        return {"all": True, "expected": read_number(visit.field("expected"), "expected"), **self._filter(visit)}

    def _which(self, visit: Visit) -> tuple[str, ...]:
        """Return a sentence for each filter of a form."""
        if visit.each("ids"):
            return ("The ones that you selected.",)
        subscription = subscription_of(visit, self._references)
        lines = [f"All with the {name} {value}." for name, value in visit.given(*_FILTERS).items()]
        if subscription:
            lines.append(f"All for {formats.masked(subscription['callback'])} and {subscription['topic']}.")
        return tuple(lines) or ("All dead letters.",)

    def _values(self, visit: Visit, count: int) -> tuple[tuple[str, str], ...]:
        chosen = tuple(("ids", each) for each in visit.each("ids"))
        return chosen or (*visit.given(*_FILTERS, "ref").items(), ("expected", str(count)))


def _letters(number: int) -> str:
    return formats.counted(number, "dead letter", "dead letters")
