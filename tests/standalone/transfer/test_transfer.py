"""A hub moves from one store to another by a file, and nothing that subscribers count on is lost."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from tests.cluster.servers import PROGRAM, WHY_NOT, one_server
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.adapters.nats.store import NatsStore
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import (
    DeliveryMode,
    FetchedTopic,
    HubStore,
    Mode,
    PendingVerification,
    StoredSubscription,
    StoreError,
    StoreLockedError,
    Topic,
    Update,
)
from websubhub.standalone.transfer.exporting import export
from websubhub.standalone.transfer.files import FileWriter, read_file
from websubhub.standalone.transfer.importing import import_into

NOW = 1_800_000_000.0
TOPIC = "https://topic.example/feed?a=1"
Opened = Callable[[], AbstractAsyncContextManager[HubStore]]


@asynccontextmanager
async def _opened(kind: str, folder: Path) -> AsyncIterator[Opened]:
    """How to open a new store of a kind, again and again."""
    if kind == "nats":
        assert PROGRAM is not None, WHY_NOT
        folder.mkdir()  # noqa: ASYNC240 - a test alone on its loop
        with one_server(folder) as url:
            place = f"{url.removeprefix('nats://')}?gib=0.01"
            yield lambda: NatsStore(place, clock=lambda: NOW, alone=True)
    elif kind == "sqlite":
        yield lambda: SqliteStore(f"{folder}.db", clock=lambda: NOW)
    else:
        yield lambda: MemoryStore(clock=lambda: NOW)


def _subscription(number: int, age: float = 0.0) -> StoredSubscription:
    return StoredSubscription(
        topic=TOPIC,
        callback=f"https://sub{number % 7}.example/{number}?x=%C3%A4",
        secret=None if number % 3 else f"s3crét {number}",
        lease_seconds=1000 + number,
        requested_at=NOW - age,
    )


FETCHED = FetchedTopic(etag='"1"', digest="d" * 64, hubs=("https://hub.example/",), entries=("urn:1",), fetched_at=NOW)
PENDING = PendingVerification(
    id="a" * 32, mode=Mode.UNSUBSCRIBE, topic=TOPIC, callback="https://sub1.example/1?x=%C3%A4", due_at=NOW, attempts=2
)


async def _fill(store: HubStore, count: int) -> None:
    await store.topics.save(Topic(url=TOPIC, registered=True, delivery_mode=DeliveryMode.LATEST, feed_diff=True))
    await store.topics.save_fetch(TOPIC, FETCHED)
    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(store.subscriptions.save, _subscription(number))
    await store.subscriptions.save(_subscription(count, age=100_000.0))  # whose lease has ended
    await store.verifications.save(PENDING)
    await store.announcements.save("https://announced.example/")
    await store.broker.pause_host("sub3.example")


async def _known(store: HubStore) -> dict[str, object]:
    """What a store says that a file is to bring along."""
    subscriptions = await store.subscriptions.page(limit=5_000)
    hosts = await store.broker.hosts()
    return {
        "topics": {topic.url: topic for topic in await store.topics.page()},
        "fetch": await store.topics.last_fetch(TOPIC),
        "subscriptions": {each.callback: each for each in subscriptions if each.expires_at > NOW},
        "pending": await store.verifications.page(),
        "announced": [each.topic for each in await store.announcements.page()],
        "paused": [host.host for host in hosts if host.paused],
    }


async def _export(store: HubStore, passphrase: str | None = None) -> bytes:
    out = io.BytesIO()
    await export(store, FileWriter(out, passphrase))
    return out.getvalue()


ways = pytest.mark.parametrize(
    ("source", "target"),
    [("memory", "sqlite"), ("sqlite", "memory"), ("sqlite", "nats"), ("nats", "sqlite")],
)


@pytest.fixture
def anyio_backend() -> str:
    """The client of NATS works on asyncio only."""
    return "asyncio"


@ways
async def test_everything_arrives_and_a_second_import_changes_nothing(source: str, target: str, tmp_path: Path) -> None:
    async with _opened(source, tmp_path / "a") as old, _opened(target, tmp_path / "b") as new:
        async with old() as store:
            await _fill(store, 600)
            expected = await _known(store)
            data = await _export(store)
        async with new() as store:
            first = await import_into(store, read_file(io.BytesIO(data)))
            assert await _known(store) == expected
            again = await import_into(store, read_file(io.BytesIO(data)))
            assert await _known(store) == expected
    assert first.counts["subscription"] == 600
    assert (again.counts["subscription"], again.known) == (0, 601)


async def test_what_is_newer_in_the_store_stays(tmp_path: Path) -> None:
    async with SqliteStore(str(tmp_path / "a.db"), clock=lambda: NOW) as old:
        await old.subscriptions.save(_subscription(1, age=500.0))
        await old.topics.save_fetch(TOPIC, FETCHED)
        data = await _export(old)
    newer = FetchedTopic(etag='"2"', fetched_at=NOW + 1)
    async with MemoryStore(clock=lambda: NOW) as new:
        await new.subscriptions.save(_subscription(1))
        await new.topics.save_fetch(TOPIC, newer)
        imported = await import_into(new, read_file(io.BytesIO(data)))
        assert (await new.subscriptions.page()) == [_subscription(1)]
        assert await new.topics.last_fetch(TOPIC) == newer
    assert imported.known == 1


async def test_an_interrupted_import_can_be_repeated(tmp_path: Path) -> None:
    async with MemoryStore(clock=lambda: NOW) as old:
        await _fill(old, 300)
        expected = await _known(old)
        data = await _export(old)

    async with SqliteStore(str(tmp_path / "b.db"), clock=lambda: NOW) as new:
        records = read_file(io.BytesIO(data))

        def interrupted() -> object:
            for number, record in enumerate(records):
                if number == 150:
                    raise StoreError("The disk is gone.")
                yield record

        with pytest.raises(StoreError, match="The disk is gone"):
            await import_into(new, interrupted())  # type: ignore[arg-type]
    async with SqliteStore(str(tmp_path / "b.db"), clock=lambda: NOW) as new:
        await import_into(new, read_file(io.BytesIO(data)))
        assert await _known(new) == expected


async def test_what_is_left_behind_is_counted(tmp_path: Path) -> None:
    async with SqliteStore(str(tmp_path / "a.db"), clock=lambda: NOW) as store:
        await _fill(store, 3)
        await store.subscriptions.end_expired()
        update = Update(id="m", topic=TOPIC, content=b"x", content_type="text/plain", published_at=NOW)
        await store.broker.publish(update)
        [first, *_] = await store.broker.claim(1)
        first.dead("gone for good")
        await store.broker.flush()
        left = await export(store, FileWriter(io.BytesIO()))
    assert (left.waiting, left.dead_letters, left.expired, left.unreadable) == (2, 1, 0, 0)


@pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)
async def test_a_store_that_others_work_in_is_not_imported_into(tmp_path: Path) -> None:
    async with _opened("nats", tmp_path / "a") as opened, opened() as running:
        await running.subscriptions.save(_subscription(1))
        with pytest.raises(StoreLockedError, match="stop them first"):
            async with opened():
                raise AssertionError
