"""Subscriptions survive the process, readable for their owner only."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from tests.waiting import until
from tests.websubsub.conftest import HUB, TARGET, TOPIC, URL, MakeWorld
from websubsub._state.file import SCHEMA_VERSION, StateError, StateFile
from websubsub._state.state import State, Step, Subscription
from websubsub._state.subscriptions import Subscriptions

FIRST = Subscription(callback=URL + "1", target="t", hub=HUB, topic=TOPIC).requested("s1")
SECOND = Subscription(callback=URL + "2", target="u", hub=HUB, topic=TOPIC + "u").requested(None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def test_what_is_kept_comes_back(path: Path) -> None:
    active = FIRST.verified(now=1.5, lease_seconds=60).requested("s2")
    async with StateFile(path) as file:
        await file.save(FIRST)
        await file.save(SECOND)
        await file.save(active)
        await file.delete(SECOND)
        assert list(await file.load()) == [active]
    async with StateFile(path) as file:
        assert list(await file.load()) == [active]


async def test_what_is_saved_is_on_disk_at_once(path: Path) -> None:
    async with StateFile(path) as file:
        await file.save(FIRST)
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT callback, state FROM subscription").fetchall() == [(URL + "1", "requested")]


@pytest.mark.threat("SEC-5")
async def test_only_the_owner_may_read_it(path: Path) -> None:
    async with StateFile(path) as file:
        await file.save(FIRST)
    assert stat.S_IMODE((await anyio.Path(path).stat()).st_mode) == 0o600


async def test_many_changes_at_once_are_all_kept(path: Path) -> None:
    async with StateFile(path) as file:
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(file.save, Subscription(callback=f"{URL}{number}", target="t", hub=HUB, topic=TOPIC))
        assert len(await file.load()) == 50


async def test_two_services_may_share_a_file(path: Path) -> None:
    async with (
        Subscriptions(URL, StateFile(path)) as mine,
        Subscriptions("https://o.example/", StateFile(path)) as other,
    ):
        await mine.add(FIRST)
        await other.add(Subscription(callback="https://o.example/1", target="t", hub=HUB, topic=TOPIC))
    async with Subscriptions(URL, StateFile(path)) as mine:
        assert mine.all() == [FIRST]


async def test_what_ended_is_forgotten_once_its_lease_has_passed(path: Path) -> None:
    gone = FIRST.verified(now=100.0, lease_seconds=60).after(Step.DELETE)
    async with StateFile(path) as file:
        await file.save(gone)
    async with Subscriptions(URL, StateFile(path), clock=lambda: 150.0) as subscriptions:
        assert subscriptions.all() == [gone]
    async with Subscriptions(URL, StateFile(path), clock=lambda: 161.0) as subscriptions:
        assert not subscriptions.all()
    async with StateFile(path) as file:
        assert not await file.load()


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to look", b"SQLite format 3\0" + b"\xff" * 100]
)
async def test_a_file_that_is_something_else_is_refused(path: Path, content: bytes) -> None:
    await anyio.Path(path).write_bytes(content)
    with pytest.raises(StateError, match="cannot be used"):
        async with StateFile(path):
            pass
    assert await anyio.Path(path).read_bytes() == content


async def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be used"):
        async with StateFile(tmp_path / "nowhere" / "state.db"):
            pass


async def test_the_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StateError, match="newer version"):
        async with StateFile(path):
            pass


async def test_a_file_that_is_not_open_says_so(path: Path) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        await StateFile(path).load()


async def test_after_a_restart_callback_and_secret_are_the_same(make_world: MakeWorld, path: Path) -> None:
    first = await make_world(state=f"sqlite:///{path}")
    before = await first.subscribe()
    second = await make_world(state=f"sqlite:///{path}", targets=TARGET)
    after = await second.until(lambda known: known.delivers)
    assert (after.callback, after.secret, after.state) == (before.callback, before.secret, State.ACTIVE)
    assert not second.hub.asked
    await until(lambda: second.kinds() == ["resumed"])
    assert (await second.hub.deliver(after.callback, b"x", secret=before.secret)).status_code == 202


async def test_a_request_that_a_crash_left_open_is_made_again_with_its_secret(
    make_world: MakeWorld, path: Path
) -> None:
    first = await make_world(state=f"sqlite:///{path}")
    await first.request()
    second = await make_world(state=f"sqlite:///{path}", targets=TARGET)
    after = await second.until(lambda known: known.delivers)
    assert (after.callback, after.secret) == (first.asked.callback, first.asked.fields["hub.secret"])
