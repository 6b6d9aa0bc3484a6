"""The intake of updates and announcements from publishers."""

import secrets
import time
from collections.abc import Callable

from websubhub import host_of
from websubhub.standalone.hub.introductions import Introductions
from websubhub.standalone.ports import HubStore, PublishKey, Update


class Intake:
    """Stores updates and announcements before their publishers get an answer.

    Args:
        store: The store.
        announced: Called when a topic is to be fetched.
        clock: Returns the time, in seconds since 1970.
        introductions: The hosts of topics, by the client that named them.
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
        """Store content for all subscriptions of a topic. It is durable when this returns.

        Args:
            topic: The topic's URL.
            content: The content.
            content_type: Its Content-Type.
            key: The publisher's key of the update. Updates with the same key are accepted once.

        Returns:
            The id of its message, or of the first one with the same key.

        Raises:
            StoreError: It was not stored.
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
        """Store an announcement, which is durable when this returns. A topic without subscriptions is not fetched.

        Args:
            topic: The topic's URL.
            client: The client that announces it, or an empty text if it is unknown.

        Raises:
            StoreError: It was not stored.
        """
        if await self._store.subscriptions.page(topic=topic, limit=1):
            await self._store.announcements.save(topic)
            self._introductions.note(client, host_of(topic))
            self._announced()
