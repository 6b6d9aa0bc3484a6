"""What the pages of the dashboard and the lists of the admin API take at a hub that has very much, and its browsers."""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from urllib.parse import quote

import anyio
import httpx

from tests.benchmarks.measuring import Reading, Table
from tests.benchmarks.processes import resident_bytes
from tests.standalone.process import ADMIN, Served, served
from websubhub import authority_of, host_of, url_identity
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.schedule.hosts import host_key

_TOPICS = 100_000
_SUBSCRIPTIONS = 1_000_000
_OF_THE_LARGEST = 500_000
_LETTERS = 200_000
_WAITING = 1_000
_ATTEMPTS = 20_000
_HOSTS = 1_000
_BROWSERS = 5
_LIVE_SECONDS = 20.0
_MIB = 1_048_576
_DAY = 86_400.0
_LARGEST = "https://publisher.example/feeds/0"
_MESSAGE = "the-message-of-the-largest-topic"

_BIG, _HOST, _ID = quote(_LARGEST, safe=""), "host7.example", quote(_MESSAGE, safe="")
_PAGES = (
    "/", "/topics", "/topics?search=99999", "/topics?search=nothing-has-this", f"/topic?url={_BIG}",
    "/subscriptions", f"/subscriptions?topic={_BIG}", f"/subscriptions?host={_HOST}",
    f"/subscriptions?topic={_BIG}&host={_HOST}", "/messages", f"/messages?topic={_BIG}",
    f"/message?id={_ID}&topic={_BIG}", f"/message/recipients?id={_ID}&topic={_BIG}",
    f"/message/recipients?id={_ID}&topic={_BIG}&state=waiting", f"/message/recipients?id={_ID}&topic={_BIG}&state=dead",
    "/attempts", f"/attempts?host={_HOST}", f"/attempts?topic={_BIG}", "/retries", f"/retries?host={_HOST}",
    f"/retries?topic={_BIG}&host={_HOST}", "/dead-letters",
    f"/dead-letters?topic={_BIG}", f"/dead-letters?host={_HOST}", "/dead-letters?reason=answered+500",
    f"/dead-letters?topic={_BIG}&host={_HOST}&reason=answered+500", "/hosts", f"/host?name={_HOST}", "/verifications",
    f"/verifications?host={_HOST}", "/announcements", "/settings", "/live", "/series?plot=deliveries&hours=24",
)  # fmt: skip
_LISTS = (
    "/admin/info", "/admin/statistics", "/admin/deliveries", f"/admin/deliveries?topic={_BIG}&limit=1000",
    "/admin/series?seconds=86400", "/admin/topics?limit=1000",
    f"/admin/topic?url={_BIG}", "/admin/subscriptions?limit=1000", f"/admin/subscriptions?host={_HOST}&limit=1000",
    f"/admin/messages/{_ID}", f"/admin/messages/{_ID}/recipients?limit=1000", "/admin/attempts?limit=1000",
    "/admin/dead-letters?limit=1000", f"/admin/dead-letters?host={_HOST}&limit=1000", "/admin/hosts", "/metrics",
)  # fmt: skip


def _callback(number: int) -> str:
    return f"https://host{number % _HOSTS}.example/callbacks/{number}"


def _topic_of(number: int) -> int:
    """The number of the topic that a subscription is of: half of all are of the largest one."""
    return 1 if number < _OF_THE_LARGEST else number % _TOPICS + 1


def _subscriptions(now: float) -> Iterator[tuple[object, ...]]:
    keys = [host_key(authority_of(_callback(number))) for number in range(_HOSTS)]
    hosts = [host_of(_callback(number)) for number in range(_HOSTS)]
    for number in range(_SUBSCRIPTIONS):
        callback, place = _callback(number), number % _HOSTS
        yield (
            number + 1, _topic_of(number), url_identity(callback), callback, keys[place], 10 * _DAY, now,
            now + 10 * _DAY, hosts[place],
        )  # fmt: skip


async def _create(path: Path) -> None:
    async with SqliteStore(str(path)):
        pass


def _fill(path: Path) -> None:
    """Write what a hub of this size has into its database."""
    now = time.time()
    urls = [f"https://publisher.example/feeds/{number}" for number in range(_TOPICS)]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        many = connection.executemany
        many(
            "INSERT INTO topics (id, identity, url, registered, head) VALUES (?, ?, ?, 1, ?)",
            ((number + 1, url_identity(url), url, 2 if number == 0 else 1) for number, url in enumerate(urls)),
        )
        many(
            "INSERT INTO subscriptions (id, topic_id, identity, callback, host, lease_seconds, requested_at, "
            "expires_at, callback_host) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            _subscriptions(now),
        )
        many(
            "INSERT INTO positions (subscription_id, position) VALUES (?, ?)",
            (
                (number + 1, (1 if number < _WAITING else 2) if number < _OF_THE_LARGEST else 1)
                for number in range(_SUBSCRIPTIONS)
            ),
        )
        many(
            "INSERT INTO retries (subscription_id, sequence, attempts, due_at, attempted_at, firm, reason) "
            "VALUES (?, 2, 3, ?, ?, 1, 'answered 503')",
            ((number + 1, now + _DAY, now) for number in range(_WAITING)),
        )
        updates = [(number + 1, number + 1, 1, f"message-{number}", now) for number in range(_TOPICS)]
        updates.append((_TOPICS + 1, 1, 2, _MESSAGE, now))
        many(
            "INSERT INTO updates (id, topic_id, sequence, message_id, content_type, hubs, published_at, content) "
            "VALUES (?, ?, ?, ?, 'text/plain', '[]', ?, zeroblob(1024))",
            updates,
        )
        many(
            "INSERT INTO messages (number, publisher, size, recipients, delivered, dead, newest_subscription) "
            "VALUES (?, '', 1024, ?, ?, ?, ?)",
            (
                (number, _OF_THE_LARGEST, _OF_THE_LARGEST - _LETTERS - _WAITING, _LETTERS, _SUBSCRIPTIONS)
                if number == _TOPICS + 1
                else (number, 5, 5, 0, _SUBSCRIPTIONS)
                for number in range(1, _TOPICS + 2)
            ),
        )
        keys = [host_key(authority_of(_callback(number))) for number in range(_HOSTS)]
        many(
            "INSERT INTO dead_letters (topic_id, identity, callback, sequence, attempts, reason, died_at, host) "
            "VALUES (1, ?, ?, 2, 12, ?, ?, ?)",
            (
                (url_identity(callback), callback, f"answered {500 + number % 3}", now, keys[number % _HOSTS])
                for number in range(_WAITING, _WAITING + _LETTERS)
                for callback in (_callback(number),)
            ),
        )
        many(
            "INSERT INTO attempts (topic_id, message_id, callback, callback_key, host, attempt, attempted_at, status, "
            "milliseconds, outcome, reason, answer) "
            "VALUES (1, ?, ?, ?, ?, 12, ?, 500, 17, 'dead', 'answered 500', zeroblob(256))",
            (
                (_MESSAGE, _callback(number), number, keys[number % _HOSTS], now)
                for number in range(_WAITING, _WAITING + _ATTEMPTS)
            ),
        )
        connection.execute("COMMIT")


def _signed_in(hub: Served) -> httpx.Client:
    client = httpx.Client(base_url=hub.base, timeout=120, headers={"Authorization": f"Bearer {ADMIN}"})
    own = {"Origin": hub.base, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/sign-in", data={"token": ADMIN}, headers=own).status_code == 303
    return client


def _milliseconds(client: httpx.Client, path: str, rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = client.get(path)
        taken.append((time.perf_counter() - began) * 1_000)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
    return median(taken)


def _watch(hub: Served, cookies: httpx.Cookies, until: float) -> None:
    """Do what a browser does that is left open: follow the live tail, and look at the overview again."""
    with httpx.Client(base_url=hub.base, timeout=120, cookies=cookies) as client:

        def follow() -> None:
            with client.stream("GET", "/live/stream") as stream:
                assert stream.status_code == 200
                for _ in stream.iter_raw():
                    if time.monotonic() > until:
                        return

        following = threading.Thread(target=follow, daemon=True)
        following.start()
        while time.monotonic() < until:
            client.get("/")
            time.sleep(1)
        following.join(60)


def _growth(hub: Served, client: httpx.Client) -> float:
    """How many MiB the hub has more at most while browsers are open, and something happens."""
    before = resident_bytes(hub.process.pid)
    until = time.monotonic() + _LIVE_SECONDS
    browsers = [
        threading.Thread(target=_watch, args=(hub, client.cookies, until), daemon=True) for _ in range(_BROWSERS)
    ]
    for browser in browsers:
        browser.start()
    most = before
    while any(browser.is_alive() for browser in browsers):
        url = f"/hub?hub.mode=publish&hub.topic={quote('https://publisher.example/nobody', safe='')}"
        client.post(url, content=b"x", headers={"Content-Type": "text/plain"})
        most = max(most, resident_bytes(hub.process.pid))
        time.sleep(0.1)
    return (most - before) / _MIB


def _measured(hub: Served, rounds: int) -> Sequence[tuple[str, float]]:
    with closing(_signed_in(hub)) as client:
        for path in (*_PAGES, *_LISTS):
            client.get(path)  # templates are compiled when they are first used
        taken = [(path, _milliseconds(client, path, rounds)) for path in (*_PAGES, *_LISTS)]
        return [*taken, (f"MiB more with {_BROWSERS} browsers", _growth(hub, client))]


def _dashboard(rounds: int) -> Table:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        anyio.run(_create, folder / "hub.db")
        _fill(folder / "hub.db")
        with served(
            folder, "--log-level", "error", "--message-days", "3650", "--max-message-bytes", "1000000000"
        ) as hub:
            taken = _measured(hub, rounds)
    shown = [(path.replace(_BIG, "BIG").replace(_ID, "ID"), value) for path, value in taken]
    return Table(
        ("ms",),
        [(path[:42], f"{value:.1f}") for path, value in shown],
        [value for _, value in shown],
        "ms until a page is there",
    )


BENCHMARKS = (
    Reading(
        "dashboard",
        "Pages and lists of a hub with 100,000 topics, 1,000,000 subscriptions and 200,000 dead letters.",
        _dashboard,
    ),
)
