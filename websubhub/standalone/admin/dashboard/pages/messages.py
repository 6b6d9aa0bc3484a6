"""The pages about messages: what happened to what a publisher sent."""

from websubhub import Response
from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.headers import download_response
from websubhub.standalone.admin.dashboard.pages.answers import answer_of, content_of
from websubhub.standalone.admin.dashboard.pages.lists import Lists, subscription_of
from websubhub.standalone.admin.dashboard.questions import Action, Question
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.messages import LISTED_STATES
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError

_FILTERS = ("topic", "id")
_SECTION = "/messages"
_RECIPIENTS = "/message/recipients"
_FEW = 10


class MessagePages:
    """Shows messages, and redelivers them.

    Args:
        operations: The operations of the admin API.
        references: The references in addresses.
    """

    def __init__(self, operations: Operations, references: References) -> None:
        self._messages = operations.messages
        self._references = references
        self._lists = Lists(references)

    @property
    def actions(self) -> dict[str, Action]:
        """The actions on a message, by name."""
        return {"redeliver": Action(ask=self._ask_to_redeliver, do=self._redeliver)}

    async def listed(self, visit: Visit) -> View:
        """Show the messages, newest first."""
        found = await answer_of(self._messages.page, self._lists.parameters(visit, *_FILTERS))
        values = {
            "messages": found["messages"],
            "next": self._lists.next_page(visit, _SECTION, found["next"], *_FILTERS),
            "given": visit.filters(*_FILTERS),
        }
        return View(template="messages.html", values=values, section=_SECTION)

    async def one(self, visit: Visit) -> View:
        """Show one message."""
        named = visit.given("id", "topic")
        found = await answer_of(self._messages.one, named)
        content = await self._content(named) if visit.session.may_operate else None
        messages = found["messages"]
        its_own = {"id": messages[0]["id"], "topic": messages[0]["topic"]}
        recipients = await answer_of(self._messages.recipients, {**its_own, "limit": _FEW})
        values = {
            "message": messages[0],
            "others": messages[1:],
            "attempts": found["attempts"],
            "recipients": recipients["recipients"],
            "content": content,
        }
        return View(template="message.html", values=values, section=_SECTION)

    async def recipients(self, visit: Visit) -> View:
        """Show the state of a message for each subscription."""
        names = ("id", "topic", "state")
        found = await answer_of(self._messages.recipients, self._lists.parameters(visit, *names))
        values = {
            "recipients": found["recipients"],
            "next": self._lists.next_page(visit, _RECIPIENTS, found["next"], *names),
            "given": visit.filters(*names),
            "states": LISTED_STATES,
        }
        return View(template="recipients.html", values=values, section=_SECTION)

    async def content(self, visit: Visit) -> Response:
        """Return the content of a message as a file."""
        if not visit.session.may_operate:
            raise OperationError(403, "The viewer token does not show contents.")
        found = await answer_of(self._messages.content, visit.given("id", "topic"))
        return download_response(content_of(found), "message")

    async def _content(self, named: dict[str, str]) -> bytes | None:
        """Return the content of a message, or None if it is no longer kept."""
        try:
            return content_of(await answer_of(self._messages.content, named))
        except OperationError:
            return None

    async def _ask_to_redeliver(self, visit: Visit) -> Question:
        named, pair = visit.given("id", "topic"), subscription_of(visit, self._references)
        found = await answer_of(self._messages.one, named)
        recipients = formats.count(found["messages"][0]["recipients"])
        whom = (
            formats.masked(pair["callback"])
            if pair
            else f"all subscriptions of the topic ({recipients} when it was published)"
        )
        return Question(
            title="Redeliver this message?",
            touches=(
                f"Message {named.get('id', '')}",
                f"To {whom}",
                "Subscribers that already have it get it again, with the same message id.",
            ),
            verb="Redeliver",
            values=tuple({**named, **visit.given("ref")}.items()),
        )

    async def _redeliver(self, visit: Visit) -> str:
        pair = subscription_of(visit, self._references)
        found = await answer_of(self._messages.redeliver, {**visit.given("id", "topic"), **pair})
        recipients = formats.counted(found["redelivered"], "subscription", "subscriptions")
        return f"The message will be redelivered to {recipients}."
