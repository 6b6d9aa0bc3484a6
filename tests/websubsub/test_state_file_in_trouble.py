"""A state file that cannot be used is refused at once in one sentence, and one that fails later loses nothing."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.waiting import until
from tests.websubsub.conftest import HUB, TARGET, TOPIC, URL, MakeWorld
from websubsub import _clock, cli
from websubsub._state.file import StateError, StateFile
from websubsub._state.state import State, Subscription

FIRST = Subscription(callback=URL + "1", target="t", hub=HUB, topic=TOPIC).requested("s1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def load(path: Path) -> list[Subscription]:
    async with StateFile(path) as file:
        return list(await file.load())


async def fill(path: Path, count: int = 200) -> None:
    async with StateFile(path) as file:
        for number in range(count):
            await file.save(Subscription(callback=f"{URL}{number}", target="t", hub=HUB, topic=TOPIC))


def spoil(path: Path, kind: str) -> None:
    if kind == "unknown state":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE subscription SET state = 'dancing'")
    elif kind == "damaged page":
        content = bytearray(path.read_bytes())
        content[4096 * 2 : 4096 * 3] = b"\xa5" * 4096
        path.write_bytes(content)
    elif kind == "foreign table":
        path.unlink()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE invoices (id)")
    elif kind == "foreign columns":
        path.unlink()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE subscription (id)")
    elif kind == "another program":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA application_id = 77")
    elif kind == "folder":
        path.unlink()
        path.mkdir()
    elif kind == "link":
        path.rename(path.with_name("other"))
        lock = path.with_name(f"{path.name}.lock")
        lock.unlink()
        lock.symlink_to(path.with_name("other"))
    else:
        path.write_bytes(b"something else altogether" * 100)


def content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


@pytest.mark.parametrize(
    "kind",
    [
        "unknown state",
        "damaged page",
        "foreign table",
        "foreign columns",
        "another program",
        "folder",
        "link",
        "something else",
    ],
)
async def test_a_file_that_cannot_be_used_is_refused_and_left_as_it_is(path: Path, kind: str) -> None:
    await fill(path)
    spoil(path, kind)
    before = content(path)
    with pytest.raises(StateError) as refused:
        await load(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    if kind != "unknown state":
        assert content(path) == before


@pytest.mark.parametrize(
    "change",
    [
        "topic = 'nonsense'",
        "hub = ''",
        "callback = callback || char(0)",
        "secret = ''",
        "next_secret = hex(zeroblob(100))",
        "verified_at = 1, expires_at = 9e999",
        "verified_at = -9e999, expires_at = 1",
        "verified_at = 1",
        "expires_at = 1",
        "old_secret_until = 9e999",
    ],
)
async def test_a_value_that_no_version_writes_is_refused_and_nothing_is_lost(path: Path, change: str) -> None:
    await fill(path, 2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE subscription SET {change} WHERE rowid = 2")  # noqa: S608 - of the test
    with pytest.raises(StateError) as refused:
        await load(path)
    assert "\n" not in str(refused.value)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM subscription").fetchone() == (2,)


async def test_what_sqlite_itself_keeps_beside_is_nothing_foreign(path: Path) -> None:
    await fill(path, 2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA application_id = 0")
        connection.execute("ANALYZE")
    assert len(await load(path)) == 2


def test_the_command_line_says_so_in_one_sentence(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.mkdir()
    assert cli.main(["listen", "https://p.example/", "--port", "0", "--state", f"sqlite:///{path}"]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)


HOLD = """
import sys, anyio
from websubsub._state.file import StateFile
async def main():
    async with StateFile(sys.argv[1]):
        print("open", flush=True)
        sys.stdin.read()
anyio.run(main)
"""


async def test_one_process_at_a_time(path: Path) -> None:
    with subprocess.Popen(  # noqa: ASYNC220 - the other process has to be there first
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StateError, match="Another process"):
            await load(path)
        other.communicate(b"")
    assert await load(path) == []


@contextmanager
def no_space(path: Path) -> Iterator[None]:
    """No file of this process may grow beyond the size of the state file, which fails as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    del path
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_without_space_is_found_out_at_the_start(path: Path) -> None:
    await fill(path, 1)
    with no_space(path), pytest.raises(StateError):
        await load(path)
    assert len(await load(path)) == 1


async def test_a_disk_that_fills_up_loses_nothing(make_world: MakeWorld, path: Path) -> None:
    world = await make_world(state=f"sqlite:///{path}")
    with no_space(path):
        subscription = await world.subscribe()
        assert world.kinds() == ["failed", "subscribed"]
        assert str(path) in world.events[0].reason
        answer = await world.hub.deliver(subscription.callback, b"x", secret=subscription.secret)
        assert answer.status_code == 202
    await world.app.subscriptions.keeping.retry()
    other = await make_world(state=f"sqlite:///{path}", targets=TARGET)
    await until(lambda: other.kinds() == ["resumed"])
    assert other.subscription.state is State.ACTIVE
    assert other.subscription.secret == subscription.secret


async def test_times_follow_the_clock_whatever_was_set_between_two_processes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_clock, "boot", lambda: "the same")
    async with StateFile(path) as file:
        await file.save(FIRST.verified(now=1000.0, lease_seconds=60))
    monkeypatch.setattr(_clock, "START", _clock.START + 5_000)
    [after] = await load(path)
    assert after.verified_at == pytest.approx(6000.0)
    assert after.expires_at == pytest.approx(6060.0)
    monkeypatch.setattr(_clock, "boot", lambda: "another")
    [again] = await load(path)
    assert again.verified_at == pytest.approx(6000.0)
