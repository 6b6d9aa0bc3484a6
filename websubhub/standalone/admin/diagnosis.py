"""Diagnosis: checks of whether a hub can reach what it must reach, with a finding for each."""

from enum import StrEnum

from websubhub import (
    HubApplication,
    HubConfig,
    HubService,
    IntentVerification,
    Subscription,
    TopicClient,
    TopicDeregistration,
    TopicDeregistrationError,
    TopicFetchError,
    TopicRegistration,
    TopicRegistrationError,
    UpdateMessage,
    UpdateMessageError,
    VerifiedSubscription,
    VerifiedUnsubscription,
)
from websubhub.standalone.settings import Settings


class Mark(StrEnum):
    """The result of a check, as printed at the beginning of its line."""

    OK = "ok  "
    NOTE = "note"
    FAIL = "FAIL"


_VERDICTS = {
    IntentVerification.VERIFIED: (Mark.OK, "the callback confirms a subscription and echoes the challenge"),
    IntentVerification.REFUSED: (
        Mark.NOTE,
        "the callback responds and rightly does not confirm a subscription that it did not request",
    ),
    IntentVerification.POSTPONED: (Mark.FAIL, "the callback cannot verify anything right now"),
    IntentVerification.UNANSWERED: (Mark.FAIL, "the callback does not respond to a verification request"),
    IntentVerification.DENIED: (Mark.FAIL, "the subscription was denied"),
}

#: The statuses that proxies send for servers that they cannot reach.
_NOBODY_BEHIND = frozenset({502, 503, 504})

Finding = tuple[Mark, str]
"""The result of a check, and one sentence about it."""


async def reach(client: TopicClient, url: str, name: str) -> Finding:
    """Check whether a URL responds.

    Args:
        client: The hub's client.
        url: The URL.
        name: What to call it, such as ``the callback``.
    """
    try:
        await client.look(url)
    except TopicFetchError as error:
        if not error.status:
            cause = error.__cause__ or error.reason.removesuffix(".")  # a reason speaks of a topic
            return Mark.FAIL, f"{name} {url} cannot be reached: {cause}"
        if error.status in _NOBODY_BEHIND:
            return (
                Mark.FAIL,
                f"{name} responds with {error.status}: it is starting, or a proxy cannot reach it",
            )
        return Mark.OK, f"{name} responds (status {error.status} to a plain GET)"
    return Mark.OK, f"{name} responds"


async def look_at_topic(client: TopicClient, topic: str, hub: str, *, required: bool) -> Finding:
    """Check whether a topic can be fetched and names the hub.

    Args:
        client: The hub's client.
        topic: The topic's URL.
        hub: The hub's public URL.
        required: Whether the hub denies subscriptions to a topic that does not name it.
    """
    try:
        content = await client.fetch(topic)
    except TopicFetchError as error:
        return Mark.FAIL, f"the topic {topic}: {error.reason}"
    if content is None:
        return Mark.FAIL, "the topic responds that it has not changed"
    size = f"{len(content.body)} bytes of {content.content_type}"
    if hub not in content.hubs:
        found = ", ".join(content.hubs) or "none"
        sentence = f"the topic serves {size}, but its Link header does not name this hub (it names {found})"
        if required:
            return Mark.FAIL, f"{sentence}, so --validate-topics denies subscriptions to it"
        return Mark.NOTE, f"{sentence}; subscribers also follow links in the content, which this check does not read"
    return Mark.OK, f"the topic serves {size}, and its Link header names this hub"


class _Nobody(HubService):
    """A hub that only sends a verification request."""

    async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationError:  # noqa: ARG002 - a hook's signature
        """Refuse."""
        return TopicRegistrationError()

    async def on_deregister_topic(self, message: TopicDeregistration) -> TopicDeregistrationError:  # noqa: ARG002 - a hook's signature
        """Refuse."""
        return TopicDeregistrationError()

    async def on_update_message(self, message: UpdateMessage) -> UpdateMessageError:  # noqa: ARG002 - a hook's signature
        """Refuse."""
        return UpdateMessageError()

    async def on_subscription_intent_verified(self, message: VerifiedSubscription) -> None:
        """Do nothing, since only the response matters."""

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> None:
        """Do nothing, since only the response matters."""


async def challenge(settings: Settings, hub: str, callback: str, topic: str) -> Finding:
    """Check how a callback responds to a verification request.

    Args:
        settings: The settings of the hub.
        hub: The hub's public URL.
        callback: The callback.
        topic: The topic to ask about.
    """
    config = HubConfig(url=hub, allow_networks=settings.allow_network)
    async with HubApplication(_Nobody(), config) as app:
        message = Subscription(hub=hub, topic=topic, callback=callback, lease_seconds=settings.min_lease_seconds)
        return _VERDICTS[await app.verify(message)]
