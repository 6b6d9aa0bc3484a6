"""What every store promises about announcements, and about publishes that name themselves."""

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from tests.standalone.adapters.conftest import Clock, Hub
from websubhub.standalone.adapters.sqlite.file import schema
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.broker import publish_keys
from websubhub.standalone.ports import (
    Announcement,
    AnnouncementState,
    AnnouncementStatistics,
    BacklogFullError,
    FetchedTopic,
    PublishKey,
    Update,
)

TOPIC = "https://topic.example/%7Eme"
SPELLED = "https://topic.example/~me"


async def _one(hub: Hub) -> Announcement:
    [announcement] = await hub.store.announcements.page()
    return announcement


async def test_an_announced_topic_is_due_until_it_is_settled(hub: Hub) -> None:
    announcements = hub.store.announcements
    await announcements.save(TOPIC)
    await announcements.save(SPELLED)
    [due] = await announcements.due()
    assert (due.topic, due.count, due.announced_at, due.state) == (TOPIC, 2, hub.clock(), AnnouncementState.PENDING)
    assert (due.attempts, due.status, due.reason, due.died_at) == (0, None, "", None)
    await announcements.save(TOPIC)
    assert not await announcements.settle(due)
    [due] = await announcements.due()
    assert await announcements.settle(due)
    assert await announcements.due() == []
    assert not await announcements.settle(due)


async def test_a_number_is_not_used_again(hub: Hub) -> None:
    announcements = hub.store.announcements
    await announcements.save(TOPIC)
    old = await _one(hub)
    await announcements.drop([old.id])
    await announcements.save(TOPIC)
    assert (await _one(hub)).id != old.id
    assert not await announcements.settle(old), "it was about another announcement"


async def test_the_longest_due_come_first(hub: Hub) -> None:
    announcements = hub.store.announcements
    for topic in ("https://a.example/", "https://b.example/", "https://c.example/"):
        await announcements.save(topic)
        hub.clock.now += 1
    first, *_ = await announcements.due()
    await announcements.retry(first, 10, "No.")
    assert [one.topic for one in await announcements.due()] == ["https://b.example/", "https://c.example/"]
    hub.clock.now += 10
    assert [one.topic for one in await announcements.due(limit=2)] == ["https://b.example/", "https://c.example/"]
    assert [one.topic for one in await announcements.due()][-1] == "https://a.example/"


async def test_those_of_some_hosts_are_found_behind_all_others(hub: Hub) -> None:
    announcements = hub.store.announcements
    for host in "abcd":
        await announcements.save(f"https://{host}.example/")
        hub.clock.now += 1
    assert [one.topic for one in await announcements.due(among=["d.example", "c.example"], limit=1)] == [
        "https://c.example/"
    ]
    found = await announcements.due(among=["d.example", "c.example"], besides=["c.example"])
    assert [one.topic for one in found] == ["https://d.example/"]
    assert await announcements.due(among=()) == []


async def test_a_failure_is_kept_with_its_answer_and_its_time(hub: Hub) -> None:
    announcements = hub.store.announcements
    await announcements.save(TOPIC)
    assert await announcements.retry(await _one(hub), 10, "It answered 503.", status=503, firm=60)
    failing = await _one(hub)
    assert (failing.state, failing.attempts) == (AnnouncementState.FAILING, 1)
    assert (failing.due_at, failing.status, failing.reason) == (hub.clock() + 60, 503, "It answered 503.")
    assert await announcements.dead(failing, "It is gone.", status=410)
    dead = await _one(hub)
    assert (dead.state, dead.attempts, dead.died_at) == (AnnouncementState.DEAD, 2, hub.clock())
    hub.clock.now += 10**6
    assert await announcements.due() == []


async def test_a_fetch_that_was_overtaken_is_no_attempt(hub: Hub) -> None:
    announcements = hub.store.announcements
    await announcements.save(TOPIC)
    begun = await _one(hub)
    await announcements.save(TOPIC)
    assert not await announcements.retry(begun, 100, "It failed.", status=500)
    [due] = await announcements.due()
    assert (due.attempts, due.status, due.reason) == (0, 500, "It failed.")
    await announcements.save(TOPIC)
    assert not await announcements.dead(due, "It is gone.", status=410)
    assert (await _one(hub)).state is AnnouncementState.PENDING
    assert not await announcements.retry(due, 5, "Wait.", status=503, firm=60)
    assert await announcements.due() == [], "what the topic asked for holds for the newer one, too"


async def test_they_are_counted_and_listed_by_state(hub: Hub) -> None:
    announcements = hub.store.announcements
    assert await announcements.statistics() == AnnouncementStatistics(
        pending=0, failing=0, dead=0, oldest_announced_at=None
    )
    for number in range(6):
        await announcements.save(f"https://topic.example/{number}")
        hub.clock.now += 1
    first, second, third, *_ = await announcements.page()
    await announcements.dead(first, "It is dead.")
    await announcements.retry(second, 5, "It fails.")
    await announcements.retry(third, 5, "It fails.")
    assert await announcements.statistics() == AnnouncementStatistics(
        pending=3, failing=2, dead=1, oldest_announced_at=hub.clock() - 5
    )
    for state, numbers in {
        AnnouncementState.DEAD: "0",
        AnnouncementState.FAILING: "12",
        AnnouncementState.PENDING: "345",
        None: "012345",
    }.items():
        assert [one.topic[-1] for one in await announcements.page(state=state)] == list(numbers)
    assert [one.topic[-1] for one in await announcements.page(after=third.id, limit=2)] == ["3", "4"]


async def test_old_dead_ones_are_dropped(hub: Hub) -> None:
    announcements = hub.store.announcements
    for topic in ("https://a.example/", "https://b.example/", "https://c.example/"):
        await announcements.save(topic)
    one, other, _ = await announcements.page()
    await announcements.dead(one, "It is dead.")
    hub.clock.now += 100
    await announcements.dead(other, "It is dead.")
    assert await announcements.drop_dead(hub.clock()) == 1
    assert [one.topic for one in await announcements.page()] == ["https://b.example/", "https://c.example/"]


# --- publishes that name themselves -----------------------------------------------------------------------------------


def _update(identity: str = "m", topic: str = TOPIC, content: bytes = b"content") -> Update:
    return Update(id=identity, topic=topic, content=content, content_type="text/plain", published_at=0)


KEY = PublishKey(publisher="p", id="m")


async def test_what_is_published_again_under_its_key_is_accepted_once(hub: Hub) -> None:
    await hub.subscribe(topic=TOPIC)
    assert (await hub.broker.publish(_update(), KEY)).id == "m"
    assert (await hub.broker.publish(_update("other", SPELLED, b"something else"), KEY)).id == "m"
    [delivery] = await hub.claim()
    assert (delivery.update.id, delivery.update.content) == ("m", b"content")
    delivery.done()
    assert await hub.claim() == []
    assert (await hub.broker.publish(_update(), KEY)).id == "m"
    assert await hub.claim() == []


@pytest.mark.parametrize(
    ("key", "topic"),
    [
        (None, TOPIC),
        (PublishKey(publisher="q", id="m"), TOPIC),
        (PublishKey(publisher="p", id="n"), TOPIC),
        (KEY, "https://topic.example/other"),
    ],
)
async def test_another_publisher_id_or_topic_is_another_publish(hub: Hub, key: PublishKey | None, topic: str) -> None:
    await hub.subscribe(topic=TOPIC)
    await hub.subscribe(topic="https://topic.example/other")
    await hub.broker.publish(_update(), KEY)
    assert (await hub.broker.publish(_update("m2", topic), key)).id == "m2"
    assert (await hub.broker.publish(_update("m3", topic), key)).id == ("m3" if key is None else "m2")
    ids = {identity for _ in range(3) for identity in await hub.claim_ids()}
    assert ids == {"m", "m2"} | ({"m3"} if key is None else set())


async def test_the_id_of_another_publisher_is_not_used_twice(hub: Hub) -> None:
    await hub.subscribe(topic=TOPIC)
    accepted = []
    for publisher in ("p", "q", "r"):
        key = PublishKey(publisher=publisher, id="m")
        accepted += [(await hub.broker.publish(_update(), key)).id for _ in range(2)]
    assert accepted[::2] == accepted[1::2]
    assert accepted[0] == "m"
    assert [identity for _ in range(3) for identity in await hub.claim_ids()] == accepted[::2]
    assert len(set(accepted)) == 3


async def test_of_many_at_once_one_is_accepted(hub: Hub) -> None:
    await hub.subscribe(topic=TOPIC)
    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(hub.broker.publish, _update(f"m{number}"), KEY)
    assert len(await hub.claim_ids()) == 1
    assert await hub.claim() == []


async def test_a_key_holds_for_a_day(hub: Hub) -> None:
    await hub.subscribe(topic=TOPIC)
    await hub.broker.publish(_update(), KEY)
    hub.clock.now += publish_keys.WINDOW_SECONDS - 1
    await hub.store.subscriptions.end_expired()
    await hub.subscribe(topic=TOPIC)
    assert (await hub.broker.publish(_update("late"), KEY)).id == "m"
    hub.clock.now += 1
    assert (await hub.broker.publish(_update("later"), KEY)).id == "later"
    assert (await hub.broker.publish(_update("latest"), KEY)).id == "later"


async def test_a_publish_that_was_refused_may_come_again(hub: Hub) -> None:
    await hub.subscribe()
    for _ in range(20):
        await hub.publish()
    key = PublishKey(publisher="", id="m")
    with pytest.raises(BacklogFullError):
        await hub.broker.publish(_update(topic="https://topic.example/"), key)
    for _ in range(20):
        await hub.claim_ids()
    assert (await hub.broker.publish(_update(topic="https://topic.example/"), key)).id == "m"
    assert await hub.claim_ids() == ["m"]


async def test_a_publish_that_nobody_wanted_is_remembered_as_well(hub: Hub) -> None:
    assert (await hub.broker.publish(_update(), KEY)).id == "m"
    await hub.subscribe(topic=TOPIC)
    assert (await hub.broker.publish(_update("again"), KEY)).id == "m"
    assert await hub.claim() == []


async def test_keys_are_bounded(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish_keys, "KEYS_LIMIT", 10)
    for number in range(25):
        await hub.broker.publish(_update(f"m{number}"), PublishKey(publisher="", id=str(number)))
    again = [
        (await hub.broker.publish(_update("x"), PublishKey(publisher="", id=str(number)))).id for number in (24, 15)
    ]
    assert again == ["m24", "m15"]
    assert (await hub.broker.publish(_update("x"), PublishKey(publisher="", id="14"))).id == "x"


async def test_keys_that_are_too_old_go_with_new_ones(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "hub.db"
    async with SqliteStore(str(path), clock=clock) as store:
        for number in range(100):
            await store.broker.publish(_update(), PublishKey(publisher="", id=str(number)))
        clock.now += publish_keys.WINDOW_SECONDS
        for number in range(6):
            await store.broker.publish(_update(), PublishKey(publisher="", id=f"new{number}"))
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("SELECT count(*) FROM accepted_keys").fetchone() == (6,)


async def test_keys_and_announcements_survive_a_restart(tmp_path: Path, clock: Clock) -> None:
    path = str(tmp_path / "hub.db")
    async with SqliteStore(path, clock=clock) as store:
        await store.broker.publish(_update(), KEY)
        await store.announcements.save(TOPIC)
        [pending] = await store.announcements.due()
        await store.announcements.retry(pending, 50, "It fails.", status=500)
        before = await store.announcements.page()
    async with SqliteStore(path, clock=clock) as store:
        assert await store.announcements.page() == before
        assert (await store.broker.publish(_update("again"), KEY)).id == "m"


async def test_a_database_of_the_version_before_is_taken_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "hub.db"
    digest, message_id = "d" * 64, "i" * 32
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(f"BEGIN; {schema.MIGRATIONS[0]}; PRAGMA user_version = 1; COMMIT;")
        fetched = f'["e", null, "{digest}-{message_id}", ["", "https://hub.example/"], ["1", "2"]]'
        connection.executescript(
            f"""
            INSERT INTO topics (id, identity, url, head, fetched) VALUES (1, '{SPELLED}', '{TOPIC}', 2, '{fetched}');
            INSERT INTO topics (id, identity, url, fetched)
                VALUES (2, 'https://b.example/', 'https://b.example/', '[null, null, "", [], []]');
            INSERT INTO topics (id, identity, url) VALUES (3, 'https://c.example/', 'https://c.example/');
            INSERT INTO subscriptions
                VALUES (1, 1, 'https://s.example/', 'https://s.example/', 1, NULL, 1000, 1.0, 9e9);
            INSERT INTO positions VALUES (1, 0);
            INSERT INTO updates VALUES (1, 1, 1, 'fat', 'text/plain', '[]', 1.0, x'31');
            INSERT INTO updates
                VALUES (2, 1, 2, 'thin', 'text/plain', '["https://c.example/", "https://h.example/"]', 1.0, x'32');
            INSERT INTO announcements VALUES (7, '{SPELLED}', '{TOPIC}', 3);
            """  # noqa: S608 - our own words
        )
    async with SqliteStore(str(path), clock=clock) as store:
        assert await store.topics.last_fetch(TOPIC) == FetchedTopic(
            digest=digest, message_id=message_id, hubs=("https://hub.example/",), entries=("1", "2")
        )
        assert await store.topics.last_fetch("https://b.example/") == FetchedTopic()
        assert await store.topics.last_fetch("https://c.example/") is None
        [announcement] = await store.announcements.due()
        assert (announcement.topic, announcement.count) == (TOPIC, 3)
        updates = []
        for _ in range(2):
            [delivery] = await store.broker.claim(1)
            updates.append((delivery.update.id, delivery.update.canonical, delivery.update.hubs))
            delivery.done()
    assert updates == [("fat", None, ()), ("thin", "https://c.example/", ("https://h.example/",))]
