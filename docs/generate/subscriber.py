"""The generated pages about subscribers."""

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
A hook can return or raise its errors.
Only the errors listed for a hook send their reason to the hub.
Any other exception is logged and answered with the fixed text in the last column.
If a hook for a denial or a hub's error fails, the hub still gets 200.

Creating a subclass raises a `TypeError` that says what to do, if

- the required hook is missing,
- a method `on_...` is not a hook,
- a hook is not `async`, or takes arguments other than `(self, message)`,
- a hook is annotated with types that it cannot take or return.

For a class that only serves as a base, write `class Base(SubscriberService, abstract=True)`."""


MESSAGES = Topic(
    "subscriber-messages.md",
    "Messages and errors of a subscriber",
    "What the hooks get, what they return or raise, and what the clients raise.\n"
    "Messages are frozen and take keyword arguments; `attrs.evolve(message, topic=...)` returns a changed copy.",
    tuple(
        "ContentDistributionMessage SubscriptionVerification UnsubscriptionVerification SubscriptionDenied HubError "
        "Acknowledgement SubscriptionVerificationSuccess UnsubscriptionVerificationSuccess WebSubError "
        "SubscriptionDeletedError SubscriptionVerificationError UnsubscriptionVerificationError "
        "SubscriptionInitiationError DeniedError InsecureSecretError ContentError SecretError StateError "
        "UrlError".split()
    ),
)
CLIENTS = Topic(
    "subscriber-clients.md",
    "Clients of a subscriber",
    "The outgoing half: discover hubs and subscribe.\nA subscriber with targets uses both clients for you.",
    tuple(
        "DiscoveryClient Discovery DiscoverySource DiscoveryOptions DiscoveryError NoHubError NoTopicError "
        "SubscriptionClient SubscriptionChangeResponse".split()
    ),
)
RUNNING = Topic(
    "subscriber-running.md",
    "Running a subscriber",
    "Run a subscriber on its own, with other subscribers on one address, or inside another application.",
    tuple(
        "SubscriberService SubscriberConfig Target CallbackPolicy EdgeLimits EdgeLoad serve run SubscriberListener "
        "asgi SubscriberApplication SubscriberEvent EventKind Subscription State StateStore".split()
    ),
)
TOPICS = (MESSAGES, CLIENTS, RUNNING)


def sections(topic: Topic) -> Iterator[Section]:
    """Return the sections of a page."""
    for name in topic.names:
        yield elsewhere(name, _ELSEWHERE) if name == "SubscriberService" else section(name, getattr(websubsub, name))


_ELSEWHERE = "The base class of a subscriber. Its hooks have [their own page](subscriber-hooks.md)."
_PAGES = Pages(TOPICS, sections)
undescribed = _PAGES.undescribed


def pages() -> dict[Path, str]:
    """Return every generated page for subscribers by its file."""
    side = Side(head=_HOOKS, messages=MESSAGES.file, errors=MESSAGES.file)
    return _PAGES.written({"subscriber-hooks.md": hooks_page(websubsub.SubscriberService, HOOKS, side)})
