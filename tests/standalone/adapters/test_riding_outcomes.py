"""Outcomes of deliveries reach the journal with the next publish, or by themselves, and in their order."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import pytest

from tests.standalone.adapters.conftest import Clock, Hub, OpenStore
from tests.waiting import PATIENCE, until
from websubhub.standalone.adapters.memory.journal import MemoryJournal
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.adapters.sqlite.file.database import Connection
from websubhub.standalone.adapters.sqlite.journal import SqliteJournal
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.broker import flusher
from websubhub.standalone.broker.journal import Appended, Journal
from websubhub.standalone.broker.settlements import Settlements
from websubhub.standalone.ports import AttemptDetails, BacklogFullError, PublishKey, StoreError, Update
from websubhub.standalone.schedule.limits import DeliveryLimits


@pytest.fixture
def nats_hub() -> str:
    """Only the journals that are on this machine are watched here."""
    pytest.skip("this is about journals that are on this machine")


NEVER = 10**9
KEPT = DeliveryLimits(message_seconds=1_000, message_bytes=100_000)


class Written:
    """What a journal was given to keep, in its order: how many outcomes came along, or by themselves."""

    def __init__(self) -> None:
        self.along: list[int] = []
        self.alone: list[int] = []


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """Outcomes that go by themselves only when somebody asks for it."""
    monkeypatch.setattr(flusher, "_TOGETHER_SECONDS", NEVER)
    seen = Written()
    for kind in (MemoryJournal, SqliteJournal):
        _watch(kind, seen, monkeypatch)
    return seen


def _watch(kind: type[Journal], seen: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    append, settle = kind.append, kind.settle

    async def watched_append(
        self: Journal, update: Update, key: PublishKey | None = None, outcomes: Settlements | None = None
    ) -> Appended:
        if outcomes is not None:
            seen.along.append(outcomes.count)
        return await append(self, update, key, outcomes)

    async def watched_settle(self: Journal, settlements: Sequence[Settlements]) -> None:
        seen.alone.extend(each.count for each in settlements)
        await settle(self, settlements)

    monkeypatch.setattr(kind, "append", watched_append)
    monkeypatch.setattr(kind, "settle", watched_settle)


async def test_a_publish_takes_the_outcomes_along(hub: Hub, written: Written) -> None:
    await hub.subscribe("https://sub1.example/")
    await hub.subscribe("https://sub2.example/")
    for _ in range(3):
        await hub.publish()
        await hub.claim_ids()
    assert (written.along, written.alone) == ([2, 2], [])
    await hub.broker.flush()
    await hub.broker.flush()
    assert written.alone == [2]


async def test_a_publish_that_is_refused_takes_them_along_as_well(
    open_store: OpenStore, clock: Clock, written: Written
) -> None:
    async with open_store(DeliveryLimits(waiting=1)) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        await hub.publish()
        [delivery] = await hub.claim()
        delivery.retry(10, "It failed.")
        with pytest.raises(BacklogFullError):
            await hub.publish()
        assert written.along == [1]
        assert [failing.attempts for failing in await store.broker.failing()] == [1]


async def test_outcomes_that_come_again_change_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a publish that failed beside them: nobody knows then that they were kept."""
    for kind in (MemoryJournal, SqliteJournal):
        _settle_twice(kind, monkeypatch)
    await hub.subscribe()
    await hub.publish()
    await hub.publish()
    for _ in range(2):
        [delivery] = await hub.claim()
        delivery.dead("It was refused.")
    await hub.broker.flush()
    letters = await hub.broker.dead_letters()
    assert [(letter.message_id, letter.attempts) for letter in letters] == [("message-1", 1), ("message-2", 1)]
    await hub.broker.replay([letters[0].id])
    [delivery] = await hub.claim()
    delivery.dead("It was refused again.")
    letters = await hub.broker.dead_letters()
    assert [(letter.message_id, letter.attempts) for letter in letters] == [("message-1", 2), ("message-2", 1)]


async def test_no_outcome_counts_twice_that_is_written_twice(
    open_store: OpenStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (MemoryJournal, SqliteJournal):
        _settle_twice(kind, monkeypatch)
    async with open_store(KEPT) as store:
        hub = Hub(store, clock)
        for name in ("done", "dead", "gone", "retried"):
            await hub.subscribe(f"https://{name}.example/")
        await hub.publish()
        for delivery in await hub.claim():
            match delivery.callback.removeprefix("https://").partition(".")[0]:
                case "done":
                    delivery.done()
                case "dead":
                    delivery.dead("It was refused.")
                case "gone":
                    delivery.gone()
                case "retried":
                    delivery.retry(10, "It failed.")
        await hub.broker.flush()
        [message] = await store.messages.page()
        assert (message.delivered, message.dead) == (1, 1)
        assert [failing.attempts for failing in await store.broker.failing()] == [1]
        assert len(await store.subscriptions.page()) == 3
        [letter] = await store.broker.dead_letters()
        await store.broker.replay([letter.id])
        assert await hub.claim_ids() == ["message-1"]
        await hub.broker.flush()
        [message] = await store.messages.page()
        assert (message.delivered, message.dead) == (2, 0)
        assert await store.broker.dead_letters() == []


def _settle_twice(kind: type[Journal], monkeypatch: pytest.MonkeyPatch) -> None:
    settle = kind.settle

    async def twice(self: Journal, settlements: Sequence[Settlements]) -> None:
        await settle(self, settlements)
        await settle(self, settlements)

    monkeypatch.setattr(kind, "settle", twice)


async def test_many_go_by_themselves(hub: Hub, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "_FEW", 1)
    monkeypatch.setattr(flusher, "_TOGETHER_SECONDS", 0.01)
    await hub.subscribe("https://sub1.example/")
    await hub.subscribe("https://sub2.example/")
    await hub.publish()
    await hub.claim_ids()
    await hub.publish()
    assert written.along == []
    with anyio.fail_after(PATIENCE):
        while not written.alone:  # noqa: ASYNC110 - it does not tell
            await anyio.sleep(0.01)
    assert written.alone == [2]


async def test_a_few_go_by_themselves_when_nobody_publishes(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "_LOOKS", NEVER)  # they do not wait until somebody does
    settled: list[int] = []
    _watch_alone(settled, monkeypatch)
    await hub.subscribe()
    await hub.publish()
    await hub.claim_ids()
    await until(lambda: settled)
    assert settled == [1]


async def test_on_a_slow_disk_a_few_wait_for_a_publish(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "_LOOKS", NEVER)
    monkeypatch.setattr(flusher, "_TOGETHER_SECONDS", 0.001)
    monkeypatch.setattr(flusher, "_QUICK_SECONDS", 0.0)
    settled: list[int] = []
    _watch_alone(settled, monkeypatch)
    await hub.subscribe()
    for _ in range(3):
        await hub.publish()
        await hub.claim_ids()
        await anyio.sleep(0.02)  # many looks
    assert settled == []


def _watch_alone(settled: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Written()
    seen.alone = settled
    for kind in (MemoryJournal, SqliteJournal):
        _watch(kind, seen, monkeypatch)


async def test_the_order_of_outcomes_is_kept_while_others_are_written(
    hub: Hub, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.subscribe()
    await hub.publish()
    [first] = await hub.claim()
    first.retry(5, "It failed.")
    kind: type[Journal] = MemoryJournal if isinstance(hub.store, MemoryStore) else SqliteJournal
    settle, going_on = kind.settle, anyio.Event()

    async def slow(self: Journal, settlements: Sequence[Settlements]) -> None:
        await going_on.wait()
        await settle(self, settlements)

    monkeypatch.setattr(kind, "settle", slow)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.broker.flush)
        await anyio.wait_all_tasks_blocked()
        hub.clock.now += 5
        claimed: list[str] = []

        async def claim() -> None:
            for delivery in await hub.broker.claim(10):
                claimed.append(delivery.update.id)
                delivery.done()

        tasks.start_soon(claim)
        await hub.publish()
        assert written.along == []
        going_on.set()
    assert claimed == ["message-1"]
    assert await hub.broker.failing() == []


async def test_what_cannot_be_kept_does_not_stop_a_publish_and_comes_again(
    tmp_path: Path, clock: Clock, written: Written
) -> None:
    path = tmp_path / "hub.db"
    async with SqliteStore(str(path), clock=clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        await hub.publish()
        [delivery] = await hub.claim()
        delivery.retry(10, "It failed.")

        def rename(name: str, other: str) -> Callable[[Connection], object]:
            return lambda connection: connection.execute(f"ALTER TABLE {name} RENAME TO {other}")

        await store._database.write(rename("retries", "away"))
        await hub.publish()
        with pytest.raises(StoreError, match="no such table"):
            await store.broker.flush()
        assert written.along == [1]
        assert set(written.alone) == {1}
        await store._database.write(rename("away", "retries"))
        assert [failing.attempts for failing in await store.broker.failing()] == [1]
        assert (await store.broker.statistics()).waiting == 2


async def test_outcomes_that_came_along_survive_the_process(tmp_path: Path, clock: Clock, written: Written) -> None:
    path, copied = tmp_path / "hub.db", tmp_path / "copy.db"
    async with SqliteStore(str(path), clock=clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        await hub.publish()
        await hub.claim_ids()
        second = await hub.publish()
        for end in ("", "-wal"):  # as a kill would leave them
            shutil.copy(f"{path}{end}", f"{copied}{end}")
    assert written.along == [1]
    async with SqliteStore(str(copied), clock=clock) as store:
        assert await Hub(store, clock).claim_ids() == [second]


@pytest.mark.usefixtures("written")
async def test_a_publisher_that_leaves_takes_no_outcomes_with_it(open_store: OpenStore, clock: Clock) -> None:
    async with open_store(KEPT) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        await hub.publish()
        await hub.claim_ids()
        with anyio.CancelScope() as scope:
            scope.cancel()  # it will not hear whether they were written
            await hub.publish()
        await hub.broker.flush()
        delivered = {message.id: message.delivered for message in await store.messages.page()}
        assert delivered["message-1"] == 1
        left = await hub.claim_ids()  # it may have been published before it left
        assert left in ([], ["message-2"])


async def test_what_must_not_be_written_twice_is_not_although_its_publisher_leaves(
    open_store: OpenStore, clock: Clock, written: Written
) -> None:
    async with open_store(KEPT) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        await hub.publish()
        [delivery] = await hub.claim()
        delivery.retry(10, "It failed.", details=AttemptDetails(status=500))
        with anyio.CancelScope() as scope:
            scope.cancel()
            await hub.publish()
        await hub.broker.flush()
        assert written.along + written.alone == [1]
        assert [failed.status for failed in await store.messages.attempts()] == [500]


@pytest.mark.usefixtures("written")
async def test_who_comes_back_before_its_end_is_written_stays(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    [delivery] = await hub.claim()
    delivery.gone()
    await hub.subscribe()
    published = await hub.publish()
    await hub.broker.flush()
    assert await hub.store.subscriptions.get("https://topic.example/", "https://sub.example/1") is not None
    assert await hub.claim_ids() == [published]
    await hub.subscribe()  # a renewal like any other
    published = await hub.publish()
    assert await hub.claim_ids() == [published]
