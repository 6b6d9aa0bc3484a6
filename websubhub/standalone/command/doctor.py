"""The checks of ``websubhub doctor``, with one line of output each."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import TextIO

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
    UrlError,
    VerifiedSubscription,
    VerifiedUnsubscription,
    check_url,
)
from websubhub.standalone.backends import examine_store
from websubhub.standalone.ports import StoreError, StoreLockedError
from websubhub.standalone.settings import Settings, SettingsError


class Mark(StrEnum):
    """The result of a check, as it begins its line."""

    OK = "ok  "
    NOTE = "note"
    FAIL = "FAIL"


_VERDICTS = {
    IntentVerification.VERIFIED: (Mark.OK, "the callback confirms a subscription and echoes the challenge"),
    IntentVerification.REFUSED: (
        Mark.NOTE,
        "the callback answers, and does not confirm a subscription that it did not ask for, which is right",
    ),
    IntentVerification.POSTPONED: (Mark.FAIL, "the callback cannot verify anything right now"),
    IntentVerification.UNANSWERED: (Mark.FAIL, "the callback does not answer a verification request"),
    IntentVerification.DENIED: (Mark.FAIL, "the subscription was denied"),
}

#: The statuses with which proxies answer for what they cannot reach.
_NOBODY_BEHIND = frozenset({502, 503, 504})

Finding = tuple[Mark, str]


async def examine(settings: Settings, *, callback: str | None, topic: str | None, out: TextIO) -> list[bool]:
    """Check the store, the public URL, and optionally a callback and a topic.

    Args:
        settings: The hub's settings.
        callback: A callback to reach.
        topic: A topic to fetch.
        out: The stream to print to.

    Returns:
        What each check found, as a boolean: False if something does not work.
    """
    for name, url in (("--callback", callback), ("--topic", topic)):
        if url is not None:
            try:
                check_url(url, name)
            except UrlError as error:
                raise SettingsError(str(error)) from None
    verdicts = []
    async for verdict, sentence in _findings(settings, callback, topic):
        print(f"{verdict} {sentence}", file=out, flush=True)
        verdicts.append(verdict is not Mark.FAIL)
    return verdicts


async def _findings(settings: Settings, callback: str | None, topic: str | None) -> AsyncIterator[Finding]:
    hub = settings.url_at(_base(settings))
    yield await _store(settings)
    async with TopicClient(hub, allow_networks=settings.allow_network) as client:
        yield await _reach(client, hub, "the hub's public URL")
        if topic is not None:
            yield await _topic(client, topic, hub, required=settings.validate_topics)
        if callback is not None:
            reached = await _reach(client, callback, "the callback")
            yield reached
            if reached[0] is not Mark.FAIL:
                yield await _challenge(settings, hub, callback, topic or hub)


def _base(settings: Settings) -> str:
    if settings.port == 0 and settings.public_url is None:
        raise SettingsError("--port or --public-url must be set: port 0 is another one at every start.")
    host = settings.host.strip("[]")
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


async def _store(settings: Settings) -> Finding:
    try:
        return Mark.OK, await examine_store(settings)
    except StoreLockedError:
        return Mark.OK, "the store is in use by a running hub"
    except StoreError as error:
        return Mark.FAIL, f"the store: {error}"


async def _reach(client: TopicClient, url: str, name: str) -> Finding:
    try:
        await client.look(url)
    except TopicFetchError as error:
        if not error.status:
            return Mark.FAIL, f"{name} {url} cannot be reached: {error.reason}"
        if error.status in _NOBODY_BEHIND:
            return (
                Mark.FAIL,
                f"{name} answers with {error.status}: it is starting, or a proxy finds nothing behind it",
            )
        return Mark.OK, f"{name} answers (status {error.status} to a plain GET)"
    return Mark.OK, f"{name} answers"


async def _topic(client: TopicClient, topic: str, hub: str, *, required: bool) -> Finding:
    try:
        content = await client.fetch(topic)
    except TopicFetchError as error:
        return Mark.FAIL, f"the topic {topic}: {error.reason}"
    if content is None:
        return Mark.FAIL, "the topic answers that it has not changed"
    size = f"{len(content.body)} bytes of {content.content_type}"
    if hub not in content.hubs:
        found = ", ".join(content.hubs) or "none"
        sentence = f"the topic serves {size}, and its Link header does not name this hub (it names {found})"
        if required:
            return Mark.FAIL, f"{sentence}, so --validate-topics denies subscriptions to it"
        return Mark.NOTE, f"{sentence}; subscribers also follow links in the content, which are not read here"
    return Mark.OK, f"the topic serves {size}, and its Link header names this hub"


class _Nobody(HubService):
    """A hub that only sends a verification request and ignores what follows."""

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
        """Do nothing: the answer is all that is wanted."""

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> None:
        """Do nothing: the answer is all that is wanted."""


async def _challenge(settings: Settings, hub: str, callback: str, topic: str) -> Finding:
    config = HubConfig(url=hub, allow_networks=settings.allow_network)
    async with HubApplication(_Nobody(), config) as app:
        message = Subscription(hub=hub, topic=topic, callback=callback, lease_seconds=settings.min_lease_seconds)
        return _VERDICTS[await app.verify(message)]
