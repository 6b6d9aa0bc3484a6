"""What became of messages: a row each, every failed attempt, successes as counts, both within limits."""

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from tests.standalone.adapters.conftest import START, Clock, Hub, OpenStore
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.ports import (
    ANSWER_BYTES,
    AttemptDetails,
    AttemptOutcome,
    DeliveryMode,
    Message,
    PublishKey,
    Topic,
    Update,
)
from websubhub.standalone.schedule.limits import DeliveryLimits

TOPIC = "https://topic.example/"
OTHER = "https://other.example/"
DETAILS = AttemptDetails(status=500, seconds=0.25, answer=b"x" * 2_000)
KEPT = DeliveryLimits(per_host=3, failures=3, waiting=200, message_seconds=1_000, message_bytes=100_000)


@pytest.fixture
async def kept(open_store: OpenStore, clock: Clock) -> AsyncIterator[Hub]:
    async with open_store(KEPT) as store:
        yield Hub(store, clock)


def counts(message: Message) -> tuple[int, int, int, int]:
    return message.recipients, message.delivered, message.waiting, message.dead


async def only(hub: Hub, **filters: str) -> Message:
    [message] = await hub.store.messages.page(**filters)  # type: ignore[arg-type]
    return message


async def test_a_message_says_what_it_is_and_how_far_it_got(kept: Hub) -> None:
    for number in range(3):
        await kept.subscribe(f"https://sub{number}.example/")
    published = await kept.broker.publish(
        Update(id="m", topic=TOPIC, content=b"12345", content_type="a/b", published_at=START, publisher="the newsroom")
    )
    assert (published.id, published.recipients, published.repeated) == ("m", 3, False)
    message = await only(kept)
    assert attrs.asdict(message) == {
        "number": message.number, "id": "m", "topic": TOPIC, "publisher": "the newsroom", "content_type": "a/b",
        "size": 5, "published_at": START, "recipients": 3, "delivered": 0, "waiting": 3, "dead": 0,
    }  # fmt: skip
    first, second, third = await kept.claim()
    first.done()
    second.dead("no")
    third.retry(5, "not yet")
    assert counts(await only(kept)) == (3, 1, 1, 1)
    kept.clock.now += 5
    assert await kept.claim_ids() == ["m"]
    assert counts(await only(kept)) == (3, 2, 0, 1)


async def test_a_dead_letter_that_arrives_after_all_is_delivered(kept: Hub) -> None:
    await kept.subscribe()
    await kept.publish()
    [delivery] = await kept.claim()
    delivery.dead("no")
    [letter] = await kept.broker.dead_letters()
    await kept.broker.replay([letter.id])
    [again] = await kept.claim()
    again.retry(5, "still not")
    assert counts(await only(kept)) == (1, 0, 0, 1)
    await kept.broker.replay([letter.id])
    assert len(await kept.claim_ids()) == 1
    assert counts(await only(kept)) == (1, 1, 0, 0)


async def test_who_leaves_is_neither_waiting_nor_delivered(kept: Hub) -> None:
    await kept.subscribe("https://leaves.example/")
    await kept.subscribe("https://gone.example/")
    await kept.publish()
    await kept.subscribe("https://later.example/")
    await kept.store.subscriptions.remove(TOPIC, "https://leaves.example/")
    [delivery] = await kept.claim()
    delivery.gone()
    assert counts(await only(kept)) == (2, 0, 0, 0)


async def test_what_a_newer_update_replaces_waits_no_longer(kept: Hub) -> None:
    await kept.store.topics.save(Topic(url=TOPIC, delivery_mode=DeliveryMode.LATEST))
    await kept.subscribe()
    await kept.publish()
    await kept.publish()
    newer, older = await kept.store.messages.page()
    assert (counts(newer), counts(older)) == ((1, 0, 1, 0), (1, 0, 0, 0))
    await kept.claim_ids()
    newer, older = await kept.store.messages.page()
    assert (counts(newer), counts(older)) == ((1, 1, 0, 0), (1, 0, 0, 0))


async def test_a_backlog_waits_message_by_message(kept: Hub) -> None:
    await kept.subscribe("https://slow.example/")
    ids = [await kept.publish() for _ in range(3)]
    await kept.subscribe("https://fresh.example/")
    ids.append(await kept.publish())
    assert [(message.id, *counts(message)) for message in await kept.store.messages.page()] == [
        (ids[3], 2, 0, 2, 0), (ids[2], 1, 0, 1, 0), (ids[1], 1, 0, 1, 0), (ids[0], 1, 0, 1, 0),
    ]  # fmt: skip
    await kept.claim_ids()
    assert [message.waiting for message in await kept.store.messages.page()] == [1, 1, 1, 0]


async def test_messages_are_read_in_pages_and_by_topic_and_id(kept: Hub) -> None:
    for topic in (TOPIC, OTHER):
        await kept.subscribe(topic=topic)
    ids = [await kept.publish(topic) for topic in (TOPIC, OTHER) * 3]
    found: list[Message] = []
    while page := await kept.store.messages.page(before=found[-1].number if found else None, limit=4):
        found += page
    assert [message.id for message in found] == ids[::-1]
    of_topic = await kept.store.messages.page(topic=TOPIC, limit=2)
    assert [message.id for message in of_topic] == [ids[4], ids[2]]
    rest = await kept.store.messages.page(topic=TOPIC, before=of_topic[-1].number)
    assert [message.id for message in rest] == [ids[0]]
    assert (await only(kept, message_id=ids[3])).topic == OTHER
    assert await kept.store.messages.page(message_id="nobody's") == []
    assert await kept.store.messages.page(topic="https://unknown.example/") == []


async def test_content_is_kept_as_long_as_the_message(kept: Hub) -> None:
    await kept.subscribe()
    await kept.publish()
    await kept.claim_ids()
    assert await kept.broker.reclaim() == 0
    message = await only(kept)
    update = await kept.store.messages.update(message.number)
    assert update is not None
    assert (update.content, update.content_type) == (b"\x00 content 1", 'text/plain; charset="x"')
    assert await kept.store.messages.update(message.number + 1) is None
    kept.clock.now += 1_001
    assert await kept.store.messages.expire() == 1
    assert await kept.broker.reclaim() == 1
    assert await kept.store.messages.page() == []
    assert await kept.store.messages.update(message.number) is None


async def test_what_is_owed_or_dead_stays_whatever_its_age(kept: Hub) -> None:
    for callback in ("https://sub.example/1", "https://sub.example/2"):
        await kept.subscribe(callback)
    await kept.publish()
    dies, waits = await kept.claim()
    dies.dead("no")
    waits.retry(10**6, "later")
    kept.clock.now += 900_000
    await kept.store.messages.expire()
    assert await kept.broker.reclaim() == 0
    assert counts(await only(kept)) == (2, 0, 1, 1)
    await kept.store.subscriptions.remove(TOPIC, waits.callback)
    assert await kept.broker.reclaim() == 0
    [letter] = await kept.broker.dead_letters()
    await kept.broker.drop([letter.id])
    assert await kept.broker.reclaim() == 1
    assert await kept.store.messages.page() == []


async def test_the_oldest_messages_go_when_all_take_too_much(kept: Hub) -> None:
    await kept.subscribe()
    content = b"x" * 10_000
    for number in range(30):
        update = Update(id=f"m{number}", topic=TOPIC, content=content, content_type="a/b", published_at=kept.clock())
        await kept.broker.publish(update)
        await kept.claim_ids()
        await kept.store.messages.expire()
        await kept.broker.reclaim()
    left = await kept.store.messages.page()
    assert [message.id for message in left] == [f"m{number}" for number in range(29, 29 - len(left), -1)]
    assert 8 <= len(left) <= 10


async def test_numbers_that_are_used_again_belong_to_new_messages(kept: Hub) -> None:
    """Once all messages are deleted, numbers may start from the beginning."""
    for _ in range(3):
        await kept.subscribe()
        ids = [await kept.publish() for _ in range(3)]
        for _ in ids:
            await kept.claim_ids()
        assert [message.id for message in await kept.store.messages.page()] == ids[::-1]
        await kept.broker.reclaim()
        assert len(await kept.store.messages.page()) == 3, "they are kept"
        kept.clock.now += 1_001
        await kept.store.messages.expire()
        assert await kept.broker.reclaim() == 3


async def test_failed_attempts_are_kept_with_what_the_callback_answered(kept: Hub) -> None:
    await kept.subscribe("https://sub.example:8443/secret")
    message_id = await kept.publish()
    [delivery] = await kept.claim()
    delivery.retry(5, "answered 500", details=DETAILS)
    kept.clock.now += 5
    [delivery] = await kept.claim()
    delivery.dead("timeout", details=AttemptDetails(seconds=10.0))
    last, first = await kept.store.messages.attempts()
    assert attrs.asdict(first) == {
        "number": first.number, "message_id": message_id, "topic": TOPIC, "callback": "https://sub.example:8443/secret",
        "host": "sub.example:8443", "attempt": 1, "attempted_at": START, "status": 500, "milliseconds": 250,
        "outcome": AttemptOutcome.RETRIED, "reason": "answered 500", "answer": b"x" * ANSWER_BYTES,
    }  # fmt: skip
    assert (last.attempt, last.outcome, last.status, last.milliseconds) == (2, AttemptOutcome.DEAD, 0, 10_000)
    assert last.attempted_at == START + 5
    assert "secret" not in repr(first)


async def test_attempts_are_found_by_message_topic_callback_host_and_outcome(kept: Hub) -> None:
    callbacks = ["https://one.example/a", "https://one.example/b", "https://two.example/a"]
    for callback in callbacks:
        await kept.subscribe(callback)
    await kept.subscribe("https://two.example/a", OTHER)
    first, second = await kept.publish(), await kept.publish(OTHER)
    for delivery in await kept.claim():
        if delivery.callback == callbacks[0]:
            delivery.gone(details=DETAILS)
        else:
            delivery.retry(5, "answered 500", details=DETAILS)
    attempts = kept.store.messages.attempts
    assert len(await attempts()) == 4
    assert {each.callback for each in await attempts(message_id=first)} == set(callbacks)
    assert [each.message_id for each in await attempts(topic=OTHER)] == [second]
    assert {each.topic for each in await attempts(callback=callbacks[2])} == {TOPIC, OTHER}
    assert {each.callback for each in await attempts(host="ONE.example")} == set(callbacks[:2])
    assert [each.callback for each in await attempts(outcome=AttemptOutcome.GONE)] == callbacks[:1]
    assert len(await attempts(topic=TOPIC, host="two.example", outcome=AttemptOutcome.RETRIED)) == 1
    assert await attempts(topic="https://unknown.example/") == []
    assert await attempts(host="no host at all") == []
    pages = [await attempts(limit=3)]
    pages.append(await attempts(before=pages[0][-1].number, limit=3))
    assert [len(page) for page in pages] == [3, 1]
    assert len({each.number for page in pages for each in page}) == 4


async def test_attempts_are_bounded_by_age_and_size(kept: Hub) -> None:
    await kept.subscribe()
    await kept.publish()
    for _ in range(30):
        [delivery] = await kept.claim()
        delivery.retry(1, "answered 500", details=DETAILS)
        kept.clock.now += 1
    await kept.store.messages.expire()
    left = await kept.store.messages.attempts(limit=1_000)
    assert 10 <= len(left) <= 20, "a quarter of 100,000 bytes"
    assert left[0].attempted_at == START + 29
    kept.clock.now += 1_000
    await kept.store.messages.expire()
    assert await kept.store.messages.attempts() == []


async def test_a_message_is_delivered_once_more_to_one_subscription(kept: Hub) -> None:
    await kept.subscribe("https://sub.example/1")
    await kept.subscribe("https://sub.example/2")
    message_id = await kept.publish()
    await kept.claim_ids()
    await kept.broker.reclaim()
    message = await only(kept)
    assert not await kept.store.messages.redeliver(message.number, "https://nobody.example/")
    assert not await kept.store.messages.redeliver(message.number + 1, "https://sub.example/2")
    assert await kept.store.messages.redeliver(message.number, "https://sub.example/2")
    [delivery] = await kept.claim()
    assert (delivery.update.id, delivery.callback) == (message_id, "https://sub.example/2")
    delivery.done()
    assert counts(await only(kept)) == (2, 2, 0, 0), "it was counted already"
    assert await kept.broker.dead_letters() == []


async def test_a_redelivery_that_fails_is_a_dead_letter(kept: Hub) -> None:
    await kept.subscribe()
    message_id = await kept.publish()
    await kept.claim_ids()
    await kept.store.messages.redeliver((await only(kept)).number, "https://sub.example/1")
    [delivery] = await kept.claim()
    delivery.retry(5, "answered 500", details=DETAILS)
    [letter] = await kept.broker.dead_letters()
    assert (letter.message_id, letter.reason, letter.attempts) == (message_id, "answered 500", 1)
    [attempt] = await kept.store.messages.attempts()
    assert attempt.outcome is AttemptOutcome.DEAD


async def test_a_subscription_knows_its_last_success_and_failure(kept: Hub) -> None:
    health = kept.store.messages.health
    assert await health(TOPIC, "https://sub.example/1") is None
    await kept.subscribe()
    await kept.publish()
    before = await health(TOPIC, "https://sub.example/1")
    assert before is not None
    assert (before.waiting, before.last_success_at, before.last_failure) == (1, None, None)
    [delivery] = await kept.claim()
    delivery.retry(5, "answered 500", details=DETAILS)
    kept.clock.now += 5
    await kept.claim_ids()
    await kept.broker.flush()
    kept.clock.now += 5
    await kept.publish()
    [delivery] = await kept.claim()
    delivery.dead("answered 404", details=AttemptDetails(status=404))
    after = await health(TOPIC, "https://sub.example/1")
    assert after is not None
    assert after.last_failure is not None
    assert (after.waiting, after.last_success_at) == (0, START + 5), "what died is no success"
    assert (after.last_failure.status, after.last_failure.attempted_at) == (404, START + 10)


async def test_a_repeated_publish_says_what_the_first_one_did(kept: Hub) -> None:
    await kept.subscribe()
    key = PublishKey(publisher="", id="given")
    update = Update(id="given", topic=TOPIC, content=b"x", content_type="a/b", published_at=START)
    first = await kept.broker.publish(update, key)
    await kept.subscribe("https://another.example/")
    again = await kept.broker.publish(update, key)
    assert (first.recipients, first.repeated) == (1, False)
    assert (again.id, again.recipients, again.repeated) == ("given", 1, True)
    assert len(await kept.store.messages.page()) == 1


async def test_outcomes_that_come_again_are_counted_once(tmp_path: Path, clock: Clock) -> None:
    async with SqliteStore(str(tmp_path / "hub.db"), limits=KEPT, clock=clock) as store:
        hub = Hub(store, clock)
        for number in range(3):
            await hub.subscribe(f"https://sub{number}.example/")
            await hub.subscribe(f"https://sub{number}.example/", OTHER)
        await hub.publish()
        await hub.publish(OTHER)
        desk = store.broker._flusher._desk
        for number, delivery in enumerate(await hub.claim()):
            delivery.dead("no") if number in {0, 5} else delivery.done()
        outcomes = desk.settlements
        await hub.broker.flush()
        before = [counts(message) for message in await store.messages.page()]
        assert sorted(before) == [(3, 2, 0, 1), (3, 2, 0, 1)]
        await store.broker._journal.settle([outcomes])
        assert [counts(message) for message in await store.messages.page()] == before


async def test_messages_outlive_a_restart_with_their_counts(tmp_path: Path, clock: Clock) -> None:
    path = str(tmp_path / "hub.db")
    async with SqliteStore(path, limits=KEPT, clock=clock) as store:
        hub = Hub(store, clock)
        await hub.subscribe("https://sub.example/1")
        await hub.subscribe("https://sub.example/2")
        await hub.publish()
        first, second = await hub.claim()
        first.done()
        second.retry(5, "answered 500", details=DETAILS)
    async with SqliteStore(path, limits=KEPT, clock=clock) as store:
        hub = Hub(store, clock)
        assert counts(await only(hub)) == (2, 1, 1, 0)
        assert len(await store.messages.attempts()) == 1
        clock.now += 6
        await hub.claim_ids()
        clock.now += 1_000
        await store.messages.expire()
        assert await store.broker.reclaim() == 1
        assert await store.messages.attempts() == []


async def test_the_messages_of_one_topic_expire_at_once_but_what_is_owed_stays(kept: Hub) -> None:
    await kept.subscribe("https://sub.example/", TOPIC)
    await kept.subscribe("https://sub.example/", OTHER)
    for _ in range(2):
        await kept.publish(TOPIC)
        await kept.publish(OTHER)
    for delivery in await kept.claim():
        delivery.done()
    await kept.broker.flush()
    await kept.store.messages.expire_topic(TOPIC)
    await kept.store.messages.expire_topic("https://unknown.example/")
    await kept.broker.reclaim()
    assert [counts(message) for message in await kept.store.messages.page(topic=TOPIC)] == [(1, 0, 1, 0)]
    assert len(await kept.store.messages.page(topic=OTHER)) == 2
    # What was deleted counts no longer, so nothing else has to go for its sake.
    assert await kept.store.messages.expire() == 0
    await kept.broker.reclaim()
    assert len(await kept.store.messages.page(topic=OTHER)) == 2
