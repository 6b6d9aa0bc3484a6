"""Leases and retries go on as they should when the wall clock is set, and when the machine sleeps."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import anyio
import attrs
import pytest

from tests.standalone.adapters.conftest import Hub
from websubhub import IntentVerification, VerificationAttempt
from websubhub.standalone.adapters.sqlite.file.timekeeping import Timekeeper
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.clock import ClockReading, HubClock, seconds_between
from websubhub.standalone.ports import FailingDelivery, Mode, PendingVerification
from websubhub.standalone.work.upkeep import Upkeep
from websubhub.standalone.work.verification import VerificationWorker
from websubhub.standalone.work.wakeup import Wakeup

TOPIC, CALLBACK = "https://topic.example/", "https://sub.example/1"
HOUR, DAY, YEAR = 3_600.0, 86_400.0, 365 * 86_400.0
STEPS = [DAY, -DAY, HOUR, -HOUR, 30.0, -30.0, 56 * YEAR, -56 * YEAR]


@attrs.define
class Machine:
    """A machine whose clocks the test moves."""

    wall: float = 1_800_000_000.0
    steady: float = 5_000.0
    boot: str = "the first start"

    def let_pass(self, seconds: float) -> None:
        """Let time pass, with the machine awake or suspended."""
        self.wall += seconds
        self.steady += seconds

    def set_wall_clock(self, by: float) -> None:
        self.wall += by

    def reboot(self, seconds: float) -> None:
        self.wall += seconds
        self.steady, self.boot = 40.0, "the second start"

    def clock(self) -> HubClock:
        return HubClock(lambda: self.wall, lambda: self.steady, lambda: self.boot)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


def opened(path: Path, machine: Machine) -> SqliteStore:
    return SqliteStore(str(path), clock=machine.clock())


async def _arrange(store: SqliteStore) -> None:
    """A subscription with a lease of 1,000 s, a retry due in 500 s, and a verification due in 300 s."""
    hub = Hub(store, store.clock)  # type: ignore[arg-type]
    await hub.subscribe(CALLBACK)
    await hub.publish()
    [delivery] = await hub.claim()
    delivery.retry(500.0, "answered 503")
    await store.verifications.save(
        PendingVerification(
            id="v", mode=Mode.SUBSCRIBE, topic=TOPIC, callback="https://sub.example/2", due_at=store.clock() + 300
        )
    )
    await store.broker.flush()


async def _is_as_if_nothing_happened(store: SqliteStore, machine: Machine, passed: float) -> None:
    """Both are due when they should be, with so many seconds gone by: neither early nor late."""
    hub = Hub(store, store.clock)  # type: ignore[arg-type]
    machine.let_pass(299 - passed)
    assert not await store.verifications.due()
    machine.let_pass(2)
    assert [due.id for due in await store.verifications.due()] == ["v"]
    machine.let_pass(198)
    assert not await hub.claim()
    machine.let_pass(2)
    [again] = await hub.claim()
    assert again.attempt == 2
    again.retry(200_000.0, "answered 503")
    machine.let_pass(498)
    await Upkeep(store, DAY, store.clock).end_leases()
    assert await store.subscriptions.get(TOPIC, CALLBACK) is not None
    machine.let_pass(2)
    await Upkeep(store, DAY, store.clock).end_leases()
    assert await store.subscriptions.get(TOPIC, CALLBACK) is None


@pytest.mark.parametrize("step", STEPS)
async def test_a_wall_clock_that_is_set_ends_no_lease_and_delays_no_retry(
    path: Path, machine: Machine, step: float
) -> None:
    async with opened(path, machine) as store:
        await _arrange(store)
        machine.let_pass(100)
        machine.set_wall_clock(step)
        await _is_as_if_nothing_happened(store, machine, 100)


@pytest.mark.parametrize("step", STEPS)
async def test_a_hub_that_starts_again_after_the_wall_clock_was_set_goes_on_where_it_was(
    path: Path, machine: Machine, step: float
) -> None:
    async with opened(path, machine) as store:
        await _arrange(store)
        machine.let_pass(50)
        machine.set_wall_clock(step)
        machine.let_pass(30)
    machine.let_pass(20)
    async with opened(path, machine) as store:
        assert store.clock() == machine.wall
        [failing] = await store.broker.failing()
        assert isinstance(failing, FailingDelivery)
        assert failing.due_at == pytest.approx(machine.wall + 400), "shown by the clock on the wall"
        await _is_as_if_nothing_happened(store, machine, 100)


@pytest.mark.parametrize("step", STEPS)
async def test_a_wall_clock_that_is_set_while_the_hub_is_down_changes_nothing(
    path: Path, machine: Machine, step: float
) -> None:
    async with opened(path, machine) as store:
        await _arrange(store)
    machine.let_pass(60)
    machine.set_wall_clock(step)
    machine.let_pass(40)
    async with opened(path, machine) as store:
        await _is_as_if_nothing_happened(store, machine, 100)


@pytest.mark.parametrize("step", [0.0, *STEPS])
async def test_a_killed_hub_on_a_machine_that_starts_again_goes_by_what_it_saw_of_the_wall_clock(
    path: Path, machine: Machine, step: float
) -> None:
    killed = path.with_name("killed.db")
    async with opened(path, machine) as store:
        await _arrange(store)
        machine.set_wall_clock(step)
        machine.let_pass(40)
        assert store._timekeeper is not None
        await store._timekeeper.look()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{killed}{suffix}")
    machine.reboot(60)
    async with opened(killed, machine) as store:
        await _is_as_if_nothing_happened(store, machine, 100)


async def test_a_machine_without_a_clock_of_its_own_ends_no_lease_when_it_starts_in_1970(
    path: Path, machine: Machine
) -> None:
    async with opened(path, machine) as store:
        await _arrange(store)
        machine.let_pass(100)
    machine.reboot(20)
    machine.wall = 30.0
    async with opened(path, machine) as store:
        machine.set_wall_clock(1_800_000_500.0)
        await _is_as_if_nothing_happened(store, machine, 100)


async def test_a_machine_that_was_suspended_has_let_time_pass(path: Path, machine: Machine) -> None:
    async with opened(path, machine) as store:
        await _arrange(store)
        hub = Hub(store, store.clock)  # type: ignore[arg-type]
        await store.subscriptions.page()
        machine.let_pass(3 * DAY)
        assert [due.id for due in await store.verifications.due()] == ["v"]
        assert not await hub.claim(), "the lease is over"
        await Upkeep(store, DAY, store.clock).end_leases()
        assert await store.subscriptions.get(TOPIC, CALLBACK) is None


async def test_a_verification_is_tried_again_in_time_after_the_wall_clock_was_set_back(
    path: Path, machine: Machine
) -> None:
    async def attempt(_: object) -> VerificationAttempt:
        machine.set_wall_clock(-DAY)
        return VerificationAttempt(result=IntentVerification.UNANSWERED, retry_after=45.0)

    async with opened(path, machine) as store:
        await store.verifications.save(
            PendingVerification(id="v", mode=Mode.SUBSCRIBE, topic=TOPIC, callback=CALLBACK, due_at=store.clock())
        )
        worker = VerificationWorker(store.verifications, attempt, "https://hub.example/", Wakeup(), clock=store.clock)
        async with anyio.create_task_group() as tasks:
            await worker._start(tasks)
        machine.let_pass(44)
        assert not await store.verifications.due()
        machine.let_pass(2)
        [again] = await store.verifications.due()
        assert again.attempts == 1


# --- the parts --------------------------------------------------------------------------------------------------------


def test_the_clock_of_this_machine_is_the_wall_clock_until_that_is_set() -> None:
    before = time.time()
    clock = HubClock()
    first, now, second = clock.read(), clock(), clock.read()
    after = time.time()
    assert first.steady <= second.steady
    # A second for those who discipline the wall clock meanwhile.
    assert before <= first.hub + 1
    assert first.hub <= now <= second.hub <= after + 1
    assert first.hub + first.ahead == pytest.approx(first.wall)
    assert before <= first.wall + 1
    assert first.wall <= after + 1


def reading(wall: float, steady: float, boot: str) -> ClockReading:
    return ClockReading(hub=0.0, wall=wall, steady=steady, boot=boot)


@pytest.mark.parametrize(
    ("before", "now", "passed"),
    [
        (reading(1_000, 10, "a"), reading(1_100, 110, "a"), 100),
        (reading(1_000, 10, "a"), reading(90_000, 110, "a"), 100),
        (reading(1_000, 10, "a"), reading(0, 110, "a"), 100),
        (reading(1_000, 500, "a"), reading(1_100, 10, "b"), 100),
        (reading(1_000, 500, "a"), reading(900, 10, "b"), 0),
        (reading(1_000, 10, ""), reading(1_100, 700, ""), 100),
    ],
)
def test_the_time_between_two_readings(before: ClockReading, now: ClockReading, passed: float) -> None:
    assert seconds_between(before, now) == passed


async def test_a_step_of_the_wall_clock_is_logged_once_and_noted(
    path: Path, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(path, machine) as store:
        keeper = store._timekeeper
        assert isinstance(keeper, Timekeeper)
        machine.let_pass(100)
        await keeper.look()
        assert not caplog.messages
        machine.set_wall_clock(DAY)
        await keeper.look()
        await keeper.look()
        assert [message for message in caplog.messages if "set by +86400 s" in message] == caplog.messages
        assert len(caplog.messages) == 1
        machine.set_wall_clock(1.0)
        await keeper.look()
        assert len(caplog.messages) == 1, "a second is no step"


async def test_an_ordinary_restart_moves_nothing(
    path: Path, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(path, machine) as store:
        await _arrange(store)
    before = _dump(path)
    machine.let_pass(10_000)
    async with opened(path, machine):
        pass
    assert _dump(path) == before
    assert not caplog.messages


async def test_every_time_on_the_disk_is_in_a_column_that_is_moved(path: Path, machine: Machine) -> None:
    async with opened(path, machine):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [
            (table, row[1], row[2]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")
        ]
    connection.close()
    times = [(table, name) for table, name, kind in columns if kind == "REAL" and table != "clock"]
    assert times
    assert [name for _, name in times if not name.endswith("_at")] == []
    assert {kind for _, name, kind in columns if name.endswith("_at")} == {"REAL"}


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection, connection:
        lines = [line for line in connection.iterdump() if 'INTO "clock"' not in line]
    connection.close()
    return lines
