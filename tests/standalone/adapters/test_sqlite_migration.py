"""A database that an older version has written is taken over with everything in it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.standalone.adapters.conftest import START, Clock, Hub
from websubhub.standalone.adapters.sqlite.file.schema import MIGRATIONS
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.clock import HubClock
from websubhub.standalone.ports import DeadLetter, HostState, Mode
from websubhub.standalone.schedule.hosts import host_key

TOPIC = "https://topic.example/"
SPELLED = {
    1: ("https://victim.example/1", "victim.example"),
    2: ("https://victim.example:0443/2", "victim.example:0443"),
    3: ("https://Victim.example./3", "victim.example."),
    4: ("https://other.example:8443/4", "other.example:8443"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of version 1 with a row in every table, its hosts named as that version named them."""
    path = tmp_path / "hub.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(f"BEGIN; {MIGRATIONS[0]}; PRAGMA user_version = 1; COMMIT;")
        connection.execute(
            "INSERT INTO topics (id, identity, url, head, fetched) VALUES (1, ?, ?, 2, NULL)", (TOPIC, TOPIC)
        )
        for number, (callback, host) in SPELLED.items():
            values = (number, callback, callback, host_key(host), START - 10, START + 990)
            connection.execute(
                "INSERT INTO subscriptions (id, topic_id, identity, callback, host, secret, lease_seconds, "
                "requested_at, expires_at) VALUES (?, 1, ?, ?, ?, 's3cret', 1000, ?, ?)",
                values,
            )
            connection.execute("INSERT INTO positions VALUES (?, 1)", (number,))
        connection.execute(
            "INSERT INTO updates (id, topic_id, sequence, message_id, content_type, links, published_at, content) "
            "VALUES (1, 1, 2, 'message-2', 'text/plain', '[]', ?, x'00')",
            (START - 5,),
        )
        connection.execute(
            "INSERT INTO retries (subscription_id, sequence, attempts, due_at, attempted_at, firm, reason) "
            "VALUES (4, 2, 3, ?, ?, 1, 'answered 503')",
            (START + 100, START - 1),
        )
        connection.execute(
            "INSERT INTO dead_letters (topic_id, identity, callback, sequence, attempts, reason, died_at) "
            "VALUES (1, ?, ?, 2, 12, 'no answer', ?)",
            (SPELLED[1][0], SPELLED[1][0], START - 3),
        )
        connection.execute(
            "INSERT INTO verifications VALUES (?, 'https://new.example/', 'v1', 'subscribe', ?, "
            "'https://new.example/', NULL, 600, 1, ?)",
            (TOPIC, TOPIC, START - 1),
        )
        connection.execute("INSERT INTO announcements (identity, topic, count) VALUES (?, ?, 2)", (TOPIC, TOPIC))
        connection.executemany("INSERT INTO paused_hosts VALUES (?)", [("victim.example.",), ("victim.example:443",)])
    connection.close()
    return path


async def test_a_database_of_version_1_is_taken_over_with_all_that_is_in_it(path: Path, clock: Clock) -> None:
    async with SqliteStore(str(path), clock=clock) as store:
        hub = Hub(store, clock)
        assert [one.callback for one in await store.subscriptions.page()] == sorted(
            each[0] for each in SPELLED.values()
        )
        [verification] = await store.verifications.due()
        assert (verification.id, verification.mode, verification.attempts) == ("v1", Mode.SUBSCRIBE, 1)
        [announcement] = await store.announcements.due()
        assert (announcement.topic, announcement.count) == (TOPIC, 2)
        [letter] = await store.broker.dead_letters()
        assert isinstance(letter, DeadLetter)
        assert (letter.attempts, letter.message_id) == (12, "message-2")
        assert await hub.claim() == [], "one host is paused, under every name, and the other waits"
        assert [(host.host, host.paused) for host in await store.broker.hosts() if host.paused] == [
            ("victim.example", True)
        ]
        await store.broker.resume_host("VICTIM.example:443")
        claimed = await hub.claim()
        assert sorted(delivery.callback for delivery in claimed) == [SPELLED[number][0] for number in (3, 1, 2)]
        assert await store.broker.hosts() == [HostState(host="victim.example", in_flight=3)]
        for delivery in claimed:
            delivery.done()
        clock.now += 101
        [retried] = await hub.claim()
        assert (retried.callback, retried.attempt) == (SPELLED[4][0], 4)


async def test_what_was_taken_over_once_is_not_touched_again(path: Path, clock: Clock) -> None:
    for _ in range(2):
        async with SqliteStore(str(path), clock=clock) as store:
            assert len(await store.subscriptions.page()) == 4
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        hosts = connection.execute("SELECT DISTINCT host FROM subscriptions").fetchall()
        assert connection.execute("SELECT host FROM paused_hosts").fetchall() == [("victim.example",)]
    connection.close()
    assert {host for (host,) in hosts} == {host_key("victim.example"), host_key("other.example:8443")}


async def test_the_times_of_version_1_are_those_of_the_wall_clock(path: Path) -> None:
    clock = HubClock(wall=lambda: START, steady=lambda: 100.0, boot=lambda: "a start")
    async with SqliteStore(str(path), clock=clock) as store:
        assert [one.expires_at for one in await store.subscriptions.page()] == [START + 990] * 4
