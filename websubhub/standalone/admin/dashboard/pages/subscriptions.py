"""The pages about subscriptions: who gets what, and why a callback gets nothing."""

from typing import Any, cast

from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.pages.health import health_of
from websubhub.standalone.admin.dashboard.pages.lists import next_page, parameters
from websubhub.standalone.admin.dashboard.pages.subscription_filter import subscription_of
from websubhub.standalone.admin.dashboard.questions import Action, Field, Question
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError

_FILTERS = ("topic", "host")
_SECTION = "/subscriptions"
_FEW = 10


class SubscriptionPages:
    """Shows subscriptions, and does what operators do with one.

    Args:
        operations: The operations of the admin API.
        references: What stands in addresses.
    """

    def __init__(self, operations: Operations, references: References) -> None:
        self._operations = operations
        self._subscriptions = operations.subscriptions
        self._references = references

    @property
    def actions(self) -> dict[str, Action]:
        """What can be done with a subscription."""
        return {
            "deny-subscription": Action(ask=self._ask_to_deny, do=self._deny),
            "verify-subscription": Action(ask=self._ask_to_verify, do=self._verify),
            "test-subscription": Action(ask=self._ask_to_test, do=self._test),
        }

    async def listed(self, visit: Visit) -> View:
        """Show the subscriptions."""
        further = {}
        if callback := self._references.callback(visit.field("callback")):
            further["callback"] = callback
        found = cast("dict[str, Any]", await self._subscriptions.page({**parameters(visit, *_FILTERS), **further}))
        values = {
            "subscriptions": found["subscriptions"],
            "next": next_page(visit, _SECTION, found["next"], *_FILTERS, "callback"),
            "given": visit.filters(*_FILTERS, "callback"),
            "callback": further.get("callback"),
        }
        return View(template="subscriptions.html", values=values, section=_SECTION)

    async def one(self, visit: Visit) -> View:
        """Show one subscription."""
        pair = self._pair(visit)
        is_shown = visit.field("callback") == "shown" and visit.session.may_operate
        values = {**await self.shown(pair), "is_shown": is_shown, "ref": visit.field("ref")}
        return View(template="subscription.html", values=values, section=_SECTION)

    async def shown(self, pair: dict[str, str]) -> dict[str, Any]:
        """Return what the page of a subscription shows."""
        subscription = cast("dict[str, Any]", await self._subscriptions.one(pair))
        attempts = cast("dict[str, Any]", await self._operations.attempts.page({**pair, "limit": _FEW}))
        letters = cast("dict[str, Any]", await self._operations.letters.count(pair))
        hosts = cast("dict[str, Any]", await self._operations.hosts.page({"limit": 1_000}))
        name = subscription["host"]
        host = next((each for each in hosts["hosts"] if each["host"] == name), None)
        return {
            "subscription": subscription,
            "attempts": attempts["attempts"],
            "letters": letters["count"],
            "host": host,
            "host_name": name,
            "health": health_of(subscription, host, attempts["attempts"], letters["count"]),
        }

    def _pair(self, visit: Visit) -> dict[str, str]:
        pair = subscription_of(visit, self._references)
        if not pair:
            raise OperationError(404, "Which subscription?")
        return pair

    async def _ask_to_deny(self, visit: Visit) -> Question:
        pair = self._pair(visit)
        subscription = cast("dict[str, Any]", await self._subscriptions.one(pair))
        return Question(
            title="Deny this subscription?",
            touches=(
                *_named(pair),
                f"It ends now, with {formats.count(subscription['waiting'])} updates that wait for it and its dead letters.",
                "The subscriber is told, with the reason.",
            ),
            verb="Deny",
            values=(("ref", visit.field("ref")),),
            fields=(Field(name="reason", label="Reason, for the subscriber"),),
            is_danger=True,
            back=f"{visit.request.mount}{_SECTION}",
        )

    async def _deny(self, visit: Visit) -> str:
        pair = self._pair(visit)
        await self._subscriptions.remove({**pair, "reason": visit.field("reason")})
        return f"The subscription of {formats.masked(pair['callback'])} has ended."

    async def _ask_to_verify(self, visit: Visit) -> Question:
        return Question(
            title="Verify this subscription again?",
            touches=(
                *_named(self._pair(visit)),
                "The hub asks the callback once whether it wants the subscription. It goes on if the callback does not answer.",
            ),
            verb="Verify",
            values=(("ref", visit.field("ref")),),
        )

    async def _verify(self, visit: Visit) -> str:
        found = cast("dict[str, Any]", await self._subscriptions.verify(self._pair(visit)))
        return f"The callback was asked: {found['result']}."

    async def _ask_to_test(self, visit: Visit) -> Question:
        return Question(
            title="Send a test delivery?",
            touches=(
                *_named(self._pair(visit)),
                "The callback gets one message that says it is a test, now and once, beside the updates that wait for it.",
            ),
            verb="Send",
            values=(("ref", visit.field("ref")),),
        )

    async def _test(self, visit: Visit) -> str:
        found = cast("dict[str, Any]", await self._subscriptions.test(self._pair(visit)))
        return f"The test delivery was sent: {found}."


def _named(pair: dict[str, str]) -> tuple[str, ...]:
    return (f"Callback {formats.masked(pair['callback'])}", f"Topic {pair['topic']}")
