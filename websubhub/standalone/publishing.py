"""Taking updates: content that publishers bring, and topics that are fetched once new content is announced."""

import hashlib
import logging
import math
import secrets
import time
from collections.abc import Callable

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from websubhub import TopicClient, TopicContent, TopicFetchError, feed_entries, url_identity, without_entries
from websubhub.standalone.ports import Announcement, FetchedTopic, HubStore, StoreError, Update

log = logging.getLogger("websubhub")

_INTERVAL_SECONDS = 1.0
_RETRY_SECONDS = (5.0, 30.0, 120.0)
_FETCHES_AT_ONCE = 16
_POLL_SECONDS = 1.0
_ENTRIES_REMEMBERED = 2_000
_CHAIN = "-"


class Publishing:
    """Stores updates before their publishers are answered, and fetches topics that were announced.

    Args:
        store: Where updates and announcements are kept.
        client: How topics are fetched.
        clock: The time, in seconds since 1970.
    """

    def __init__(self, store: HubStore, client: TopicClient, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._client = client
        self._clock = clock
        self._fetching: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._announced = anyio.Event()

    async def publish(self, topic: str, content: bytes, content_type: str) -> None:
        """Take content for all subscriptions of a topic; durable on return.

        Raises:
            StoreError: It was not taken.
        """
        await self._store.broker.publish(self._update(topic, content, content_type))

    async def announce(self, topic: str) -> None:
        """Take the news that a topic has new content; durable on return. A topic that nobody follows is not fetched.

        Raises:
            StoreError: It was not taken.
        """
        if await self._store.subscriptions.page(topic=topic, limit=1):
            await self._store.announcements.save(topic)
            self._announced.set()

    async def run(self) -> None:
        """Fetch what is announced until cancelled: a topic once a second at most, and after its last announcement."""
        async with anyio.create_task_group() as tasks:
            while True:
                self._announced = anyio.Event()
                await self._start_fetches(tasks)
                with anyio.move_on_after(self._pause()):
                    await self._announced.wait()

    def _pause(self) -> float:
        """How long until a topic may be fetched again, if that is soon."""
        soonest = min(self._not_before.values(), default=math.inf) - self._clock()
        return min(max(soonest, 0.0), _POLL_SECONDS)

    async def _start_fetches(self, tasks: TaskGroup) -> None:
        # Those that cannot be fetched now stand in front, and must not hide the others.
        hidden = len(self._fetching) + len(self._not_before)
        try:
            announcements = await self._store.announcements.due(limit=4 * _FETCHES_AT_ONCE + hidden)
        except StoreError as error:
            log.warning("Announcements cannot be read: %s", error)
            return
        now = self._clock()
        for announcement in announcements:
            topic = announcement.topic
            if topic in self._fetching or len(self._fetching) >= _FETCHES_AT_ONCE:
                continue
            if self._not_before.get(topic, 0.0) > now:
                continue
            self._fetching.add(topic)
            tasks.start_soon(self._fetch, announcement)
        self._not_before = {topic: until for topic, until in self._not_before.items() if until > now}

    async def _fetch(self, announcement: Announcement) -> None:
        topic = announcement.topic
        try:
            await self._take(topic)
        except TopicFetchError as error:
            if not self._try_again(topic, error):
                await self._settle(announcement)
        except StoreError as error:
            log.warning("An announced update could not be stored: %s", error)
            self._not_before[topic] = self._clock() + _RETRY_SECONDS[0]
        else:
            self._failures.pop(topic, None)
            self._not_before[topic] = self._clock() + _INTERVAL_SECONDS
            await self._settle(announcement)
        finally:
            self._fetching.discard(topic)
            self._announced.set()

    def _try_again(self, topic: str, error: TopicFetchError) -> bool:
        failures = self._failures.pop(topic, 0)
        log.warning("The topic %r could not be fetched: %s", topic, error)
        if failures >= len(_RETRY_SECONDS):
            return False
        self._failures[topic] = failures + 1
        self._not_before[topic] = self._clock() + _RETRY_SECONDS[failures]
        return True

    async def _settle(self, announcement: Announcement) -> None:
        try:
            await self._store.announcements.settle(announcement)
        except StoreError as error:
            log.warning("An announcement could not be settled: %s", error)

    async def _take(self, url: str) -> None:
        """Fetch a topic and publish its content, unless it is what was delivered last."""
        known = await self._store.topics.last_fetch(url) or FetchedTopic()
        content = await self._client.fetch(url, etag=known.etag, last_modified=known.last_modified)
        if content is None:
            return
        digest = hashlib.sha256(content.body).hexdigest()
        entries, chain = known.entries, known.digest
        if digest != known.digest.partition(_CHAIN)[0]:
            body, entries = await self._changed_part(url, content, known)
            # Made of what came before, so that the content which is fetched again after a crash has the same id again.
            identity = hashlib.sha256(f"{url_identity(url)} {known.digest} {digest}".encode()).hexdigest()[:32]
            chain = digest + _CHAIN + identity
            if body is not None:
                update = self._update(url, body, content.content_type, _links(content), identity)
                await self._store.broker.publish(update)
        fetched = FetchedTopic(
            etag=content.etag,
            last_modified=content.last_modified,
            digest=chain,
            links=_links(content),
            entries=entries,
        )
        await self._store.topics.save_fetch(url, fetched)

    async def _changed_part(
        self, url: str, content: TopicContent, known: FetchedTopic
    ) -> tuple[bytes | None, tuple[str, ...]]:
        """What of the content is to be delivered, None for nothing, and the entries known from now on (W3C 7)."""
        topic = await self._store.topics.get(url)
        if topic is None or not topic.feed_diff:
            return content.body, known.entries
        entries = await anyio.to_thread.run_sync(feed_entries, content.body, content.content_type)
        if entries is None:
            return content.body, known.entries
        fresh = [entry.digest for entry in entries if entry.digest not in known.entries]
        remembered = tuple(dict.fromkeys([*fresh, *known.entries]))[:_ENTRIES_REMEMBERED]
        if not fresh and entries and known.entries:
            return None, remembered
        return without_entries(content.body, entries, frozenset(known.entries)), remembered

    def _update(
        self, topic: str, content: bytes, content_type: str, links: tuple[str, ...] = (), identity: str = ""
    ) -> Update:
        return Update(
            id=identity or secrets.token_hex(16),
            topic=topic,
            content=content,
            content_type=content_type,
            links=links,
            published_at=self._clock(),
        )


def _links(content: TopicContent) -> tuple[str, ...]:
    """The canonical URL, empty where none was discovered, and the hubs behind it."""
    return (content.topic or "", *content.hubs) if content.topic or content.hubs else ()
