"""Fetching a topic, and publishing changed content as an update."""

import hashlib
import time
from collections.abc import Callable
from enum import Enum, auto

import anyio
import anyio.lowlevel
import attrs

from websubhub import FeedEntry, TopicClient, TopicContent, feed_entries_in_steps, url_identity, without_entries
from websubhub.standalone.events.events import Events
from websubhub.standalone.hub.intake import record_published
from websubhub.standalone.hub.space import Space
from websubhub.standalone.ports import FetchedTopic, HubStore, StoreError, Update

_ENTRIES_REMEMBERED = 2_000


class Refreshed(Enum):
    """The result of a fetch of a topic.

    ``UPDATED``: there was an update. ``NOT_MODIFIED``: the topic answered that it has not changed. ``FOR_NOTHING``:
    the whole content was fetched, but had not changed.
    """

    UPDATED = auto()
    NOT_MODIFIED = auto()
    FOR_NOTHING = auto()


class TopicRefresher:
    """Fetches topics, and publishes new content.

    Args:
        store: Stores updates, and the last fetch of each topic.
        client: The client that fetches topics.
        clock: Returns the time, in seconds since 1970.
        events: Where to record what was published.
        space: Notes when the store is full.
        trace: Returns the trace of the current fetch, as in ``Update``.
    """

    def __init__(
        self,
        store: HubStore,
        client: TopicClient,
        clock: Callable[[], float] = time.time,
        *,
        events: Events | None = None,
        space: Space | None = None,
        trace: Callable[[], str] = str,
    ) -> None:
        self._store = store
        self._client = client
        self._clock = clock
        self._events = events or Events()
        self._space = space or Space(store, self._events)
        self._trace = trace
        self._reading = anyio.Lock()

    async def refresh(self, url: str) -> Refreshed:
        """Fetch a topic, publish its content if it has changed, and return the result.

        Args:
            url: The topic's URL.

        Raises:
            TopicFetchError: The topic could not be fetched.
            StoreError: The update could not be stored.
        """
        async with self._client.large.held():
            return await self._refresh(url)

    async def _refresh(self, url: str) -> Refreshed:
        known = await self._store.topics.last_fetch(url) or FetchedTopic()
        content = await self._client.fetch(
            url, etag=known.etag, last_modified=known.last_modified, found_at=known.found_at or None
        )
        if content is None:
            return Refreshed.NOT_MODIFIED
        fetched = attrs.evolve(
            known,
            etag=content.etag,
            last_modified=content.last_modified,
            found_at=content.url,
            digest=hashlib.sha256(content.body).hexdigest(),
            canonical=content.topic,
            hubs=content.hubs,
            fetched_at=self._clock(),
        )
        update = None
        if fetched.digest != known.digest:
            update, fetched = await self._update(url, content, fetched)
        if update is not None:
            await self._publish(update)
        elif attrs.evolve(fetched, fetched_at=known.fetched_at) == known:
            return Refreshed.FOR_NOTHING  # all that it would store is known
        await self._store.topics.save_fetch(url, fetched)
        return Refreshed.FOR_NOTHING if update is None else Refreshed.UPDATED

    async def _publish(self, update: Update) -> None:
        try:
            published = await self._store.broker.publish(update)
        except StoreError as error:
            self._space.note(error)
            raise
        record_published(self._events, update, published)

    async def _update(
        self, url: str, content: TopicContent, fetched: FetchedTopic
    ) -> tuple[Update | None, FetchedTopic]:
        """Return the update, or None if nothing is new, and the fetch to store."""
        body, entries = await self._changed_part(url, content, fetched.entries)
        # The id is derived from the previous fetch, so that content fetched again after a crash gets the same id.
        chain = f"{url_identity(url)} {fetched.message_id} {fetched.digest}"
        message_id = hashlib.sha256(chain.encode()).hexdigest()[:32]
        update = Update(
            id=message_id,
            topic=url,
            content=body or b"",
            content_type=content.content_type,
            canonical=content.topic,
            hubs=content.hubs,
            published_at=self._clock(),
            publisher=None,
            trace=self._trace(),
        )
        return None if body is None else update, attrs.evolve(fetched, message_id=message_id, entries=entries)

    async def _changed_part(
        self, url: str, content: TopicContent, known: tuple[str, ...]
    ) -> tuple[bytes | None, tuple[str, ...]]:
        """Return the content to deliver, or None if there is none, and the entries known from now on (W3C 7)."""
        topic = await self._store.topics.get(url)
        if topic is None or not topic.feed_diff:
            return content.body, known
        entries = await self._entries(content)
        if entries is None:
            return content.body, known
        before = frozenset(known)
        fresh = [entry.digest for entry in entries if entry.digest not in before]
        remembered = tuple(dict.fromkeys([*fresh, *known]))[:_ENTRIES_REMEMBERED]
        if not fresh and entries and known:
            return None, remembered
        return without_entries(content.body, entries, before), remembered

    async def _entries(self, content: TopicContent) -> tuple[FeedEntry, ...] | None:
        """Return the entries of a feed, or None if it is not a feed. One feed is parsed at a time."""
        steps = feed_entries_in_steps(content.body, content.content_type)
        while True:
            async with self._reading:
                try:
                    next(steps)
                except StopIteration as end:
                    found: tuple[FeedEntry, ...] | None = end.value
                    return found
            await anyio.lowlevel.checkpoint()
