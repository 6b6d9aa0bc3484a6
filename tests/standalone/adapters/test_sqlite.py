"""What the SQLite store promises beyond the contract: restarts, its file, and failures of the disk."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.standalone.adapters.conftest import Clock, Hub
from tests.waiting import PATIENCE
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import (
    DeliveryMode,
    DiskFullError,
    Mode,
    PendingVerification,
    StoreClosedError,
    StoreError,
    StoreLockedError,
    StoreVersionError,
    Topic,
    Update,
)
from websubhub.standalone.schedule.limits import DeliveryLimits

TOPIC = "https://topic.example/"
LIMITS = DeliveryLimits(per_host=3, failures=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


def store_at(path: Path, clock: Clock) -> SqliteStore:
    return SqliteStore(str(path), limits=LIMITS, clock=clock)


async def test_positions_survive_a_restart(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe("https://sub1.example/")
        await hub.subscribe("https://sub2.example/")
        first, second = await hub.publish(), await hub.publish()
        one, _ = await hub.claim()
        one.done()
    async with store_at(path, clock) as store:
        owed = {delivery.callback: delivery.update.id for delivery in await Hub(store, clock).claim()}
    assert owed == {"https://sub1.example/": second, "https://sub2.example/": first}


async def test_a_retry_survives_a_restart_with_its_time_and_attempts(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        await hub.publish()
        [delivery] = await hub.claim()
        delivery.retry(60, "It failed.")
    clock.now += 59
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        assert (await store.broker.statistics()).retrying == 1
        assert await hub.claim() == []
        clock.now += 1
        [delivery] = await hub.claim()
        assert delivery.attempt == 2


async def test_everything_else_survives_a_restart(path: Path, clock: Clock) -> None:
    verification = PendingVerification(
        id="v", mode=Mode.SUBSCRIBE, topic=TOPIC, callback="https://a.example/", due_at=1
    )
    topic = Topic(url=TOPIC, registered=True, delivery_mode=DeliveryMode.LATEST)
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await store.topics.save(topic)
        await store.verifications.save(verification)
        await hub.subscribe()
        await hub.publish()
        [delivery] = await hub.claim()
        delivery.dead("It is dead.")
        [letter] = await store.broker.dead_letters()
        await store.broker.pause_host("sub.example")
        await store.broker.replay([letter.id])
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        assert await store.topics.get(TOPIC) == topic
        assert await store.verifications.due() == [verification]
        assert await hub.claim() == [], "the host is paused"
        await store.broker.resume_host("sub.example")
        assert await hub.claim_ids() == [letter.message_id]
        assert await store.broker.dead_letters() == []
        assert await store.broker.reclaim() == 1


HOLDER = """
import anyio, sys
from websubhub.standalone.adapters.sqlite.store import SqliteStore

async def main():
    async with SqliteStore(sys.argv[1]):
        print("open", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has the database open."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


async def test_a_second_process_is_refused_and_a_killed_one_is_not_in_the_way(
    path: Path, clock: Clock, holder: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(StoreLockedError) as refused:
        async with store_at(path, clock):
            pass
    assert str(refused.value) == f"Another process has the database {path} open."
    holder.kill()
    await anyio.to_thread.run_sync(holder.wait)
    async with store_at(path, clock) as store:
        assert await store.topics.page() == []


async def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        await Hub(store, clock).subscribe()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = await anyio.Path(path).read_bytes()
    for _ in range(2):
        with pytest.raises(StoreVersionError, match="written by a newer version"):
            async with store_at(path, clock):
                pass
    assert await anyio.Path(path).read_bytes() == before


async def test_a_file_that_is_no_database_is_refused(path: Path, clock: Clock) -> None:
    await anyio.Path(path).write_bytes(b"This is no database. " * 100)
    with pytest.raises(StoreError, match=r"cannot be opened: file is not a database\.$"):
        async with store_at(path, clock):
            pass


async def test_a_folder_that_does_not_exist_is_told(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(StoreError, match=r"hub\.db cannot be opened: No such file or directory\.$"):
        async with store_at(tmp_path / "nowhere" / "hub.db", clock):
            pass


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def content_of(file: Path) -> bytes:
    return file.read_bytes()


@pytest.mark.threat("SEC-5")
async def test_the_files_are_for_their_owner_alone(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        await Hub(store, clock).subscribe()
        modes = modes_in(path.parent)
    assert set(modes.values()) == {0o600}
    assert {"hub.db", "hub.db-wal", "hub.db.lock", "hub.db.reserve"} <= set(modes)


@pytest.mark.threat("SEC-5")
async def test_files_of_an_earlier_version_become_private(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        await Hub(store, clock).subscribe()
    for file in path.parent.iterdir():
        file.chmod(0o644)
    async with store_at(path, clock):
        modes = modes_in(path.parent)
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("suffix", [".lock", ".reserve"])
@pytest.mark.threat("SEC-5")
async def test_a_link_in_the_place_of_a_file_of_ours_is_not_followed(path: Path, clock: Clock, suffix: str) -> None:
    victim = path.parent / "victim"
    victim.write_bytes(b"precious")
    path.with_name(path.name + suffix).symlink_to(victim)
    victim.chmod(0o644)
    with suppress(StoreError):
        async with store_at(path, clock) as store:
            await Hub(store, clock).subscribe()
    assert content_of(victim) == b"precious"
    assert modes_in(path.parent)["victim"] == 0o644


@pytest.mark.parametrize("statement", ["CREATE TABLE notes (text)", "PRAGMA application_id = 42"])
@pytest.mark.parametrize("version", [0, 1, 99])
@pytest.mark.threat("DOS-16")
async def test_a_database_of_another_program_is_left_alone(
    path: Path, clock: Clock, statement: str, version: int
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = content_of(path)
    with pytest.raises(StoreError, match="belongs to another program"):
        async with store_at(path, clock):
            pass
    assert content_of(path) == before


async def test_a_database_says_whose_it_is(path: Path, clock: Clock) -> None:
    async with store_at(path, clock):
        pass
    assert content_of(path)[68:72] == b"WShb"


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.threat("DOS-16")
async def test_a_database_that_was_removed_takes_no_more(path: Path, clock: Clock, suffix: str) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        await store.check_writable()
        path.with_name(path.name + suffix).unlink()
        with pytest.raises(StoreError, match="removed or replaced"):
            await hub.publish()
        path.with_name(path.name + suffix).write_bytes(b"")
        with pytest.raises(StoreError, match="removed or replaced"):
            await store.check_writable()


async def test_the_disk_is_asked_to_keep_what_is_committed(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:

        def pragma(name: str) -> Callable[[sqlite3.Connection], object]:
            return lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0]

        database = store._database
        assert await database.read(pragma("journal_mode")) == "wal"
        assert await database.read(pragma("synchronous")) == 2
        assert await database.read(pragma("foreign_keys")) == 1
        assert await database.read(pragma("auto_vacuum")) == 2
        assert await database.read(pragma("journal_size_limit")) == 64 * 1_048_576


async def test_what_is_published_at_once_is_committed_together(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        statements: list[str] = []
        await store._database.read(lambda connection: connection.set_trace_callback(statements.append))
        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(hub.publish)
        assert (await store.broker.statistics()).waiting == 200
        assert statements.count("COMMIT") <= 20


async def test_a_write_that_fails_does_not_fail_those_beside_it(path: Path, clock: Clock) -> None:
    failures: list[StoreError] = []

    async def fail() -> None:
        try:
            await store._database.write(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)"))
        except StoreError as error:
            failures.append(error)

    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(fail if number % 3 == 1 else hub.publish)
        assert (await store.broker.statistics()).waiting == 20
    assert len(failures) == 10
    assert "no such table: nowhere" in str(failures[0])


async def test_a_follow_up_that_fails_keeps_none_of_its_commit_waiting(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[ValueError] = []
    answered: list[int] = []

    async def write(number: int) -> None:
        def then(_: None) -> None:
            if number == 1:
                raise ValueError("This follow-up fails.")

        try:
            await store._database.write(lambda _: None, then)
        except ValueError as error:
            failed.append(error)
        else:
            answered.append(number)

    async with store_at(path, clock) as store:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                for number in range(4):
                    tasks.start_soon(write, number)
    assert sorted(answered) == [0, 2, 3]
    assert [str(error) for error in failed] == ["This follow-up fails."]
    assert "could not be reported" in caplog.text


async def test_publishers_and_claimers_that_are_cancelled_lose_nothing(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        for _ in range(20):
            with anyio.move_on_after(0.0001):
                await hub.publish()
            with anyio.move_on_after(0.0001):
                for delivery in await store.broker.claim(1):
                    delivery.done()
        while await hub.claim_ids():
            pass
        statistics = await store.broker.statistics()
        assert (statistics.waiting, statistics.in_flight) == (0, 0)


async def test_what_fails_inside_leaves_as_it_is(path: Path, clock: Clock) -> None:
    with pytest.raises(KeyError):
        async with store_at(path, clock):
            raise KeyError


@pytest.mark.parametrize("nested", [False, True])
async def test_a_store_can_be_cancelled(path: Path, clock: Clock, nested: bool) -> None:  # noqa: FBT001
    async def use() -> None:
        async with store_at(path, clock) as store:
            await store.broker.claim(1)

    with anyio.move_on_after(0.1) as scope:
        if nested:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(use)
        else:
            await use()
    assert scope.cancelled_caught or nested
    async with store_at(path, clock) as store:
        assert await store.topics.page() == []


async def test_a_closed_store_says_so(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        pass
    with pytest.raises(StoreClosedError, match="closed"):
        await store.topics.page()


async def test_a_full_disk_refuses_updates_but_not_settlements_and_heals(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        accepted = [await hub.publish()]
        database = store._database
        await database.read(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
        big = Update(id="big", topic=TOPIC, content=b"x" * 200_000, content_type="text/plain", published_at=clock())
        with pytest.raises(DiskFullError, match="no space"):
            await store.broker.publish(big)
        assert await hub.claim_ids() == accepted
        await store.broker.flush()
        await database.read(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall())
        await store.broker.publish(big)
        assert await hub.claim_ids() == ["big"]
    async with store_at(path, clock) as store:
        assert await Hub(store, clock).claim() == []


async def test_the_space_of_reclaimed_updates_goes_back_to_the_disk(path: Path, clock: Clock) -> None:
    async with store_at(path, clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        for number in range(40):
            await store.broker.publish(
                Update(id=str(number), topic=TOPIC, content=b"x" * 200_000, content_type="a/b", published_at=clock())
            )
        while await hub.claim_ids():
            pass
        pages = await store._database.read(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
        assert await store.broker.reclaim() == 40
        left = await store._database.read(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
        assert 1000 < left < pages - 500


async def test_rules_for_many_topics_take_few_steps(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is durable by itself; a commit for each topic made a start last as long as there are topics."""
    async with store_at(path, clock) as store:
        topics = store.topics
        for number in range(300):
            await topics.save(Topic(url=f"https://topic.example/{number}"))
        steps = 0
        write = topics._database.write

        async def counting(*arguments: Any) -> object:
            nonlocal steps
            steps += 1
            return await write(*arguments)

        monkeypatch.setattr(topics._database, "write", counting)
        await topics.configure(latest_only=["*"], feed_diff=[])
        assert steps == 1
        assert {topic.delivery_mode for topic in await topics.page(limit=300)} == {DeliveryMode.LATEST}
