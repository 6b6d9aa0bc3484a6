"""A hub that starts or stops is alive, not ready, and says no to nobody."""

import io
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from tests.standalone.hub import until
from tests.standalone.process import COMMAND, run
from tests.waiting import PATIENCE
from tests.websub.conversation import Conversation, converse, scope_of
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.application import StandaloneApplication
from websubhub.standalone.command.doctor import examine
from websubhub.standalone.ports import DeliveryMode
from websubhub.standalone.runtime import run_hub
from websubhub.standalone.setting_sources import load
from websubhub.standalone.settings import Settings, SettingsError

HUB = "http://127.0.0.1:8080/hub"
TOPICS = 60_000
PING = {"hub.mode": "publish", "hub.url": "https://topic.example/0"}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with many topics, to be copied; loading it and changing all takes a while."""
    path = tmp_path_factory.mktemp("large") / "hub.db"

    async def create() -> None:
        async with SqliteStore(str(path)):
            pass

    anyio.run(create)
    with closing(sqlite3.connect(path)) as connection, connection:
        urls = ((f"https://topic.example/{number}",) * 2 for number in range(TOPICS))
        connection.executemany("INSERT INTO topics (identity, url) VALUES (?, ?)", urls)
    connection.close()
    return path


class Starting:
    """``websubhub serve`` from the moment that it listens."""

    def __init__(self, process: "subprocess.Popen[bytes]", errors: Path, output: Path) -> None:
        self.process = process
        self._errors = errors
        self._output = output
        self.base = self._listening()

    @property
    def log(self) -> str:
        return self._errors.read_text()

    @property
    def ready(self) -> bool:
        return "ready: " in self._output.read_text()

    def _listening(self) -> str:
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(r"Listening on (http://\S+)\. Starting", self.log)) is None:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.001)
        return found[1]


@contextmanager
def starting(store: Path, *arguments: str) -> Iterator[Starting]:
    errors, output = store.with_name("errors"), store.with_name("output")
    words = ["serve", "--port", "0", "--log-level", "debug", "--store", f"sqlite:///{store}", *arguments]
    with errors.open("wb") as log, output.open("wb") as out:
        process = subprocess.Popen([*COMMAND, *words], stdout=out, stderr=log, env=os.environ)
        with process:
            try:
                yield Starting(process, errors, output)
            finally:
                process.kill()


def copied(large: Path, folder: Path) -> Path:
    copy = folder / "hub.db"
    copy.write_bytes(large.read_bytes())
    return copy


REQUESTS: dict[str, tuple[str, str, set[int]]] = {
    "a ping": ("POST", "/hub", {503, 200, 202, 204}),
    "a look at the hub": ("GET", "/hub", {503, 405}),
    "health": ("GET", "/health", {200}),
    "readiness": ("GET", "/ready", {503, 200}),
    "metrics": ("GET", "/metrics", {503, 200}),
    "topics": ("GET", "/admin/topics", {503, 200}),
}


def test_from_its_first_connection_a_starting_hub_gives_no_final_no(large: Path, tmp_path: Path) -> None:
    seen: dict[str, list[int]] = {name: [] for name in REQUESTS}
    with starting(copied(large, tmp_path), "--latest-only", "*") as hub, httpx.Client(trust_env=False) as client:
        deadline, ready = time.monotonic() + PATIENCE, False
        while not ready:
            assert time.monotonic() < deadline
            ready = hub.ready  # before the last round, so that it is one of a hub that is ready
            for name, (method, path, _) in REQUESTS.items():
                answer = client.request(method, hub.base + path, data=PING if method == "POST" else None)
                seen[name].append(answer.status_code)
                if answer.status_code == 503:
                    assert int(answer.headers["retry-after"]) > 0
        topics = client.get(f"{hub.base}/admin/topics", params={"limit": 3}).json()["topics"]
    assert {topic["delivery_mode"] for topic in topics} == {"latest"}
    for name, (method, path, _) in REQUESTS.items():
        statuses = seen[name]
        if path == "/health":
            assert set(statuses) == {200}
            continue
        assert statuses[0] == 503, (name, statuses)
        assert statuses[-1] != 503, (name, statuses)
        # The hub answers all at once: what is no longer 503 stays so.
        assert statuses == sorted(statuses, key=lambda status: status != 503), (name, method)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_it_is_ready_ends_it_well(large: Path, tmp_path: Path, way: signal.Signals, loop: str) -> None:
    store = copied(large, tmp_path)
    with starting(store, "--latest-only", "*", "--loop", loop) as hub:
        hub.process.send_signal(way)
        assert hub.process.wait(PATIENCE) == 0
        assert not hub.ready, "the store is too small to be stopped while it is loaded"
        assert "Traceback" not in hub.log
    assert not store.with_name("hub.db-wal").exists(), "the store was not closed"
    with starting(store) as hub, httpx.Client(trust_env=False) as client:
        assert client.get(f"{hub.base}/health").status_code == 200


def test_a_signal_right_after_it_is_ready_ends_it_well(tmp_path: Path) -> None:
    with starting(tmp_path / "hub.db") as hub:
        while not hub.ready:
            assert hub.process.poll() is None
            time.sleep(0.0005)
        hub.process.terminate()
        assert hub.process.wait(PATIENCE) == 0
        assert "Traceback" not in hub.log


def test_a_hub_for_others_needs_a_public_url(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "hub.example.com"):  # noqa: S104
        refused = run("serve", "--host", host, "--port", "0", "--store", f"sqlite:///{tmp_path / 'hub.db'}")
        assert refused.returncode == 2
        assert refused.stdout == ""
        assert refused.stderr.startswith("websubhub: --public-url must be set when listening on ")
        assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "hub.db").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_a_hub_for_this_machine_needs_none(host: str) -> None:
    assert load({"host": host}, {}).url_at("http://here:1") == "http://here:1/hub"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "localhost.example.com", "x["])  # noqa: S104
async def test_settings_for_others_need_a_public_url(host: str) -> None:
    settings = load({}, {"WEBSUBHUB_HOST": host, "WEBSUBHUB_STORE": "memory:"})
    with pytest.raises(SettingsError, match="--public-url must be set"):
        await run_hub(settings, ready=lambda _: pytest.fail("It runs."))
    with pytest.raises(SettingsError, match="--public-url must be set"):
        await examine(settings, callback=None, topic=None, out=io.StringIO())
    public = "https://hub.example.com/hub"
    assert Settings(host=host, public_url=public).url_at("http://here:1") == public


async def test_a_hub_on_ipv6_loopback_tells_its_address_and_is_operated_without_a_token() -> None:
    urls: list[str] = []
    ready, stop = anyio.Event(), anyio.Event()

    def tell(url: str) -> None:
        urls.append(url)
        ready.set()

    async def serve() -> None:
        await run_hub(Settings(host="::1", port=0, store="memory:"), stop=stop.wait, ready=tell)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks, httpx.AsyncClient(trust_env=False) as client:
            tasks.start_soon(serve)
            await ready.wait()
            assert urls[0].startswith("http://[::1]:")
            assert (await client.get(urls[0].removesuffix("/hub") + "/admin/topics")).status_code == 200
            stop.set()


async def test_a_url_of_this_machine_for_others_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    stop = anyio.Event()
    settings = Settings(host="0.0.0.0", port=0, store="memory:", public_url=HUB)  # noqa: S104
    with anyio.fail_after(PATIENCE):
        await run_hub(settings, stop=stop.wait, ready=lambda _: stop.set())
    assert "The public URL is a loopback URL, but others can reach" in caplog.text


async def test_the_doctor_wants_to_know_where_the_hub_is() -> None:
    with pytest.raises(SettingsError, match="--port or --public-url must be set"):
        await examine(Settings(port=0, store="memory:"), callback=None, topic=None, out=io.StringIO())


async def test_what_is_stopped_while_it_is_loaded_is_closed(large: Path, tmp_path: Path) -> None:
    path = copied(large, tmp_path)
    started = anyio.Event()
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:

            async def open_store() -> None:
                started.set()
                async with SqliteStore(str(path)):
                    pytest.fail("It was not stopped in time.")

            tasks.start_soon(open_store)
            await started.wait()
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert not path.with_name("hub.db-wal").exists()
        async with SqliteStore(str(path)) as store:
            assert (await store.broker.statistics()).topics == TOPICS


async def test_the_event_loop_goes_on_while_a_large_store_is_loaded(large: Path, tmp_path: Path) -> None:
    turns = 0
    async with anyio.create_task_group() as tasks:

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await anyio.sleep(0.001)

        tasks.start_soon(turn)
        async with SqliteStore(str(copied(large, tmp_path))) as store:
            loading = turns
            await store.topics.configure(latest_only=["*"], feed_diff=[])
            configuring = turns - loading
            assert (await store.topics.page(limit=1))[0].delivery_mode is DeliveryMode.LATEST
        tasks.cancel_scope.cancel()
    pages = TOPICS // 5_000
    assert loading >= pages
    assert configuring >= pages


STATES: list[tuple[str, str, int]] = [
    ("POST", "/hub", 503),
    ("GET", "/ready", 503),
    ("GET", "/metrics", 503),
    ("PUT", "/nowhere", 503),
    ("GET", "/health", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), STATES, ids=str)
@pytest.mark.parametrize("mount", ["", "/mounted"])
async def test_an_application_before_its_start_and_after_its_end(
    method: str, path: str, status: int, mount: str
) -> None:
    app = StandaloneApplication(Settings(store="memory:", public_url=HUB))
    scope: Any = scope_of(method, mount + path, root_path=mount)
    before = await converse(app, scope)
    lifespan = Conversation({"type": "lifespan"}, [{"type": "lifespan.startup"}])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, lifespan.scope, lifespan.receive, lifespan.send)
        await until(lambda: lifespan.sent)
        during = await converse(app, dict(scope))
        assert during.status != 503
        lifespan.answered.set()
    after = await converse(app, dict(scope))
    for answer in (before, after):
        assert answer.status == status
        assert ("retry-after" in answer.headers) == (status == 503)
