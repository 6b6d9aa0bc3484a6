"""Topics on NATS."""

import json
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Any

import anyio.lowlevel
from attrs import asdict, evolve

from websubhub import url_identity
from websubhub.standalone.adapters.nats.records.changing import Records
from websubhub.standalone.adapters.nats.records.topics import KnownTopic
from websubhub.standalone.adapters.nats.wire.names import topic_hash
from websubhub.standalone.ports import TOPIC_OPTIONS, DeliveryMode, FetchedTopic, StoreError, Topic, TopicUsage

_ALL = "*"


class NatsTopics:
    """Satisfies ``TopicStore``.

    Args:
        records: The records.
        is_alone: Returns whether no other process of the hub is alive.
        is_chief: Returns whether this process is responsible for work that belongs to no partition.
    """

    def __init__(self, records: Records, is_alone: Callable[[], bool], is_chief: Callable[[], bool]) -> None:
        self._records = records
        self._known = records.knowledge.topics
        self._announcements = records.knowledge.announcements
        self._is_alone = is_alone
        self._is_chief = is_chief
        self._unused: set[str] = set()

    async def save(self, topic: Topic, *, options: Collection[str] = TOPIC_OPTIONS) -> Topic:
        """Add a topic, or set options of a known one."""
        kept = topic

        def decide() -> bytes:
            nonlocal kept
            known = self._known.find(topic.url)
            if known is None or known.value is None:
                kept = topic if known is None else evolve(topic, url=known.url)
            else:
                kept = evolve(known.value, **{name: getattr(topic, name) for name in options})
            return _write(kept, None if known is None else known.fetched)

        await self._records.change(_subject(self._records, topic.url), decide)
        return kept

    async def ensure(self, url: str) -> None:
        """Add a topic unless it is known."""
        known = self._known.find(url)
        if known is None or known.value is None:

            def decide() -> bytes | None:
                known = self._known.find(url)
                return None if known is not None and known.value is not None else _write(Topic(url=url), None)

            await self._records.change(_subject(self._records, url), decide)

    async def configure(self, *, latest_only: Collection[str], feed_diff: Collection[str]) -> None:
        """Set the options of the named topics in the store.

        Raises:
            StoreError: Another process of the hub has other rules.
        """
        await self._agree(latest_only, feed_diff)
        latest, diff = ({url_identity(url) for url in urls if url != _ALL} for urls in (latest_only, feed_diff))
        all_latest, all_diff = _ALL in latest_only, _ALL in feed_diff
        for known in _named(self._known, latest | diff, everybody=all_latest or all_diff):
            mode = DeliveryMode.LATEST if all_latest or known.identity in latest else DeliveryMode.EVERY
            changes: dict[str, Any] = {"delivery_mode": mode, "feed_diff": all_diff or known.identity in diff}

            def decide(known: KnownTopic = known, changes: dict[str, Any] = changes) -> bytes | None:
                if known.value is None:
                    return None
                value = evolve(known.value, **changes)
                return None if value == known.value else _write(value, known.fetched)

            await self._records.change(_subject(self._records, known.url), decide)

    async def _agree(self, latest_only: Collection[str], feed_diff: Collection[str]) -> None:
        """Make sure that all processes have the same rules, since each would undo the rules of the others."""
        agreed = self._records.knowledge.agreed
        rules = {"latest_only": sorted(latest_only), "feed_diff": sorted(feed_diff)}

        def decide() -> bytes | None:
            others = agreed.get("rules")
            if others == rules:
                return None
            if isinstance(others, dict) and not self._is_alone():
                different = [name for name in rules if others.get(name) != rules[name]]
                named = "; ".join(f"{name} is {others.get(name)} there and {rules[name]} here" for name in different)
                raise StoreError(f"Other processes of this hub run with other rules: {named}.")
            return json.dumps(rules).encode()

        await self._records.change(self._records.names.subject("m", "rules"), decide)

    async def get(self, url: str) -> Topic | None:
        """Return the topic of this URL, or None."""
        await anyio.lowlevel.checkpoint()
        known = self._known.find(url)
        if known is None or known.value is None:  # another process may have added it a moment ago
            await self._records.refresh(_subject(self._records, url))
            known = self._known.find(url)
        return None if known is None else known.value

    async def page(self, *, search: str = "", after: str = "", limit: int = 100) -> list[Topic]:
        """Return a page of the topics by URL."""
        await anyio.lowlevel.checkpoint()
        identities = (identity for identity in self._known.recorded.after(url_identity(after)) if search in identity)
        known = map(self._known.find, islice(identities, limit))
        return [topic.value for topic in known if topic is not None and topic.value is not None]

    async def usage(self, url: str) -> TopicUsage | None:
        """Return what depends on a topic, or None if it is unknown."""
        if await self.get(url) is None or (known := self._known.find(url)) is None:
            return None
        return TopicUsage(
            subscriptions=known.pairs,
            updates=known.count_updates(),
            dead_letters=known.letters.total(),
            published_at=known.published_at(known.head),
        )

    async def remove(self, url: str) -> bool:
        """Remove a topic with its options, unless something depends on it."""
        await self._records.refresh(_subject(self._records, url))

        def decide() -> bytes | None:
            known = self._known.find(url)
            is_free = known is not None and known.value is not None
            return (
                b""
                if known is not None and is_free and not (known.pairs or known.has_updates or known.letters)
                else None
            )

        if not await self._records.change(_subject(self._records, url), decide):
            return False
        subject = self._records.names.subject("a", topic_hash(url))
        await self._records.change(subject, lambda: b"" if self._announcements.of(subject) else None)
        return True

    async def deregister(self, url: str) -> bool:
        """Deregister a topic. Its subscriptions stay."""
        subject = _subject(self._records, url)
        await self._records.refresh(subject)

        def decide() -> bytes | None:
            known = self._known.find(url)
            if known is None or known.value is None or not known.value.registered:
                return None
            return _write(evolve(known.value, registered=False), known.fetched)

        return await self._records.change(subject, decide)

    async def forget_unused(self) -> int:
        """Remove the topics that were unused at the last call and still are."""
        await anyio.lowlevel.checkpoint()
        unused, forgotten = set[str](), 0
        for known in self._known:
            if self._is_used(known):
                continue
            if known.hash not in self._unused:
                unused.add(known.hash)
            elif known.value is None:
                self._known.forget(known)
                forgotten += 1
            elif self._is_chief():
                forgotten += await self._forget(known)
            else:
                unused.add(known.hash)
        self._unused = unused
        return forgotten

    async def _forget(self, known: KnownTopic) -> bool:
        return await self._records.change(
            _subject(self._records, known.url), lambda: None if known.value is None or self._is_used(known) else b""
        )

    def _is_used(self, known: KnownTopic) -> bool:
        announced = self._announcements.of(self._records.names.subject("a", known.hash))
        return not known.is_unused() or announced is not None

    async def last_fetch(self, url: str) -> FetchedTopic | None:
        """Return the record of the last fetch, or None if there was none."""
        await self._records.refresh(_subject(self._records, url))
        known = self._known.find(url)
        return None if known is None else known.fetched

    async def save_fetch(self, url: str, fetch: FetchedTopic) -> None:
        """Store a fetch. An unknown topic is added."""

        def decide() -> bytes:
            known = self._known.find(url)
            return _write(Topic(url=url) if known is None or known.value is None else known.value, fetch)

        await self._records.change(_subject(self._records, url), decide)


def _write(topic: Topic, fetched: FetchedTopic | None) -> bytes:
    values = {"topic": asdict(topic), "fetched": None if fetched is None else asdict(fetched)}
    return json.dumps(values).encode()


def _subject(records: Records, url: str) -> str:
    return records.names.subject("t", topic_hash(url))


def _named(topics: Iterable[KnownTopic], identities: Collection[str], *, everybody: bool) -> list[KnownTopic]:
    return [known for known in topics if known.value and (everybody or known.identity in identities)]
