"""The generated pages for those who write subscribers."""

from collections.abc import Iterator
from pathlib import Path

import websubsub
from docs.generate.hooks import Side, hooks_page
from docs.generate.page import FOLDER as FOLDER  # noqa: PLC0414 - for the tests
from docs.generate.page import Pages, Topic, elsewhere
from docs.generate.sections import Section, section
from websubsub._service import HOOKS

_HOOKS = """# Hooks of a subscriber

A subscriber is a subclass of `SubscriberService`.
A hook is one of the methods below: `async def on_x(self, message)`.
The headers of the request are `message.headers`.
A hook may return or raise its errors.
Only the errors listed for it tell the hub their reason.
Any other exception is logged, and answered with the fixed words of the last column.
What a hook of a denial or of a hub's error fails with changes nothing: the hub is answered 200.

A subclass is refused with a `TypeError` when it is made, and told what to do, if

- the required hook is missing,
- a method `on_...` is no hook,
- a hook is not `async`, or takes other arguments than `(self, message)`,
- a hook is annotated to take or to return what it may not.

A class that is only to be derived from says `class Base(SubscriberService, abstract=True)`."""


MESSAGES = Topic(
    "subscriber-messages.md",
    "Messages and errors of a subscriber",
    "What the hooks are called with, what they say yes and no with, and what the clients raise.\n"
    "Messages are frozen and are made with keywords; `attrs.evolve(message, topic=...)` makes a changed copy.",
    tuple(
        "ContentDistributionMessage SubscriptionVerification UnsubscriptionVerification SubscriptionDenied HubError "
        "Acknowledgement SubscriptionVerificationSuccess UnsubscriptionVerificationSuccess WebSubError "
        "SubscriptionDeletedError SubscriptionVerificationError UnsubscriptionVerificationError "
        "SubscriptionInitiationError InsecureSecretError ContentError".split()
    ),
)
CLIENTS = Topic(
    "subscriber-clients.md",
    "Clients of a subscriber",
    "The outgoing half: finding out what to subscribe to, and asking for it.\n"
    "A subscriber that is given targets uses both by itself.",
    tuple(
        "DiscoveryClient Discovery DiscoverySource DiscoveryOptions DiscoveryError NoHubError NoTopicError "
        "SubscriptionClient SubscriptionChangeResponse".split()
    ),
)
RUNNING = Topic(
    "subscriber-running.md",
    "Running a subscriber",
    "A subscriber runs by itself, together with others on one address, or inside another application.",
    tuple(
        "SubscriberService SubscriberConfig Target CallbackPolicy EdgeLimits EdgeLoad serve run SubscriberListener "
        "asgi SubscriberApplication SubscriberEvent EventKind Subscription State StateStore".split()
    ),
)
TOPICS = (MESSAGES, CLIENTS, RUNNING)


def sections(topic: Topic) -> Iterator[Section]:
    """The sections of a page."""
    for name in topic.names:
        yield elsewhere(name, _ELSEWHERE) if name == "SubscriberService" else section(name, getattr(websubsub, name))


_ELSEWHERE = "The class that a subscriber is written as; its hooks are on [their own page](subscriber-hooks.md)."
_PAGES = Pages(TOPICS, sections)
undescribed = _PAGES.undescribed


def pages() -> dict[Path, str]:
    """Every generated page for subscribers, by its file."""
    side = Side(head=_HOOKS, messages=MESSAGES.file, errors=MESSAGES.file)
    return _PAGES.written({"subscriber-hooks.md": hooks_page(websubsub.SubscriberService, HOOKS, side)})
