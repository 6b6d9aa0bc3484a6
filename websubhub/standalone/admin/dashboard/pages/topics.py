"""The pages about topics: their options, who gets them, and whether the hub can fetch them."""

from typing import Any

from websubhub.standalone.admin.dashboard import formats
from websubhub.standalone.admin.dashboard.access.references import References
from websubhub.standalone.admin.dashboard.pages.answers import answer_of
from websubhub.standalone.admin.dashboard.pages.lists import Lists
from websubhub.standalone.admin.dashboard.questions import Action, Field, Question
from websubhub.standalone.admin.dashboard.visits import View, Visit
from websubhub.standalone.admin.operations import Operations

_FILTERS = ("search",)
_SECTION = "/topics"
_FEW = 10
_FLAGS = (("yes", "yes"), ("no", "no"))
_MODES = (("every", "every update, in order"), ("latest", "only the newest waiting update"))


class TopicPages:
    """Shows and changes topics.

    Args:
        operations: The operations of the admin API.
        references: The references in addresses.
    """

    def __init__(self, operations: Operations, references: References) -> None:
        self._operations = operations
        self._topics = operations.topics
        self._references = references
        self._lists = Lists(references)

    @property
    def actions(self) -> dict[str, Action]:
        """The actions on topics, by name."""
        return {
            "save-topic": Action(ask=self._ask_to_save, do=self._save),
            "announce-topic": Action(ask=self._ask_to_announce, do=self._announce),
            "remove-topic": Action(ask=self._ask_to_remove, do=self._remove),
        }

    async def listed(self, visit: Visit) -> View:
        """Show the topics."""
        found = await answer_of(self._topics.page, self._lists.parameters(visit, *_FILTERS))
        values = {
            "topics": found["topics"],
            "next": self._lists.next_page(visit, _SECTION, found["next"], *_FILTERS),
            "given": visit.filters(*_FILTERS),
        }
        return View(template="topics.html", values=values, section=_SECTION)

    async def one(self, visit: Visit) -> View:
        """Show one topic."""
        values = await self.shown(visit.field("url"))
        return View(template="topic.html", values=values, section=_SECTION)

    async def shown(self, url: str) -> dict[str, Any]:
        """Return the values for the page of a topic."""
        topic = await self._topics.one({"url": url})
        few = {"topic": url, "limit": _FEW}
        subscriptions = await answer_of(self._operations.subscriptions.page, few)
        messages = await answer_of(self._operations.messages.page, few)
        return {"topic": topic, "subscriptions": subscriptions["subscriptions"], "messages": messages["messages"]}

    async def _ask_to_save(self, visit: Visit) -> Question:
        url = visit.field("url")
        topic: dict[str, Any] = {"registered": True, "feed_diff": False, "delivery_mode": "every"}
        fields = [Field(name="url", label="Topic URL", length=2_048, required=True)]
        touches = ["Subscribers can subscribe to it, and publishers can publish to it."]
        if url:
            topic, fields = await answer_of(self._topics.one, {"url": url}), []
            touches = [url, "Updates that were already published do not change."]
        return Question(
            title="Change this topic" if url else "Add a topic",
            touches=tuple(touches),
            verb="Save",
            values=(("url", url),) if url else (),
            fields=(
                *fields,
                _choice("registered", "Registered by a publisher", _word(topic["registered"]), _FLAGS),
                _choice("delivery_mode", "A subscription that falls behind gets", topic["delivery_mode"], _MODES),
                _choice("feed_diff", "Deliver only new entries of a feed", _word(topic["feed_diff"]), _FLAGS),
            ),
        )

    async def _save(self, visit: Visit) -> str:
        options = {
            "url": visit.field("url"),
            "registered": visit.field("registered") == "yes",
            "feed_diff": visit.field("feed_diff") == "yes",
            "delivery_mode": visit.field("delivery_mode"),
        }
        await self._topics.save(options)
        return f"{options['url']} was saved."

    async def _ask_to_announce(self, visit: Visit) -> Question:
        url = visit.field("url")
        topic = await answer_of(self._topics.one, {"url": url})
        subscriptions = formats.counted(topic["subscriptions"], "subscription", "subscriptions")
        return Question(
            title="Announce this topic?",
            touches=(
                url,
                f"The hub fetches it now, and delivers new content to {subscriptions}.",
            ),
            verb="Announce",
            values=(("url", url),),
        )

    async def _announce(self, visit: Visit) -> str:
        await self._topics.announce({"url": visit.field("url")})
        return f"{visit.field('url')} will be fetched."

    async def _ask_to_remove(self, visit: Visit) -> Question:
        url = visit.field("url")
        return Question(
            title="Remove this topic?",
            touches=(
                url,
                "The hub deletes its options, its last fetch and its kept messages.",
                "This only works if it has no subscriptions and no dead letters.",
            ),
            verb="Remove",
            values=(("url", url),),
            is_danger=True,
            back="/topics",
        )

    async def _remove(self, visit: Visit) -> str:
        await self._topics.remove({"url": visit.field("url")})
        return f"{visit.field('url')} was removed."


def _choice(name: str, label: str, value: str, choices: tuple[tuple[str, str], ...]) -> Field:
    return Field(name=name, label=label, value=value, choices=choices)


def _word(value: object) -> str:
    return "yes" if value else "no"
