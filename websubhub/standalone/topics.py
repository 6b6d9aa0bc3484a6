"""Which topics this hub serves, and how their updates are delivered."""

from collections.abc import Collection

import anyio

from websubhub import TopicClient, TopicFetchError, TopicHead, url_identity
from websubhub.standalone.ports import DeliveryMode, Topic, TopicStore

_ALL = "*"
_BUDGET_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.25


class TopicRules:
    """The operator's rules about topics.

    Args:
        topics: The topics that are known.
        registered_only: Whether only registered topics may be subscribed to and published.
        latest_only: The topics of which only the latest update counts; ``*`` for all.
        feed_diff: The feeds of which only new entries are delivered; ``*`` for all.
        validate: Asks a topic whether its Link header names this hub; None to trust subscribers.
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
        """Give the topics that are known already the options of these rules."""
        await self._topics.configure(latest_only=self._latest_only, feed_diff=self._feed_diff)

    def names(self, url: str) -> bool:
        """Whether the operator's rules say something about a topic."""
        named = self._latest_only | self._feed_diff
        return not named.isdisjoint({_ALL, url_identity(url)})

    def topic(self, url: str, *, registered: bool = False) -> Topic:
        """A topic with the options that the operator set for it."""
        latest = not self._latest_only.isdisjoint({_ALL, url_identity(url)})
        diff = not self._feed_diff.isdisjoint({_ALL, url_identity(url)})
        mode = DeliveryMode.LATEST if latest else DeliveryMode.EVERY
        return Topic(url=url, registered=registered, delivery_mode=mode, feed_diff=diff)

    async def is_open_to(self, url: str) -> bool:
        """Whether updates of a topic are taken."""
        if not self._registered_only:
            return True
        topic = await self._topics.get(url)
        return topic is not None and topic.registered

    async def denial(self, url: str, hub: str) -> str | None:
        """Why a topic may not be subscribed to; None when it may (W3C 5.2)."""
        if not await self.is_open_to(url):
            return "the topic is not registered at this hub"
        if self._validate is None or await self._topics.get(url) is not None:
            return None
        try:
            head = await self._look(self._validate, url)
        except TopicFetchError:
            return "the topic could not be fetched"
        if hub not in head.hubs:
            return "the topic does not name this hub"
        if head.topic is not None and url_identity(head.topic) != url_identity(url):
            return "the topic has another canonical URL"
        return None

    async def _look(self, client: TopicClient, url: str) -> TopicHead:
        """Look at a topic, once its host may be called."""
        with anyio.move_on_after(_BUDGET_SECONDS):
            while True:
                try:
                    return await client.look(url)
                except TopicFetchError as error:
                    if not error.wait:
                        raise
                    await anyio.sleep(min(error.wait, _LOOK_AGAIN_SECONDS))
        raise TopicFetchError("The budget of its host is used up.")
