"""Rows that say something else than was written: each costs itself, and nobody waits for it."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.standalone.adapters.conftest import Clock, Hub
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import DeliveryMode, FetchedTopic, Mode, PendingVerification, StoreError, Topic

pytestmark = pytest.mark.threat("DOS-16")

BAD, GOOD = "https://topic.example/bad", "https://topic.example/good"
FIRST, SECOND = "https://sub.example/1", "https://sub.example/2"
NO_UTF8 = "CAST(x'ff' AS TEXT)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


def store_at(path: Path, clock: Clock) -> SqliteStore:
    return SqliteStore(str(path), clock=clock)


def spoil(path: Path, table: str, change: str, where: str = "true") -> None:
    """Write to the closed database what the hub never writes."""
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(f"UPDATE {table} SET {change} WHERE {where}").rowcount >= 1  # noqa: S608
    connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "hubs = 'no JSON'",
        "hubs = '7'",
        "hubs = '[1]'",
        "hubs = x'00'",
        f"hubs = '{'[' * 100_000}'",
        "message_id = x'00'",
        "content_type = x'00'",
        f"content_type = {NO_UTF8}",
        "canonical = x'00'",
        "content = 'text'",
        "published_at = 'yesterday'",
    ],
)
async def test_an_update_that_cannot_be_read_becomes_a_dead_letter_and_others_go_on(
    path: Path, clock: Clock, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe(FIRST, BAD)
        await hub.subscribe(SECOND, GOOD)
        await hub.publish(BAD)
        good = await hub.publish(GOOD)
    spoil(path, "updates", change, "message_id = 'message-1'")
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        deliveries = await hub.claim()
        assert [delivery.update.id for delivery in deliveries] == [good]
        assert "becomes a dead letter" in caplog.text
        assert FIRST not in caplog.text
        [letter] = await store.broker.dead_letters()
        assert letter.callback == FIRST
        assert await hub.claim() == []
        later = await hub.publish(BAD)
        assert [delivery.update.id for delivery in await hub.claim()] == [later]


@pytest.mark.parametrize(
    "change", ["callback = x'00'", f"callback = {NO_UTF8}", "secret = x'00'", f"secret = {NO_UTF8}"]
)
async def test_a_subscription_that_cannot_be_read_costs_its_own_deliveries_alone(
    path: Path, clock: Clock, change: str
) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        for callback in (FIRST, SECOND):
            await hub.subscribe(callback, GOOD)
        await hub.publish(GOOD)
    spoil(path, "subscriptions", change, f"callback = '{FIRST}'")
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        assert [delivery.callback for delivery in await hub.claim()] == [SECOND]
        assert len(await store.broker.dead_letters()) == 1
        assert len(await store.subscriptions.page()) == 2


async def test_a_callback_that_is_no_url_stops_nobody_else(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        for callback in (FIRST, SECOND):
            await hub.subscribe(callback, GOOD)
        await hub.publish(GOOD)
    spoil(path, "subscriptions", "callback = 'http://['", f"callback = '{FIRST}'")
    async with store_at(path, clock) as store:
        callbacks = {delivery.callback for delivery in await Hub(store, clock).claim()}
    assert SECOND in callbacks


@pytest.mark.parametrize("change", ["attempts = 'x'", "refusals = 'x'", "sequence = 'x'", "due_at = 'x'"])
async def test_a_retry_that_cannot_be_read_is_made(path: Path, clock: Clock, change: str) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe(FIRST, GOOD)
        await hub.publish(GOOD)
        [delivery] = await hub.claim()
        delivery.retry(10, "It failed.")
    spoil(path, "retries", change)
    clock.now += 10
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        [delivery] = await hub.claim()
        delivery.done()
        assert (await store.broker.statistics()).waiting == 0


@pytest.mark.parametrize("change", ["host = 'x'", "expires_at = 'never'", "topic_id = 99"])
async def test_a_hub_starts_without_the_subscriptions_that_it_cannot_read(
    path: Path, clock: Clock, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        for callback in (FIRST, SECOND):
            await hub.subscribe(callback, GOOD)
    spoil(path, "subscriptions", change, f"callback = '{FIRST}'")
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        assert (await store.broker.statistics()).subscriptions == 1
        await hub.publish(GOOD)
        assert [delivery.callback for delivery in await hub.claim()] == [SECOND]
    assert "1 subscriptions cannot be read" in caplog.text


@pytest.mark.parametrize("mode", ["'newest'", "x'00'", "7"])
async def test_a_topic_with_an_unknown_mode_delivers_every_update(path: Path, clock: Clock, mode: str) -> None:
    async with store_at(path, clock) as store:
        await store.topics.save(Topic(url=GOOD, delivery_mode=DeliveryMode.LATEST))
        await Hub(store, clock).subscribe(FIRST, GOOD)
    spoil(path, "topics", f"mode = {mode}")
    async with store_at(path, clock) as store:
        topic = await store.topics.get(GOOD)
        assert topic is not None
        assert topic.delivery_mode is DeliveryMode.EVERY
        assert await store.topics.page() == [topic]
        await Hub(store, clock).publish(GOOD)
        assert (await store.broker.statistics()).waiting == 1


@pytest.mark.parametrize("text", ["'no JSON'", "'[]'", "'{}'", "x'00'"])
async def test_a_fetch_that_cannot_be_read_is_forgotten(path: Path, clock: Clock, text: str) -> None:
    async with store_at(path, clock) as store:
        await store.topics.save_fetch(GOOD, FetchedTopic(digest="1"))
    spoil(path, "topics", f"fetched = {text}")
    async with store_at(path, clock) as store:
        assert await store.topics.last_fetch(GOOD) is None


@pytest.mark.parametrize("change", ["mode = 'prescribe'", "mode = x'00'", "topic = x'00'", "attempts = 'x'"])
async def test_a_verification_that_cannot_be_read_hides_no_other(
    path: Path, clock: Clock, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    def pending(number: int) -> PendingVerification:
        callback = f"https://sub.example/{number}"
        return PendingVerification(
            id=str(number), mode=Mode.SUBSCRIBE, topic=GOOD, callback=callback, due_at=clock.now + number
        )

    async with store_at(path, clock) as store:
        for number in (1, 2):
            await store.verifications.save(pending(number))
    spoil(path, "verifications", change, "id = '1'")
    clock.now += 5
    async with store_at(path, clock) as store:
        assert await store.verifications.due(limit=1) == []
        assert [due.id for due in await store.verifications.due(limit=1)] == ["2"]
        assert await store.verifications.count() == 1
    assert [record.levelno for record in caplog.records if "dropped" in record.message] == [logging.ERROR]


@pytest.mark.parametrize("change", ["topic = x'00'", "attempts = 'x'", "count = 'x'", "reason = x'00'"])
async def test_an_announcement_that_cannot_be_read_hides_no_other(path: Path, clock: Clock, change: str) -> None:
    async with store_at(path, clock) as store:
        await store.announcements.save(BAD)
        clock.now += 1
        await store.announcements.save(GOOD)
    spoil(path, "announcements", change, f"topic = '{BAD}'")
    async with store_at(path, clock) as store:
        assert await store.announcements.due(limit=1) == []
        assert [due.topic for due in await store.announcements.due(limit=1)] == [GOOD]


async def test_a_damaged_page_is_an_error_of_the_store(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        for number in range(200):
            await hub.subscribe(f"https://sub.example/{number}", GOOD)
    with closing(sqlite3.connect(path)) as connection, connection:
        pages = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'verifications'").fetchall()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        for (page,) in pages:
            file.seek((page - 1) * size)
            file.write(b"\xa5" * size)
    async with store_at(path, clock) as store:
        with pytest.raises(StoreError):
            await store.verifications.due()
        with pytest.raises(StoreError):
            await store.verifications.count()
        assert len(await store.subscriptions.page(limit=5)) == 5  # what is whole goes on
