"""What a broker remembers of refusals, also over restarts and from databases of older versions."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.standalone.adapters.conftest import START, Clock, Hub
from websubhub import url_identity
from websubhub.standalone.adapters.sqlite.file.schema import MIGRATIONS
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import Delivery, DeliveryMode, Topic
from websubhub.standalone.schedule.hosts import host_key

TOPIC = "https://topic.example/"
CALLBACK = "https://sub.example/1"


async def claim_one(hub: Hub, *, after: float = 0) -> Delivery:
    hub.clock.now += after
    [delivery] = await hub.claim()
    return delivery


def counts(delivery: Delivery) -> tuple[int, int, bool]:
    return delivery.attempt, delivery.refusals, delivery.turned_away


async def test_refusals_are_counted_beside_the_attempts(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    delivery = await claim_one(hub)
    assert counts(delivery) == (1, 0, False)
    delivery.retry(5, "answered 503")
    delivery = await claim_one(hub, after=5)
    assert counts(delivery) == (2, 0, False)
    delivery.retry(5, "answered 400", refused=True)
    delivery = await claim_one(hub, after=5)
    assert counts(delivery) == (3, 1, False)
    delivery.retry(5, "answered 503")
    [failing] = await hub.broker.failing()
    assert (failing.attempts, failing.refusals, failing.reason) == (3, 1, "answered 503")
    assert counts(await claim_one(hub, after=5)) == (4, 1, False)


async def test_an_update_starts_without_the_refusals_of_the_one_before(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    (await claim_one(hub)).retry(5, "answered 400", refused=True)
    second = await hub.publish()
    (await claim_one(hub, after=5)).dead("answered 400")
    delivery = await claim_one(hub)
    assert (delivery.update.id, counts(delivery)) == (second, (1, 0, False))
    delivery.retry(5, "answered 400", refused=True)
    assert counts(await claim_one(hub, after=5)) == (2, 1, False)


async def test_an_attempt_outside_the_schedule_counts_for_nothing(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    (await claim_one(hub)).retry(600, "answered 400", refused=True)
    await hub.publish()
    early = await claim_one(hub, after=100)
    assert counts(early) == (1, 1, False)
    early.retry(600, "answered 400", refused=True)
    assert counts(await claim_one(hub, after=500)) == (2, 1, False)


@pytest.mark.parametrize("mode", DeliveryMode)
async def test_a_delivery_is_told_that_the_one_before_was_turned_away(hub: Hub, mode: DeliveryMode) -> None:
    await hub.store.topics.save(Topic(url=TOPIC, delivery_mode=mode))
    await hub.subscribe()
    await hub.subscribe("https://sub.example/2")
    await hub.publish()
    first, other = sorted(await hub.claim(), key=lambda delivery: delivery.callback)
    other.dead("timeout", host_failed=False)
    first.dead("answered 404", host_failed=False, turned_away=True)
    await hub.publish()
    for delivery in await hub.claim():
        delivery.retry(5, "answered 404", host_failed=False)
    hub.clock.now += 5
    claimed = {delivery.callback: delivery for delivery in await hub.claim()}
    assert {callback: delivery.turned_away for callback, delivery in claimed.items()} == {
        CALLBACK: True,
        "https://sub.example/2": False,
    }
    for delivery in claimed.values():
        delivery.done()
    await hub.publish()
    for delivery in await hub.claim():
        delivery.retry(5, "answered 404", host_failed=False)
    hub.clock.now += 5
    assert [delivery.turned_away for delivery in await hub.claim()] == [False, False], "one was taken since"


async def test_an_update_that_takes_the_place_of_a_refused_one_starts_anew(hub: Hub) -> None:
    await hub.store.topics.save(Topic(url=TOPIC, delivery_mode=DeliveryMode.LATEST))
    await hub.subscribe()
    await hub.publish()
    (await claim_one(hub)).dead("answered 404", turned_away=True)
    await hub.publish()
    (await claim_one(hub)).retry(5, "answered 404", refused=True)
    last = await hub.publish()
    delivery = await claim_one(hub, after=5)
    assert (delivery.update.id, counts(delivery)) == (last, (1, 0, True))


async def test_a_replayed_dead_letter_has_no_history(hub: Hub) -> None:
    await hub.subscribe()
    await hub.publish()
    (await claim_one(hub)).retry(5, "answered 400", refused=True)
    (await claim_one(hub, after=5)).dead("answered 404", turned_away=True)
    [letter] = await hub.broker.dead_letters()
    assert (letter.attempts, letter.reason) == (2, "answered 404")
    await hub.broker.replay([letter.id])
    replayed = await claim_one(hub)
    assert counts(replayed) == (1, 0, False)
    replayed.dead("answered 404", turned_away=True)
    [letter] = await hub.broker.dead_letters()
    assert letter.attempts == 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


async def test_refusals_survive_restarts(path: Path, clock: Clock) -> None:
    async with SqliteStore(str(path), clock=clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe()
        await hub.publish()
        (await claim_one(hub)).dead("answered 404", turned_away=True)
        await hub.publish()
        (await claim_one(hub)).retry(5, "answered 404", refused=True)
    async with SqliteStore(str(path), clock=clock) as store:
        hub = Hub(store, clock)
        delivery = await claim_one(hub, after=5)
        assert counts(delivery) == (2, 1, True)
        delivery.retry(5, "answered 400", refused=True)
    async with SqliteStore(str(path), clock=clock) as store:
        [failing] = await store.broker.failing()
        assert (failing.attempts, failing.refusals) == (2, 2)
        assert counts(await claim_one(Hub(store, clock), after=5)) == (3, 2, True)


OLD_DATA = """
INSERT INTO topics (id, identity, url, head) VALUES (1, :topic, :topic, 2);
INSERT INTO subscriptions VALUES (7, 1, :callback, :callback, :host, 's3cret', 1000, :now, :now + 1000);
INSERT INTO positions VALUES (7, 1);
INSERT INTO retries VALUES (7, 2, 4, :now + 60, :now - 1, 0, 'answered 503');
INSERT INTO updates VALUES (1, 1, 1, 'message-1', 'text/plain', '[]', :now, x'01');
INSERT INTO updates VALUES (2, 1, 2, 'message-2', 'text/plain', '[]', :now, x'02');
INSERT INTO dead_letters VALUES (1, 1, :callback, :callback, 1, 12, 'answered 500', :now, 0);
INSERT INTO paused_hosts VALUES ('paused.example');
"""


def write_version_1(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0])
    values = {
        "topic": url_identity(TOPIC),
        "callback": url_identity(CALLBACK),
        "host": host_key("sub.example"),
        "now": START,
    }
    for statement in OLD_DATA.strip().splitlines():
        names = {name: value for name, value in values.items() if f":{name}" in statement}
        connection.execute(statement, names)
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()


async def test_a_database_of_version_1_keeps_what_it_holds(path: Path, clock: Clock) -> None:
    write_version_1(path)
    for _ in range(2):
        async with SqliteStore(str(path), clock=clock) as store:
            assert [topic.url for topic in await store.topics.page()] == [TOPIC]
            [letter] = await store.broker.dead_letters()
            assert (letter.message_id, letter.attempts, letter.reason) == ("message-1", 12, "answered 500")
            [failing] = await store.broker.failing()
            assert (failing.attempts, failing.refusals, failing.due_at) == (4, 0, START + 60)
            assert [state.host for state in await store.broker.hosts()] == ["paused.example"]
    async with SqliteStore(str(path), clock=clock) as store:
        hub = Hub(store, clock)
        assert await hub.claim() == []
        delivery = await claim_one(hub, after=60)
        assert (delivery.update.id, delivery.secret, counts(delivery)) == ("message-2", "s3cret", (5, 0, False))
        delivery.dead("answered 404", turned_away=True)
        await hub.subscribe("https://sub.example/new")
        await hub.publish()
        assert len(await hub.claim()) == 2
    with closing(sqlite3.connect(path)) as connection, connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert version == len(MIGRATIONS)
