"""The checks of ``websubhub doctor``, with one line of output each."""

from collections.abc import AsyncIterator
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

_VERDICTS = {
    IntentVerification.VERIFIED: (True, "the callback confirms a subscription and echoes the challenge"),
    IntentVerification.REFUSED: (
        False,
        "the callback answers, but does not confirm: that is right unless it has just asked to subscribe",
    ),
    IntentVerification.POSTPONED: (False, "the callback cannot verify anything right now"),
    IntentVerification.UNANSWERED: (False, "the callback does not answer a verification request"),
    IntentVerification.DENIED: (False, "the subscription was denied"),
}

Finding = tuple[bool, str]


async def examine(settings: Settings, *, callback: str | None, topic: str | None, out: TextIO) -> list[bool]:
    """Check the store, the public URL, and optionally a callback and a topic.

    Args:
        settings: The hub's settings.
        callback: A callback to reach.
        topic: A topic to fetch.
        out: The stream to print to.

    Returns:
        Whether each check succeeded.
    """
    for name, url in (("--callback", callback), ("--topic", topic)):
        if url is not None:
            try:
                check_url(url, name)
            except UrlError as error:
                raise SettingsError(str(error)) from None
    verdicts = []
    async for good, sentence in _findings(settings, callback, topic):
        print(f"{'ok  ' if good else 'FAIL'} {sentence}", file=out, flush=True)
        verdicts.append(good)
    return verdicts


async def _findings(settings: Settings, callback: str | None, topic: str | None) -> AsyncIterator[Finding]:
    hub = settings.url_at(_base(settings))
    yield await _store(settings)
    async with TopicClient(hub, allow_networks=settings.allow_network) as client:
        yield await _reach(client, hub, "the hub's public URL")
        if topic is not None:
            yield await _topic(client, topic, hub)
        if callback is not None:
            reached = await _reach(client, callback, "the callback")
            yield reached
            if reached[0]:
                yield await _challenge(settings, hub, callback, topic or hub)


def _base(settings: Settings) -> str:
    if settings.port == 0 and settings.public_url is None:
        raise SettingsError("--port or --public-url must be set: port 0 is another one at every start.")
    host = settings.host.strip("[]")
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


async def _store(settings: Settings) -> Finding:
    try:
        return True, await examine_store(settings)
    except StoreLockedError:
        return True, "the store is in use by a running hub"
    except StoreError as error:
        return False, f"the store: {error}"


async def _reach(client: TopicClient, url: str, name: str) -> Finding:
    try:
        await client.look(url)
    except TopicFetchError as error:
        if not error.status:
            return False, f"{name} {url} cannot be reached: {error.reason}"
        return True, f"{name} answers (status {error.status} to a plain GET)"
    return True, f"{name} answers"


async def _topic(client: TopicClient, topic: str, hub: str) -> Finding:
    try:
        content = await client.fetch(topic)
    except TopicFetchError as error:
        return False, f"the topic {topic}: {error.reason}"
    if content is None:
        return False, "the topic answers that it has not changed"
    size = f"{len(content.body)} bytes of {content.content_type}"
    if hub not in content.hubs:
        found = ", ".join(content.hubs) or "none"
        where = "links in the content itself count for subscribers, and are not read here"
        return False, f"the topic serves {size}, but its Link header does not name this hub (it names {found}; {where})"
    return True, f"the topic serves {size}, and its Link header names this hub"


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
