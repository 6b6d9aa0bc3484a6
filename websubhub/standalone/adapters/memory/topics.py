"""Topics in memory."""

from collections.abc import Collection
from itertools import islice

from attrs import evolve

from websubhub import url_identity
from websubhub.standalone.adapters.memory.announced import Announced
from websubhub.standalone.adapters.memory.records import KeptTopic
from websubhub.standalone.adapters.memory.state import State
from websubhub.standalone.ports import TOPIC_OPTIONS, DeliveryMode, FetchedTopic, Topic, TopicUsage
from websubhub.standalone.schedule.members import Members

_ALL = "*"
_AT_ONCE = 1_000


class MemoryTopics:
    """Satisfies ``TopicStore``.

    Args:
        state: The state in memory.
        members: Notified of every topic and its mode.
        announced: The announcements. A topic with one counts as used.
    """

    def __init__(self, state: State, members: Members, announced: Announced) -> None:
        self._state = state
        self._members = members
        self._announced = announced
        self._unused: set[int] = set()

    async def save(self, topic: Topic, *, options: Collection[str] = TOPIC_OPTIONS) -> Topic:
        """Add a topic, or set options of a known one."""
        await self._state.turn()
        is_new = self._state.find_topic(topic.url) is None
        kept = self._state.ensure_topic(topic.url)
        changed = TOPIC_OPTIONS if is_new else options
        kept.value = evolve(kept.value, **{name: getattr(topic, name) for name in changed})
        self._tell(kept)
        return kept.value

    async def configure(self, *, latest_only: Collection[str], feed_diff: Collection[str]) -> None:
        """Set the options of the named topics in the store."""
        latest, diff = ({url_identity(url) for url in urls if url != _ALL} for urls in (latest_only, feed_diff))
        all_latest, all_diff = _ALL in latest_only, _ALL in feed_diff
        identities = list(self._state.topics) if all_latest or all_diff else list(latest | diff)
        for start in range(0, len(identities), _AT_ONCE):
            await self._state.turn()
            for identity in identities[start : start + _AT_ONCE]:
                kept = self._state.topics.get(identity)
                if kept is not None:
                    mode = DeliveryMode.LATEST if all_latest or identity in latest else DeliveryMode.EVERY
                    kept.value = evolve(kept.value, delivery_mode=mode, feed_diff=all_diff or identity in diff)
                    self._tell(kept)

    async def get(self, url: str) -> Topic | None:
        """Return the topic of this URL, or None."""
        await self._state.turn()
        kept = self._state.find_topic(url)
        return None if kept is None else kept.value

    async def page(self, *, search: str = "", after: str = "", limit: int = 100) -> list[Topic]:
        """Return a page of the topics by URL."""
        await self._state.turn()
        identities = self._state.topic_order.after(url_identity(after))
        found = islice((identity for identity in identities if search in identity), limit)
        return [self._state.topics[identity].value for identity in found]

    async def usage(self, url: str) -> TopicUsage | None:
        """Return what depends on a topic, or None if it is unknown."""
        await self._state.turn()
        kept = self._state.find_topic(url)
        if kept is None:
            return None
        newest = kept.updates[max(kept.updates)] if kept.updates else None
        return TopicUsage(
            subscriptions=kept.subscriptions,
            updates=len(kept.updates),
            dead_letters=sum(kept.letters.values()),
            published_at=newest.published_at if newest else None,
        )

    async def remove(self, url: str) -> bool:
        """Remove a topic with its options, unless something depends on it."""
        await self._state.turn()
        kept = self._state.find_topic(url)
        if kept is None or kept.subscriptions or kept.updates or kept.letters:
            return False
        announcement = self._announced.of(url)
        if announcement is not None:
            self._announced.delete([announcement.value.id])
        self._state.forget_topic(kept)
        self._members.forget_topic(kept.number)
        return True

    async def deregister(self, url: str) -> bool:
        """Deregister a topic. Its subscriptions stay."""
        await self._state.turn()
        kept = self._state.find_topic(url)
        if kept is None or not kept.value.registered:
            return False
        kept.value = evolve(kept.value, registered=False)
        return True

    async def forget_unused(self) -> int:
        """Remove the topics that were unused at the last call and still are."""
        unused, forgotten = set[int](), 0
        numbers = list(self._state.logs)
        for start in range(0, len(numbers), _AT_ONCE):
            await self._state.turn()
            for number in numbers[start : start + _AT_ONCE]:
                kept = self._state.logs.get(number)
                if kept is None or self._is_used(kept):
                    continue
                if number in self._unused:
                    self._state.forget_topic(kept)
                    self._members.forget_topic(number)
                    forgotten += 1
                else:
                    unused.add(number)
        self._unused = unused
        return forgotten

    async def last_fetch(self, url: str) -> FetchedTopic | None:
        """Return the record of the last fetch, or None if there was none."""
        await self._state.turn()
        kept = self._state.find_topic(url)
        return None if kept is None else kept.fetched

    async def save_fetch(self, url: str, fetch: FetchedTopic) -> None:
        """Store a fetch. An unknown topic is added."""
        await self._state.turn()
        kept = self._state.ensure_topic(url)
        kept.fetched = fetch
        self._tell(kept)

    def _tell(self, kept: KeptTopic) -> None:
        self._members.add_topic(kept.number, kept.value.delivery_mode, kept.head)

    def _is_used(self, kept: KeptTopic) -> bool:
        topic = kept.value
        has_options = topic.registered or topic.feed_diff or topic.delivery_mode is not DeliveryMode.EVERY
        return bool(has_options or kept.subscriptions or kept.updates or kept.letters or self._announced.of(topic.url))
