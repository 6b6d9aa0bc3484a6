"""The generated pages, and the names on each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import websubhub
import websubhub.testing
from docs.generate import answers
from docs.generate.hooks import hooks_page
from docs.generate.page import FOLDER as FOLDER  # noqa: PLC0414 - for the tests
from docs.generate.page import Pages, Topic, elsewhere, in_order
from docs.generate.sections import Section, section
from websubhub import _messages, _subscriptions
from websubhub._service import HOOKS

#: Notes for types made of other types, which cannot have a docstring.
_NOTES = {
    "Payload": "Content: bytes are sent as they are, text as UTF-8, an XML element as XML, anything else as JSON.",
}


MESSAGES = Topic(
    "messages.md",
    "Messages and successes",
    "What hooks get, what they return to say yes, and what is delivered.\n"
    "All of them are frozen and take keyword arguments; `attrs.evolve(message, topic=...)` returns a changed copy.\n"
    "A success can carry a `status`, `headers` and a `body` of form fields, which are added to the answer.",
)
ERRORS = Topic(
    "errors.md",
    "Errors",
    "What hooks raise or return to say no, and what the clients raise.\n"
    "A hook's error takes its reason first, and can carry a `status`, `headers` and a `body` of form fields, "
    "which are added to the answer.",
    ("WebSubError",),
)
CLIENTS = Topic(
    "clients.md",
    "Clients",
    "The outgoing half: deliver to subscribers, publish to hubs, and fetch topics.",
    tuple(
        "HubClient RetryPolicy SignatureMethod PublisherClient TopicClient TopicContent TopicHead ContentDistributor "
        "Recipient DeliveryOutcome DeliveryFailure EngineLimits Delivery SharedContent".split()
    ),
)
RUNNING = Topic(
    "running.md",
    "Running a hub",
    "Run a hub on its own, with other hubs on one address, or inside another application.",
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
    "Everything in `websubhub.testing`, for testing hubs, publishers and subscribers without sockets.\n"
    "[Test your hub](../how-to/test-your-hub.md) shows how.",
    tuple(websubhub.testing.__all__),
)
TOPICS = (MESSAGES, ERRORS, CLIENTS, RUNNING, ADVERTISING, PARTS, TESTING)


def topic_of(name: str) -> Topic:
    """Return the page of a public name of ``websubhub``."""
    value = getattr(websubhub, name)
    for topic in (CLIENTS, RUNNING, ADVERTISING):
        if name in topic.names:
            return topic
    if isinstance(value, type) and issubclass(value, Exception):
        return ERRORS
    if isinstance(value, type) and {**vars(_messages), **vars(_subscriptions)}.get(name) is value and name != "Headers":
        return MESSAGES
    return PARTS


def sections(topic: Topic) -> Iterator[Section]:
    """Return the sections of a page."""
    found = [name for name in websubhub.__all__ if topic is not TESTING and topic_of(name) is topic]
    source: Any = websubhub.testing if topic is TESTING else websubhub
    for name in in_order(topic.names, found):
        if name == "HubService":
            yield elsewhere(name, "The base class of a hub. Its hooks have [their own page](hooks.md).")
        else:
            yield section(name, getattr(source, name), _NOTES.get(name, ""))


_PAGES = Pages(TOPICS, sections)
undescribed = _PAGES.undescribed


def pages() -> dict[Path, str]:
    """Return every generated page by its file."""
    return _PAGES.written({"hooks.md": hooks_page(websubhub.HubService, HOOKS), "answers.md": answers.page()})
