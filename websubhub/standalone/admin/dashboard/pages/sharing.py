"""Shared links: they show one subscription or one topic to its owner for a limited time."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urljoin

from websubhub import Request, Response
from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.dashboard.access.references import References, SharedLink
from websubhub.standalone.admin.dashboard.headers import redirect
from websubhub.standalone.admin.dashboard.pages.lists import subscription_of
from websubhub.standalone.admin.dashboard.pages.subscriptions import SubscriptionPages
from websubhub.standalone.admin.dashboard.pages.topics import TopicPages
from websubhub.standalone.admin.dashboard.questions import Action, Field, Question
from websubhub.standalone.admin.dashboard.visits import View, Visit, address
from websubhub.standalone.admin.parameters import OperationError

_HOUR = 3_600
_LASTING = (("1", "an hour"), ("24", "a day"), ("168", "a week"), ("720", "30 days"))
_OVER = "This link has expired, or its subscription or topic no longer exists. Ask the hub's operator for a new one."


class Sharing:
    """Makes shared links, and shows their pages.

    Args:
        subscriptions: The pages about subscriptions.
        topics: The pages about topics.
        references: The references in addresses.
        public_url: The hub's public URL.
        clock: Returns the time, in seconds since 1970.
    """

    def __init__(
        self,
        subscriptions: SubscriptionPages,
        topics: TopicPages,
        references: References,
        public_url: str,
        clock: Callable[[], float],
    ) -> None:
        self._subscriptions = subscriptions
        self._topics = topics
        self._references = references
        self._public_url = public_url
        self._clock = clock

    @property
    def actions(self) -> dict[str, Action]:
        """The actions on shared links, by name."""
        return {"share": Action(ask=self._ask, do=self._share)}

    async def shown(self, request: Request) -> View:
        """Show the page of a link to anyone who has the link."""
        text = parse_qs(request.query).get("link", [""])[-1]
        link = self._references.shared(text)
        if link is None:
            raise OperationError(404, _OVER)
        try:
            values = await self._values(link)
        except OperationError:
            raise OperationError(404, _OVER) from None
        template = "shared_topic.html" if link.callback is None else "shared_subscription.html"
        return View(template=template, values={**values, "until": formats.moment_of(link.until)})

    async def _values(self, link: SharedLink) -> dict[str, Any]:
        if link.callback is None:
            return await self._topics.shown(link.topic)
        return await self._subscriptions.shown({"topic": link.topic, "callback": link.callback})

    async def made(self, visit: Visit) -> View:
        """Show a new link for the operator to copy."""
        text = visit.field("link")
        link = self._references.shared(text)
        if link is None or not visit.session.may_operate:
            raise OperationError(404, _OVER)
        values = {
            "link": urljoin(self._public_url, f"./shared?link={text}"),
            "topic": link.topic,
            "callback": link.callback,
            "until": formats.moment_of(link.until),
        }
        return View(template="share.html", values=values)

    async def _ask(self, visit: Visit) -> Question:
        pair = subscription_of(visit, self._references)
        if not pair and not visit.field("topic"):
            raise OperationError(400, "What do you want to share?")
        what = (
            f"the subscription of {formats.masked(pair['callback'])}" if pair else f"the topic {visit.field('topic')}"
        )
        return Question(
            title="Create a link for its owner?",
            touches=(
                f"Anyone with the link can see {what} until it expires, without signing in.",
                "It shows nothing else and changes nothing. To revoke it earlier, you have to change the admin token.",
            ),
            verb="Create link",
            values=tuple(visit.given("ref", "topic").items()),
            fields=(Field(name="hours", label="Expires after", value="24", choices=_LASTING),),
        )

    async def _share(self, visit: Visit) -> Response:
        pair = subscription_of(visit, self._references)
        hours = visit.field("hours")
        lasting = int(hours) if hours in dict(_LASTING) else 1
        link = SharedLink(
            topic=pair.get("topic") or visit.field("topic"),
            callback=pair.get("callback"),
            until=float(int(self._clock() + lasting * _HOUR)),
        )
        return redirect(address(visit.request.mount, "/share", link=self._references.to_shared(link)))
