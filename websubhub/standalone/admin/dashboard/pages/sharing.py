"""Shared links: one subscription or one topic for its owner, for a while, and nothing else."""

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
_OVER = "This link has ended, or its subscription or topic has. Ask the operator of the hub for another one."


class Sharing:
    """Makes shared links, and shows what they show.

    Args:
        subscriptions: The pages about subscriptions.
        topics: The pages about topics.
        references: What stands in addresses.
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
        """Show what a link shows, to whoever has it."""
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
        """Show a link that was made, to copy it."""
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
            raise OperationError(400, "What is to be shared?")
        what = (
            f"the subscription of {formats.masked(pair['callback'])}" if pair else f"the topic {visit.field('topic')}"
        )
        return Question(
            title="Make a link for its owner?",
            touches=(
                f"Whoever has the link sees {what} until it ends, without signing in.",
                "It shows nothing else and changes nothing. Only another admin token ends it before.",
            ),
            verb="Make the link",
            values=tuple(visit.given("ref", "topic").items()),
            fields=(Field(name="hours", label="It lasts for", value="24", choices=_LASTING),),
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
