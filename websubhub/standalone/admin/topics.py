"""Operations of the admin API on topics."""

from typing import Any

from websubhub import url_identity
from websubhub.standalone.admin.announcements import shown_announcement
from websubhub.standalone.admin.controls import Controls
from websubhub.standalone.admin.cursors import next_cursor, read_cursor
from websubhub.standalone.admin.parameters import (
    OperationError,
    iso_time,
    read_flag,
    read_limit,
    read_text,
    read_url,
    shown,
)
from websubhub.standalone.hub.last_fetches import FetchResult, LastFetch
from websubhub.standalone.ports import TOPIC_OPTIONS, Announcement, DeliveryMode, FetchedTopic, HubStore, Topic


class TopicOperations:
    """Lists and changes topics.

    Args:
        store: The store.
        controls: The controls of the hub.
    """

    def __init__(self, store: HubStore, controls: Controls) -> None:
        self._store = store
        self._controls = controls

    async def page(self, parameters: dict[str, Any]) -> object:
        """Return a page of topics: all, or those with a text in their URL."""
        limit, cursor = read_limit(parameters), read_cursor(parameters, str)
        after = cursor[0] if cursor else str(parameters.get("after", ""))
        page = await self._store.topics.page(search=read_text(parameters, "search") or "", after=after, limit=limit)
        return {
            "topics": [shown(topic) for topic in page],
            "next": next_cursor(page, limit, page[-1].url) if page else None,
        }

    async def one(self, parameters: dict[str, Any]) -> object:
        """Return a topic with the counts of what depends on it, its last fetch, and its announcement."""
        topic = await self._known(read_url(parameters, "url"))
        usage = await self._store.topics.usage(topic.url)
        fetch = await self._store.topics.last_fetch(topic.url)
        announcement = await self._store.announcements.get(topic.url)
        return {
            **shown(topic),
            "subscriptions": usage.subscriptions if usage else 0,
            "updates": usage.updates if usage else 0,
            "dead_letters": usage.dead_letters if usage else 0,
            "published_at": iso_time(usage.published_at) if usage else None,
            "last_fetch": None if fetch is None else self._shown_fetch(fetch),
            "last_attempt": self._last_attempt(topic.url, announcement),
            "announcement": None if announcement is None else shown_announcement(announcement),
        }

    async def save(self, parameters: dict[str, Any]) -> object:
        """Add a topic, or set its options."""
        url = read_url(parameters, "url")
        try:
            mode = DeliveryMode(parameters.get("delivery_mode", DeliveryMode.EVERY))
        except ValueError:
            raise OperationError(400, f"delivery_mode must be one of {', '.join(DeliveryMode)}.") from None
        topic = Topic(
            url=url,
            registered=read_flag(parameters, "registered", default=False),
            feed_diff=read_flag(parameters, "feed_diff", default=False),
            delivery_mode=mode,
        )
        options = [name for name in TOPIC_OPTIONS if name in parameters]
        return shown(await self._store.topics.save(topic, options=options))

    async def announce(self, parameters: dict[str, Any]) -> object:
        """Fetch a topic, and deliver new content."""
        topic = await self._known(read_url(parameters, "url"))
        if not await self._store.subscriptions.page(topic=topic.url, limit=1):
            raise OperationError(409, "The topic has no subscriptions, so it is not fetched.")
        await self._store.announcements.save(topic.url)
        self._controls.announced()
        return {"announced": topic.url}

    async def remove(self, parameters: dict[str, Any]) -> object:
        """Remove a topic that has no subscriptions or dead letters, with its options and its kept messages."""
        topic = await self._known(read_url(parameters, "url"))
        usage = await self._store.topics.usage(topic.url)
        if usage is not None and usage.updates and not usage.subscriptions and not usage.dead_letters:
            await self._store.messages.expire_topic(topic.url)
            await self._store.broker.reclaim()
        if not await self._store.topics.remove(topic.url):
            raise OperationError(409, await self._what_keeps(topic.url))
        return {"removed": topic.url}

    async def _what_keeps(self, url: str) -> str:
        usage = await self._store.topics.usage(url)
        if usage is None:
            return "The topic is already gone."
        counts = {
            "subscriptions": usage.subscriptions,
            "dead letters": usage.dead_letters,
        }
        kept = " and ".join(f"{count} {name}" for name, count in counts.items() if count)
        return f"The topic has {kept or 'something new'}, and cannot be removed until that is gone."

    async def _known(self, url: str) -> Topic:
        topic = await self._store.topics.get(url)
        if topic is None:
            raise OperationError(404, "There is no such topic.")
        return topic

    def _last_attempt(self, url: str, announcement: Announcement | None) -> dict[str, Any] | None:
        """Return the result of the last fetch. After a restart, it is what the announcement tells about it."""
        fetch = self._controls.fetches.of(url)
        if fetch is None and announcement is not None and announcement.status is not None:
            fetch = LastFetch(
                attempted_at=None,
                result=FetchResult.FAILED,
                status=announcement.status,
                reason=announcement.reason,
            )
        return None if fetch is None else shown(fetch)

    def _shown_fetch(self, fetch: FetchedTopic) -> dict[str, Any]:
        hub = url_identity(self._controls.hub)
        return {
            "fetched_at": iso_time(fetch.fetched_at),
            "url": fetch.found_at,
            "canonical": fetch.canonical,
            "hubs": list(fetch.hubs),
            "names_this_hub": any(url_identity(each) == hub for each in fetch.hubs),
            "etag": fetch.etag,
            "last_modified": fetch.last_modified,
            "message_id": fetch.message_id or None,
            "entries": len(fetch.entries),
        }
