"""What operators look for in a store: some of many subscriptions, topics, dead letters and verifications."""

from itertools import count

import attrs
import pytest

from tests.standalone.adapters.conftest import Hub
from websubhub.standalone.ports import EVERY_DELIVERY, DeliveryFilter, FailingDelivery, Mode, PendingVerification, Topic

TOPICS = "https://topic.example/a", "https://topic.example/b"
CALLBACKS = "https://one.example/1", "https://one.example/2", "https://two.example:8443/1"


async def _subscribe_all(hub: Hub) -> None:
    for topic in TOPICS:
        for callback in CALLBACKS:
            await hub.subscribe(callback, topic)


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ({}, [(topic, callback) for topic in TOPICS for callback in CALLBACKS]),
        ({"topic": TOPICS[1]}, [(TOPICS[1], callback) for callback in CALLBACKS]),
        ({"host": "one.example"}, [(topic, callback) for topic in TOPICS for callback in CALLBACKS[:2]]),
        ({"host": "two.example:8443"}, [(topic, CALLBACKS[2]) for topic in TOPICS]),
        ({"host": "two.example"}, []),
        ({"host": "one.example", "topic": TOPICS[0]}, [(TOPICS[0], callback) for callback in CALLBACKS[:2]]),
        ({"callback": "https://one.example/%32"}, [(topic, CALLBACKS[1]) for topic in TOPICS]),
        ({"callback": CALLBACKS[1], "topic": TOPICS[0]}, [(TOPICS[0], CALLBACKS[1])]),
        ({"callback": CALLBACKS[1], "host": "two.example:8443"}, []),
        ({"topic": "https://topic.example/unknown"}, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_subscriptions_are_found_by_topic_host_and_callback(
    hub: Hub, only: dict[str, str], expected: list[tuple[str, str]], limit: int
) -> None:
    await _subscribe_all(hub)
    found: list[tuple[str, str]] = []
    while page := await hub.store.subscriptions.page(**only, after=found[-1] if found else None, limit=limit):
        assert len(page) <= limit
        found += [(one.topic, one.callback) for one in page]
    assert sorted(found) == expected
    assert len(set(found)) == len(found)


async def test_topics_are_found_by_a_part_of_their_urls(hub: Hub) -> None:
    for number in range(5):
        await hub.store.topics.save(Topic(url=f"https://{'even' if number % 2 == 0 else 'odd'}.example/{number}"))
    first = await hub.store.topics.page(search="even", limit=2)
    rest = await hub.store.topics.page(search="even", limit=2, after=first[-1].url)
    assert [topic.url[-1] for topic in [*first, *rest]] == ["0", "2", "4"]
    assert await hub.store.topics.page(search="100%") == []


async def test_what_depends_on_a_topic_is_counted_and_keeps_it(hub: Hub) -> None:
    topics = hub.store.topics
    assert await topics.usage(TOPICS[0]) is None
    assert not await topics.remove(TOPICS[0])
    await hub.subscribe(CALLBACKS[0], TOPICS[0])
    await hub.publish(TOPICS[0])
    [delivery] = await hub.claim()
    delivery.dead("answered 500")
    await hub.publish(TOPICS[0])
    usage = await topics.usage(TOPICS[0])
    assert usage is not None
    assert (usage.subscriptions, usage.updates, usage.published_at) == (1, 2, hub.clock())
    assert await hub.store.letters.count(DeliveryFilter(topic=TOPICS[0])) == 1
    assert not await topics.remove(TOPICS[0])
    await hub.store.subscriptions.remove(TOPICS[0], CALLBACKS[0])
    assert not await topics.remove(TOPICS[0])
    await hub.broker.drop(await hub.store.letters.ids())
    assert not await topics.remove(TOPICS[0])
    await hub.store.messages.expire_topic(TOPICS[0])
    await hub.broker.reclaim()
    assert await hub.store.messages.page(topic=TOPICS[0]) == []
    await hub.store.announcements.save(TOPICS[0])
    assert await topics.remove(TOPICS[0])
    assert await topics.get(TOPICS[0]) is None
    assert await hub.store.announcements.get(TOPICS[0]) is None
    await hub.subscribe(CALLBACKS[0], TOPICS[0])
    await hub.publish(TOPICS[0])
    assert len(await hub.claim()) == 1


async def _kill(hub: Hub, reasons: dict[tuple[str, str], str]) -> None:
    """Make a dead letter of each subscription, for this reason."""
    await _subscribe_all(hub)
    for topic in TOPICS:
        await hub.publish(topic)
    while claimed := await hub.claim():
        for delivery in claimed:
            delivery.dead(reasons[delivery.update.topic, delivery.callback], host_failed=False)


REASONS = {
    (topic, callback): f"answered {500 + n % 2}"
    for n, (topic, callback) in enumerate((topic, callback) for topic in TOPICS for callback in CALLBACKS)
}


FILTERS = [
    EVERY_DELIVERY,
    DeliveryFilter(topic=TOPICS[1]),
    DeliveryFilter(host="one.example"),
    DeliveryFilter(host="two.example:8443", topic=TOPICS[0]),
    DeliveryFilter(callback=CALLBACKS[1]),
    DeliveryFilter(callback=CALLBACKS[1], topic=TOPICS[0], reason="answered 501"),
    DeliveryFilter(reason="answered 500"),
    DeliveryFilter(reason="answered 500", host="one.example"),
    DeliveryFilter(reason="answered"),
    DeliveryFilter(topic="https://topic.example/unknown"),
]


def _meant(only: DeliveryFilter) -> set[tuple[str, str]]:
    return {
        (topic, callback)
        for (topic, callback), reason in REASONS.items()
        if only.topic in {None, topic}
        and only.callback in {None, callback}
        and only.reason in {None, reason}
        and (only.host is None or f"//{only.host}/" in callback)
    }


@pytest.mark.parametrize("only", FILTERS, ids=lambda only: str(attrs.asdict(only)))
async def test_dead_letters_are_found_by_what_is_known_of_them(hub: Hub, only: DeliveryFilter) -> None:
    await _kill(hub, REASONS)
    expected = _meant(only)
    letters = hub.store.letters
    assert await letters.count(only) == len(expected)
    found = await letters.page(only)
    assert {(letter.topic, letter.callback) for letter in found} == expected
    ids = [letter.id for letter in found]
    assert ids == sorted(ids) == await letters.ids(only)
    paged: list[int] = []
    while page := await letters.page(only, after=paged[-1] if paged else 0, limit=2):
        paged += [letter.id for letter in page]
    assert paged == ids
    assert await letters.known([*ids, 10**9]) == set(ids)


@pytest.mark.parametrize("only", FILTERS, ids=lambda only: str(attrs.asdict(only)))
async def test_failing_deliveries_are_found_by_what_is_known_of_them(hub: Hub, only: DeliveryFilter) -> None:
    await _subscribe_all(hub)
    for topic in TOPICS:
        await hub.publish(topic)
    numbers = count()
    while claimed := await hub.claim():
        for delivery in claimed:
            reason = REASONS[delivery.update.topic, delivery.callback]
            delivery.retry(30 + next(numbers) // 2, reason, host_failed=False)  # two are due at the same time
    found: list[FailingDelivery] = []
    while page := await hub.broker.failing(only, after=found[-1].place if found else None, limit=2):
        assert len(page) <= 2
        found += page
    assert {(one.topic, one.callback) for one in found} == _meant(only)
    assert len(found) == len(_meant(only))
    assert [one.place for one in found] == sorted(one.place for one in found)
    assert found == await hub.broker.failing(only)


async def test_the_update_of_a_dead_letter_can_be_read(hub: Hub) -> None:
    await hub.subscribe(CALLBACKS[0], TOPICS[0])
    message = await hub.publish(TOPICS[0])
    [delivery] = await hub.claim()
    delivery.dead("answered 500")
    [number] = await hub.store.letters.ids()
    update = await hub.store.letters.update(number)
    assert update is not None
    assert (update.id, update.topic, update.content) == (message, TOPICS[0], delivery.update.content)
    assert await hub.store.letters.update(number + 1) is None


async def _pending(hub: Hub, number: int, due_at: float) -> PendingVerification:
    pending = PendingVerification(
        id=f"v{number}",
        mode=Mode.SUBSCRIBE,
        topic=TOPICS[number % 2],
        callback=f"https://one.example/{number}",
        lease_seconds=100,
        due_at=due_at,
    )
    assert await hub.store.verifications.save(pending)
    return pending


async def test_pending_verifications_are_listed_with_what_went_wrong(hub: Hub) -> None:
    verifications = hub.store.verifications
    for number in range(5):
        await _pending(hub, number, hub.clock())
    await verifications.postpone("v3", due_at=hub.clock() + 30, reason="answered 503")
    found: list[PendingVerification] = []
    while page := await verifications.page(after=(found[-1].topic, found[-1].callback) if found else None, limit=2):
        found += page
    assert [one.id for one in found] == ["v0", "v2", "v4", "v1", "v3"]
    [failing] = await verifications.page(failing=True)
    assert (failing.id, failing.reason, failing.attempts) == ("v3", "answered 503", 1)
    assert len(await verifications.page(failing=False)) == 4
    assert await verifications.page(host="other.example") == []
    assert len(await verifications.page(host="one.example", failing=False)) == 4


async def test_a_verification_is_tried_again_at_once_or_dropped(hub: Hub) -> None:
    verifications = hub.store.verifications
    for number in range(3):
        await _pending(hub, number, hub.clock() + 100)
    await verifications.postpone("v1", due_at=hub.clock() + 500, reason="no answer")
    assert await verifications.known(["v0", "v1", "other"]) == {"v0", "v1"}
    assert await verifications.retry(["v1", "v1", "other"]) == 1
    [due] = await verifications.due()
    assert (due.id, due.attempts) == ("v1", 0)
    assert await verifications.drop(["v0", "v1", "other"]) == 2
    assert [one.id for one in await verifications.page()] == ["v2"]


async def test_announcements_are_found_by_topic_and_by_id(hub: Hub) -> None:
    announcements = hub.store.announcements
    await announcements.save(TOPICS[0])
    [one] = await announcements.page()
    assert await announcements.get("https://topic.example/%61") == one
    assert await announcements.get(TOPICS[1]) is None
    assert await announcements.known([one.id, one.id + 1]) == {one.id}
