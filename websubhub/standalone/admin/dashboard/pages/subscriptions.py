"""The pages about subscriptions: who gets which topics, and why a callback gets nothing."""

from typing import Any

from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.health import health_of
from websubhub.standalone.admin.dashboard.pages.answers import answer_of
from websubhub.standalone.admin.dashboard.pages.lists import Lists, subscription_of
from websubhub.standalone.admin.dashboard.questions import Action, Field, Question
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations
from websubhub.standalone.admin.parameters import OperationError

_FILTERS = ("topic", "host")
_SECTION = "/subscriptions"
_FEW = 10


class SubscriptionPages:
    """Shows subscriptions, and lets operators test, verify and deny them.

    Args:
        operations: The operations of the admin API.
        references: The references in addresses.
    """

    def __init__(self, operations: Operations, references: References) -> None:
        self._operations = operations
        self._subscriptions = operations.subscriptions
        self._references = references
        self._lists = Lists(references)

    @property
    def actions(self) -> dict[str, Action]:
        """The actions on a subscription, by name."""
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
        found = await answer_of(self._subscriptions.page, {**self._lists.parameters(visit, *_FILTERS), **further})
        values = {
            "subscriptions": found["subscriptions"],
            "next": self._lists.next_page(visit, _SECTION, found["next"], *_FILTERS, "callback"),
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
        """Return the values for the page of a subscription."""
        subscription = await answer_of(self._subscriptions.one, pair)
        attempts = await answer_of(self._operations.attempts.page, {**pair, "limit": _FEW})
        letters = await answer_of(self._operations.letters.page, {**pair, "limit": 1})
        return {
            "subscription": subscription,
            "attempts": attempts["attempts"],
            "letters": letters["total"],
            "health": health_of(subscription, attempts["attempts"], letters["total"]),
        }

    def _pair(self, visit: Visit) -> dict[str, str]:
        pair = subscription_of(visit, self._references)
        if not pair:
            raise OperationError(404, "Which subscription?")
        return pair

    async def _ask_to_deny(self, visit: Visit) -> Question:
        pair = self._pair(visit)
        subscription = await answer_of(self._subscriptions.one, pair)
        return Question(
            title="Deny this subscription?",
            touches=(
                *_named(pair),
                f"It ends now. {formats.count(subscription['waiting'])} waiting updates will not be delivered.",
                "The subscriber is notified, with the reason.",
            ),
            verb="Deny",
            values=(("ref", visit.field("ref")),),
            fields=(Field(name="reason", label="Reason to send to the subscriber"),),
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
                "The hub asks the callback whether it wants the subscription, as if the subscriber had renewed it.",
                "If the callback does not confirm, nothing changes.",
            ),
            verb="Verify",
            values=(("ref", visit.field("ref")),),
        )

    async def _verify(self, visit: Visit) -> str:
        await self._subscriptions.verify(self._pair(visit))
        return "The hub is asking the callback whether it wants the subscription. If it confirms, a new lease begins."

    async def _ask_to_test(self, visit: Visit) -> Question:
        return Question(
            title="Send a test delivery?",
            touches=(
                *_named(self._pair(visit)),
                "The callback gets one message, once, which says that it is a test. Waiting updates are not affected.",
            ),
            verb="Send",
            values=(("ref", visit.field("ref")),),
        )

    async def _test(self, visit: Visit) -> str:
        found = await answer_of(self._subscriptions.test, self._pair(visit))
        took = formats.duration(found["milliseconds"] / 1_000)
        return f"The test delivery {'arrived' if found['delivered'] else 'failed'}: {found['reason']}, after {took}."


def _named(pair: dict[str, str]) -> tuple[str, ...]:
    return (f"Callback {formats.masked(pair['callback'])}", f"Topic {pair['topic']}")
