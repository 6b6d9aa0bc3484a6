"""Which generated pages there are, and what stands on each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

import websubhub
import websubhub.testing
from docs.generate import answers
from docs.generate.hooks import hooks_page
from docs.generate.sections import Section, section
from websubhub import _messages
from websubhub._service import HOOKS

FOLDER = Path(__file__).parent.parent / "reference"

_FOOT = [
    "",
    "This page is generated: `python -m docs.generate` writes it from the code.",
    "",
    "Back to the [reference](index.md).",
]

#: What can be said nowhere but here: a type made of other types has no docstring.
_NOTES = {
    "Payload": "Content: bytes are sent as they are, text as UTF-8, an XML element as XML, anything else as JSON.",
}


@attrs.frozen
class Topic:
    """One page of names.

    Attributes:
        file: The file.
        title: The heading.
        intro: What the page starts with.
        names: The names on it, in this order; others that fit the page follow.
    """

    file: str
    title: str
    intro: str
    names: tuple[str, ...] = ()


MESSAGES = Topic(
    "messages.md",
    "Messages and successes",
    "What hooks get, what they return for a yes, and what is delivered.\n"
    "All of them are frozen and take keyword arguments; `attrs.evolve(message, topic=...)` returns a changed copy.\n"
    "A success can carry a `status`, `headers` and a `body` of form fields, which are added to the answer.",
)
ERRORS = Topic(
    "errors.md",
    "Errors",
    "What hooks raise or return for a no, and what the clients raise.\n"
    "A hook's error takes its reason first, and can carry a `status`, `headers` and a `body` of form fields, "
    "which are added to the answer.",
    ("WebSubError",),
)
CLIENTS = Topic(
    "clients.md",
    "Clients",
    "The outgoing half: deliver to subscribers, publish to hubs, fetch topics.",
    tuple(
        "HubClient RetryPolicy SignatureMethod PublisherClient TopicClient TopicContent TopicHead ContentDistributor "
        "Recipient DeliveryOutcome DeliveryFailure EngineLimits Delivery SharedContent".split()
    ),
)
RUNNING = Topic(
    "running.md",
    "Running a hub",
    "Run a hub on its own on hypercorn, together with others on one address, or inside another application.",
    tuple(
        "HubService HubConfig EdgeLimits EdgeLoad serve run HubListener asgi HubApplication IntentVerification "
        "VerificationAttempt".split()
    ),
)
ADVERTISING = Topic(
    "advertising.md",
    "Advertising",
    "How a publisher advertises the hubs of a topic, so that subscribers find them.",
    ("Advertiser", "link_header", "html_links", "feed_links"),
)
PARTS = Topic("parts.md", "Parts", "The smaller building blocks of hubs and publishers.")
TESTING = Topic(
    "testing.md",
    "Testing",
    "Everything in `websubhub.testing`, to test hubs, publishers and subscribers without sockets.\n"
    "[Test your hub](../how-to/test-your-hub.md) shows how.",
    tuple(websubhub.testing.__all__),
)
TOPICS = (MESSAGES, ERRORS, CLIENTS, RUNNING, ADVERTISING, PARTS, TESTING)


def topic_of(name: str) -> Topic:
    """The page of a public name of ``websubhub``."""
    value = getattr(websubhub, name)
    for topic in (CLIENTS, RUNNING, ADVERTISING):
        if name in topic.names:
            return topic
    if isinstance(value, type) and issubclass(value, Exception):
        return ERRORS
    if isinstance(value, type) and vars(_messages).get(name) is value and name != "Headers":
        return MESSAGES
    return PARTS


def sections(topic: Topic) -> Iterator[Section]:
    """The sections of a page."""
    if topic is TESTING:
        names: list[str] = list(topic.names)
    else:
        found = [name for name in websubhub.__all__ if topic_of(name) is topic]
        names = [*topic.names, *(name for name in found if name not in topic.names)]
    source: Any = websubhub.testing if topic is TESTING else websubhub
    for name in names:
        yield (
            _hooks_elsewhere(name)
            if name == "HubService"
            else section(name, getattr(source, name), _NOTES.get(name, ""))
        )


def _hooks_elsewhere(name: str) -> Section:
    return Section([f"## {name}", "", "The base class of a hub. Its hooks have [their own page](hooks.md)."], [])


def pages() -> dict[Path, str]:
    """Every generated page, by its file."""
    written = {topic.file: _page(topic) for topic in TOPICS}
    written["hooks.md"] = hooks_page(websubhub.HubService, HOOKS)
    written["answers.md"] = answers.page()
    return {FOLDER / file: "\n".join([*lines, *_FOOT]) + "\n" for file, lines in written.items()}


def _page(topic: Topic) -> list[str]:
    lines = [f"# {topic.title}", "", topic.intro]
    for each in sections(topic):
        lines += ["", *each.lines]
    return lines


def undescribed() -> list[str]:
    """What stands in the reference without a word of explanation."""
    return [name for topic in TOPICS for each in sections(topic) for name in each.undescribed]
