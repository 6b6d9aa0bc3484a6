"""The intake of updates and announcements from publishers."""

import secrets
import time
from collections.abc import Callable
from typing import Protocol

from websubhub import host_of
from websubhub.standalone.events.events import Events
from websubhub.standalone.events.kinds import Kind
from websubhub.standalone.hub.introductions import Introductions
from websubhub.standalone.ports import HubStore, Published, PublishKey, Update


def record_published(events: Events, update: Update, published: Published) -> None:
    """Record that an update was published."""
    events.record(
        Kind.PUBLISHED,
        id=published.id,
        topic=update.topic,
        type=update.content_type,
        size=len(update.content),
        recipients=published.recipients,
        publisher=update.publisher,
    )


class UpdateIntake(Protocol):
    """Accepts updates and announcements: an ``Intake``, or a wrapper around one."""

    async def publish(
        self, topic: str, content: bytes, content_type: str, key: PublishKey | None = None, publisher: str = ""
    ) -> Published:
        """Store content for all subscriptions of a topic."""
        ...

    async def announce(self, topic: str, client: str = "") -> None:
        """Store an announcement."""
        ...


class Intake:
    """Stores updates and announcements before their publishers get an answer.

    Args:
        store: The store.
        announced: Called when a topic should be fetched.
        clock: Returns the time, in seconds since 1970.
        introductions: The hosts of topics, by the client that named them.
        events: Where to record what was accepted.
        trace: Returns the trace of the current request, as in ``Update``.
    """

    def __init__(
        self,
        store: HubStore,
        announced: Callable[[], None],
        clock: Callable[[], float] = time.time,
        introductions: Introductions | None = None,
        events: Events | None = None,
        trace: Callable[[], str] = str,
    ) -> None:
        self._store = store
        self._announced = announced
        self._clock = clock
        self._introductions = introductions or Introductions()
        self._events = events or Events()
        self._trace = trace

    async def publish(
        self, topic: str, content: bytes, content_type: str, key: PublishKey | None = None, publisher: str = ""
    ) -> Published:
        """Store content for all subscriptions of a topic. The content is durable when this returns.

        Args:
            topic: The topic's URL.
            content: The content.
            content_type: Its Content-Type.
            key: The publisher's key for the update. Of several updates with the same key, only the first is stored.
            publisher: The name of the publisher's token, or an empty string.

        Returns:
            The id of its message, or of the first one with the same key, and how many subscriptions will get it.

        Raises:
            StoreError: The content was not stored.
        """
        update = Update(
            id=secrets.token_hex(16) if key is None else key.id,
            topic=topic,
            content=content,
            content_type=content_type,
            published_at=self._clock(),
            publisher=publisher,
            trace=self._trace(),
        )
        published = await self._store.broker.publish(update, key)
        if not published.repeated:
            record_published(self._events, update, published)
        return published

    async def announce(self, topic: str, client: str = "") -> None:
        """Store an announcement unless the topic has no subscriptions. It is durable when this returns.

        Args:
            topic: The topic's URL.
            client: The client that announces it, or an empty string if it is unknown.

        Raises:
            StoreError: The announcement was not stored.
        """
        if await self._store.subscriptions.page(topic=topic, limit=1):
            await self._store.announcements.save(topic)
            self._introductions.note(client, host_of(topic))
            self._announced()
            self._events.record(Kind.ANNOUNCED, topic=topic)
