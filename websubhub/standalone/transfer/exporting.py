"""Writing the state of a hub to a file."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import anyio
import attrs
from attrs import define

from websubhub.standalone.ports import AnnouncementState, FetchedTopic, HubStore, Topic
from websubhub.standalone.transfer.files import FileWriter
from websubhub.standalone.transfer.records import (
    AnnouncedRecord,
    PausedRecord,
    Record,
    TopicRecord,
    as_json,
    name_of,
    read_record,
)

_PAGE = 500
_AT_ONCE = 32
_Value = TypeVar("_Value")
_Place = TypeVar("_Place")


@define
class LeftBehind:
    """The contents of a store that are not in a file.

    Attributes:
        waiting: How many deliveries are still waiting.
        dead_letters: How many deliveries the hub gave up on.
        dead_announcements: How many announced topics the hub gave up on.
        expired: How many subscriptions had expired.
        unreadable: How many records an import would reject.
        partial: Whether a process of the hub did not report its waiting deliveries.
    """

    waiting: int = 0
    dead_letters: int = 0
    dead_announcements: int = 0
    expired: int = 0
    unreadable: int = 0
    partial: bool = False


async def export(store: HubStore, out: FileWriter) -> LeftBehind:
    """Write topics, subscriptions, pending verifications, topics to be fetched and paused hosts, and end the file.

    Args:
        store: The store, open.
        out: The file.

    Returns:
        What the file does not contain.
    """
    left = LeftBehind()
    async for record in _records(store, left):
        if not _is_readable(record):
            left.unreadable += 1
            continue
        out.write(record)
    statistics = await store.broker.statistics()
    left.waiting, left.dead_letters, left.partial = statistics.waiting, statistics.dead_letters, statistics.partial
    out.end()
    return left


async def _records(store: HubStore, left: LeftBehind) -> AsyncIterator[Record]:
    async for topic in _topics(store):
        yield topic
    subscriptions, verifications = store.subscriptions, store.verifications
    now = store.clock()
    async for subscription in _paged(
        lambda after: subscriptions.page(after=after, limit=_PAGE), lambda last: (last.topic, last.callback)
    ):
        if subscription.expires_at > now:
            yield subscription
        else:
            left.expired += 1
    async for verification in _paged(
        lambda after: verifications.page(after=after, limit=_PAGE), lambda last: (last.topic, last.callback)
    ):
        yield attrs.evolve(verification, known=False, elsewhere=False)
    async for announcement in _paged(
        lambda after: store.announcements.page(after=after or 0, limit=_PAGE), lambda last: last.id
    ):
        if announcement.state is AnnouncementState.DEAD:
            left.dead_announcements += 1
        else:
            yield AnnouncedRecord(announcement.topic)
    async for host in _paged(lambda after: store.broker.hosts(after=after, limit=_PAGE), lambda last: last.place):
        if not host.paused:
            break  # the paused ones come first
        yield PausedRecord(host.host)


async def _topics(store: HubStore) -> AsyncIterator[Record]:
    after = ""
    while page := await store.topics.page(after=after, limit=_PAGE):
        after = page[-1].url
        for topic, fetched in zip(page, await _fetches(store, page), strict=True):
            whole = TopicRecord(topic, fetched)
            yield whole if _is_readable(whole) else TopicRecord(topic)


async def _fetches(store: HubStore, topics: list[Topic]) -> list[FetchedTopic | None]:
    """Return the result of the last fetch of each topic."""
    found: list[FetchedTopic | None] = [None] * len(topics)
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def find(index: int, url: str) -> None:
        async with limiter:
            found[index] = await store.topics.last_fetch(url)

    async with anyio.create_task_group() as tasks:
        for index, topic in enumerate(topics):
            tasks.start_soon(find, index, topic.url)
    return found


async def _paged(
    page_after: Callable[[_Place | None], Awaitable[list[_Value]]], place_of: Callable[[_Value], _Place]
) -> AsyncIterator[_Value]:
    after: _Place | None = None
    while page := await page_after(after):
        after = place_of(page[-1])
        for value in page:
            yield value


def _is_readable(record: Record) -> bool:
    """Return whether an import would accept a record."""
    try:
        read_record(name_of(record), _as_read(record))
    except ValueError:
        return False
    return True


def _as_read(record: Record) -> dict[str, object]:
    """Return a record as the reader gets it, with lists as the only sequences of JSON."""
    values = as_json(record)
    fetched = values.get("fetched")
    if fetched is not None:
        values["fetched"] = fetched | {name: list(fetched[name]) for name in ("hubs", "entries")}
    return values
