"""The rules that decide which topics this hub serves, and how it delivers their updates."""

import math
from collections.abc import Collection

from websubhub import RequestPostponedError, SubscriptionDeniedError, TopicClient, TopicFetchError, url_identity
from websubhub.standalone.ports import DeliveryMode, Topic, TopicStore

_ALL = "*"
_NOT_FETCHED = "the topic could not be fetched"
#: Statuses that call for another attempt.
_NOT_NOW = frozenset({408, 425, 429})
_CROWDED_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0


class TopicRules:
    """The operator's rules for topics.

    Args:
        topics: The store of topics.
        registered_only: Whether subscribing and publishing require a registered topic.
        latest_only: The topics for which only the latest update is delivered, or ``*`` for all.
        feed_diff: The feeds for which only new entries are delivered, or ``*`` for all.
        validate: Checks whether a topic's Link header names this hub, or None to trust subscribers.
    """

    def __init__(
        self,
        topics: TopicStore,
        *,
        registered_only: bool = False,
        latest_only: Collection[str] = (),
        feed_diff: Collection[str] = (),
        validate: TopicClient | None = None,
    ) -> None:
        self._topics = topics
        self._registered_only = registered_only
        self._latest_only = frozenset(url_identity(url) for url in latest_only)
        self._feed_diff = frozenset(url_identity(url) for url in feed_diff)
        self._validate = validate

    async def apply(self) -> None:
        """Apply these rules to the topics in the store."""
        await self._topics.configure(latest_only=self._latest_only, feed_diff=self._feed_diff)

    def names(self, url: str) -> bool:
        """Return whether the operator's rules mention a topic."""
        named = self._latest_only | self._feed_diff
        return not named.isdisjoint({_ALL, url_identity(url)})

    def topic(self, url: str, *, registered: bool = False) -> Topic:
        """Return a topic with the options that the rules give it."""
        latest = not self._latest_only.isdisjoint({_ALL, url_identity(url)})
        diff = not self._feed_diff.isdisjoint({_ALL, url_identity(url)})
        mode = DeliveryMode.LATEST if latest else DeliveryMode.EVERY
        return Topic(url=url, registered=registered, delivery_mode=mode, feed_diff=diff)

    async def is_open_to(self, url: str) -> bool:
        """Return whether the hub accepts updates of a topic."""
        if not self._registered_only:
            return True
        topic = await self._topics.get(url)
        return topic is not None and topic.registered

    async def objection(self, url: str, hub: str) -> SubscriptionDeniedError | RequestPostponedError | None:
        """Return why a subscription to a topic is denied or postponed, or None if it is granted (W3C 5.2).

        Args:
            url: The topic.
            hub: The hub's public URL.
        """
        if not await self.is_open_to(url):
            return SubscriptionDeniedError("the topic is not registered at this hub")
        if self._validate is None or await self._topics.get(url) is not None:
            return None
        try:
            head = await self._validate.look(url)
        except TopicFetchError as error:
            return _objection(error)
        if hub not in head.hubs:
            return SubscriptionDeniedError("the topic does not name this hub")
        if head.topic is not None and url_identity(head.topic) != url_identity(url):
            return SubscriptionDeniedError("the topic has another canonical URL")
        return None


def _objection(error: TopicFetchError) -> SubscriptionDeniedError | RequestPostponedError:
    """Return the answer to a subscription whose topic could not be checked."""
    if error.wait:  # because of other requests to its host
        wait = _CROWDED_SECONDS if error.wait == math.inf else min(error.wait, _LONGEST_WAIT_SECONDS)
        return RequestPostponedError(_NOT_FETCHED, retry_after=wait)
    if error.status and not 500 <= error.status <= 599 and error.status not in _NOT_NOW:  # noqa: PLR2004 - 5xx
        return SubscriptionDeniedError(_NOT_FETCHED)
    return RequestPostponedError(_NOT_FETCHED, counts=True)
