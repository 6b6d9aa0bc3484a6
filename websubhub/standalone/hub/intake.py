"""Taking what publishers bring: content, and the news that a topic has some."""

import secrets
import time
from collections.abc import Callable

from websubhub import host_of
from websubhub.standalone.hub.introductions import Introductions
from websubhub.standalone.ports import HubStore, PublishKey, Update


class Intake:
    """Stores updates and announcements before their publishers are answered.

    Args:
        store: Where they are kept.
        announced: Called when a topic is to be fetched.
        clock: The time, in seconds since 1970.
        introductions: Who has named which hosts of topics.
    """

    def __init__(
        self,
        store: HubStore,
        announced: Callable[[], None],
        clock: Callable[[], float] = time.time,
        introductions: Introductions | None = None,
    ) -> None:
        self._store = store
        self._announced = announced
        self._clock = clock
        self._introductions = introductions or Introductions()

    async def publish(self, topic: str, content: bytes, content_type: str, key: PublishKey | None = None) -> str:
        """Take content for all subscriptions of a topic; durable on return.

        Args:
            topic: The topic's URL.
            content: The content.
            content_type: Its Content-Type.
            key: What the publisher calls it; the same once more is accepted once.

        Returns:
            The id of its message, or of the first one with the same key.

        Raises:
            StoreError: It was not taken.
        """
        update = Update(
            id=secrets.token_hex(16) if key is None else key.id,
            topic=topic,
            content=content,
            content_type=content_type,
            published_at=self._clock(),
        )
        return await self._store.broker.publish(update, key)

    async def announce(self, topic: str, client: str = "") -> None:
        """Take the news that a topic has new content; durable on return. A topic that nobody follows is not fetched.

        Args:
            topic: The topic's URL.
            client: Who says so; empty if that is unknown.

        Raises:
            StoreError: It was not taken.
        """
        if await self._store.subscriptions.page(topic=topic, limit=1):
            await self._store.announcements.save(topic)
            self._introductions.note(client, host_of(topic))
            self._announced()
