"""What is in no hurry is committed with what comes next, in its order, and soon in any case."""

from pathlib import Path

import anyio
import pytest

from tests.standalone.adapters.conftest import START, Clock, Hub
from tests.waiting import PATIENCE
from websubhub.standalone.adapters.sqlite.file import thread
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import Mode, PendingVerification, StoredSubscription

TOPIC, CALLBACK = "https://topic.example/", "https://sub.example/1"


@pytest.fixture
async def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(str(tmp_path / "hub.db"), clock=Clock())


async def _verified(store: SqliteStore, callback: str = CALLBACK) -> None:
    """Finish a verification, as the hub does once a subscriber has confirmed."""
    subscription = StoredSubscription(topic=TOPIC, callback=callback, lease_seconds=1_000, requested_at=START)
    assert await store.subscriptions.save(subscription, verification=callback)


async def _pending(store: SqliteStore, callback: str = CALLBACK) -> None:
    assert await store.verifications.save(
        PendingVerification(id=callback, mode=Mode.SUBSCRIBE, topic=TOPIC, callback=callback, due_at=0.0)
    )


async def test_subscriptions_go_with_the_next_request(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "_NEXT_SECONDS", PATIENCE * 2)
    statements: list[str] = []
    async with store, anyio.create_task_group() as tasks:
        await _pending(store, "https://sub.example/0")
        await store._database.read(lambda connection: connection.set_trace_callback(statements.append))
        statements.clear()
        for number in range(20):
            tasks.start_soon(_verified, store, f"https://sub.example/{number}")
            await anyio.wait_all_tasks_blocked()
            await _pending(store, f"https://sub.example/{number + 1}")
        assert statements.count("COMMIT") < 35, "of 40, since a thread that is awake takes what is there"


async def test_whoever_has_confirmed_gets_the_update_that_is_published_next(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "_NEXT_SECONDS", PATIENCE * 2)
    async with store, anyio.create_task_group() as tasks:
        hub = Hub(store, Clock())
        for _ in range(5):
            await _pending(store)
            tasks.start_soon(_verified, store)
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(PATIENCE):
                published = await hub.publish()
                assert await hub.claim_ids() == [published]


async def test_what_is_read_behind_it_shows_it(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "_NEXT_SECONDS", PATIENCE * 2)
    async with store, anyio.create_task_group() as tasks:
        await _pending(store)
        tasks.start_soon(_verified, store)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(PATIENCE):
            assert len(await store.subscriptions.page(topic=TOPIC)) == 1


async def test_alone_it_is_written_after_a_moment(store: SqliteStore) -> None:
    async with store:
        await _pending(store)
        with anyio.fail_after(PATIENCE):
            await _verified(store)
        assert await store.verifications.count() == 0


@pytest.mark.parametrize("way", ["cancelled", "closed"])
async def test_whoever_does_not_wait_for_it_finds_it_later(
    store: SqliteStore, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "_NEXT_SECONDS", PATIENCE * 2)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks, store:
            await _pending(store)
            tasks.start_soon(_verified, store)
            await anyio.wait_all_tasks_blocked()
            if way == "cancelled":
                tasks.cancel_scope.cancel()
        async with SqliteStore(str(tmp_path / "hub.db"), clock=Clock()) as again:
            assert len(await again.subscriptions.page(topic=TOPIC)) == 1
