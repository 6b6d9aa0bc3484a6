"""What every store promises about topics, subscriptions and pending verifications."""

import pytest
from attrs import evolve

from tests.standalone.adapters.conftest import Hub
from websubhub.standalone.ports import (
    DeliveryMode,
    FetchedTopic,
    Mode,
    PendingVerification,
    Saved,
    StoredSubscription,
    Topic,
)

TOPIC = "https://topic.example/~a"
SPELLED = "https://topic.example/%7Ea"
CALLBACK = "https://sub.example/cb"


async def test_a_topic_is_kept_with_its_options(hub: Hub) -> None:
    topics = hub.store.topics
    assert await topics.get(TOPIC) is None
    topic = Topic(url=TOPIC, registered=True, delivery_mode=DeliveryMode.LATEST, feed_diff=True)
    await topics.save(topic)
    assert await topics.get(TOPIC) == topic
    await topics.save(evolve(topic, feed_diff=False))
    assert await topics.get(SPELLED) == evolve(topic, feed_diff=False)


async def test_options_of_a_known_topic_are_set_one_by_one(hub: Hub) -> None:
    topics = hub.store.topics
    plain, special = (
        Topic(url=TOPIC),
        Topic(url=SPELLED, registered=True, delivery_mode=DeliveryMode.LATEST, feed_diff=True),
    )
    assert await topics.save(plain, options=()) == plain  # an unknown topic is added as it is
    assert await topics.save(special, options=()) == plain
    assert await topics.save(special, options=("registered",)) == evolve(plain, registered=True)
    assert await topics.save(special, options=("feed_diff", "delivery_mode")) == evolve(special, url=TOPIC)
    assert await topics.save(plain, options=("registered",)) == evolve(special, url=TOPIC, registered=False)
    assert await topics.get(TOPIC) == evolve(special, url=TOPIC, registered=False)


async def test_topics_come_in_pages(hub: Hub) -> None:
    urls = [f"https://topic.example/{number}" for number in range(5)]
    for url in reversed(urls):
        await hub.store.topics.save(Topic(url=url))
    first = await hub.store.topics.page(limit=3)
    rest = await hub.store.topics.page(after=first[-1].url, limit=3)
    assert [topic.url for topic in first + rest] == urls


async def test_a_deregistered_topic_keeps_its_subscriptions(hub: Hub) -> None:
    await hub.store.topics.save(Topic(url=TOPIC, registered=True))
    await hub.subscribe(CALLBACK, TOPIC)
    assert await hub.store.topics.deregister(SPELLED)
    assert not await hub.store.topics.deregister(TOPIC)
    topic = await hub.store.topics.get(TOPIC)
    assert topic is not None
    assert not topic.registered
    assert await hub.store.subscriptions.get(TOPIC, CALLBACK) is not None


async def test_a_subscription_brings_its_topic_in_unregistered(hub: Hub) -> None:
    await hub.subscribe(CALLBACK, TOPIC)
    assert await hub.store.topics.get(TOPIC) == Topic(url=TOPIC)


async def test_the_last_fetch_is_remembered(hub: Hub) -> None:
    assert await hub.store.topics.last_fetch(TOPIC) is None
    fetch = FetchedTopic(
        etag='"x"',
        found_at="https://topic.example/found",
        digest="abc",
        message_id="m1",
        canonical="https://topic.example/canonical",
        hubs=("https://hub.example/",),
        entries=("1", "2"),
    )
    await hub.store.topics.save_fetch(TOPIC, fetch)
    assert await hub.store.topics.last_fetch(SPELLED) == fetch
    await hub.store.topics.save_fetch(SPELLED, FetchedTopic(last_modified="Sat, 01 Jan 2000 00:00:00 GMT"))
    fetched = await hub.store.topics.last_fetch(TOPIC)
    assert fetched is not None
    assert fetched.last_modified == "Sat, 01 Jan 2000 00:00:00 GMT"
    assert await hub.store.topics.page() == [Topic(url=TOPIC)]


async def test_a_subscription_is_replaced_by_the_next_of_its_topic_and_callback(hub: Hub) -> None:
    subscriptions = hub.store.subscriptions
    first = StoredSubscription(topic=TOPIC, callback=CALLBACK, secret="one", lease_seconds=10, requested_at=hub.clock())
    second = evolve(first, topic=SPELLED, callback="https://sub.example/%63b", secret=None, lease_seconds=20)
    assert await subscriptions.save(first)
    assert await subscriptions.get(SPELLED, "https://sub.example/%63b") == first
    assert await subscriptions.save(second)
    assert await subscriptions.page() == [evolve(second, topic=TOPIC)]


async def test_subscriptions_come_in_pages_of_all_or_of_one_topic(hub: Hub) -> None:
    for topic in ("https://topic.example/a", "https://topic.example/b"):
        for number in range(3):
            await hub.subscribe(f"https://sub.example/{number}", topic)
    pages, after = [], None
    while page := await hub.store.subscriptions.page(after=after, limit=4):
        pages.append(page)
        after = page[-1].topic, page[-1].callback
    assert [len(page) for page in pages] == [4, 2]
    assert len({(found.topic, found.callback) for page in pages for found in page}) == 6
    of_b = await hub.store.subscriptions.page(topic="https://topic.example/b")
    assert [found.callback for found in of_b] == [f"https://sub.example/{number}" for number in range(3)]


async def test_a_removed_subscription_is_gone(hub: Hub) -> None:
    await hub.subscribe(CALLBACK, TOPIC)
    assert await hub.store.subscriptions.remove(SPELLED, CALLBACK)
    assert await hub.store.subscriptions.get(TOPIC, CALLBACK) is None
    assert not await hub.store.subscriptions.remove(TOPIC, CALLBACK)
    assert not await hub.store.subscriptions.remove("https://unknown.example/", CALLBACK)


async def test_the_end_of_a_lease_ends_the_subscription(hub: Hub) -> None:
    await hub.subscribe("https://sub.example/1", TOPIC)
    hub.clock.now += 1
    await hub.subscribe("https://sub.example/2", TOPIC)
    hub.clock.now += 999
    assert await hub.store.subscriptions.get(TOPIC, "https://sub.example/1") is None
    assert await hub.store.subscriptions.get(TOPIC, "https://sub.example/2") is not None
    [ended] = await hub.store.subscriptions.end_expired()
    assert ended.callback == "https://sub.example/1"
    assert await hub.store.subscriptions.end_expired() == []
    hub.clock.now += 1
    assert len(await hub.store.subscriptions.end_expired()) == 1
    assert (await hub.broker.statistics()).subscriptions == 0


def pending(name: str, mode: Mode = Mode.SUBSCRIBE, *, due_at: float = 0.0) -> PendingVerification:
    return PendingVerification(
        id=name, mode=mode, topic=TOPIC, callback=CALLBACK, secret="s", lease_seconds=99, due_at=due_at
    )


async def test_a_newer_request_replaces_an_older_one(hub: Hub) -> None:
    verifications = hub.store.verifications
    await verifications.save(pending("older"))
    newer = evolve(pending("newer", Mode.UNSUBSCRIBE), topic=SPELLED)
    await verifications.save(newer)
    assert await verifications.get(TOPIC, CALLBACK) == newer
    assert await verifications.count() == 1
    assert not await verifications.postpone("older", due_at=5)
    assert not await verifications.remove("older")
    assert await verifications.remove("newer")
    assert await verifications.get(TOPIC, CALLBACK) is None


async def test_verifications_are_due_in_their_order_and_can_be_postponed(hub: Hub) -> None:
    verifications, now = hub.store.verifications, hub.clock()
    for number, due_at in enumerate([now + 1, now - 1, now]):
        await verifications.save(evolve(pending(f"v{number}", due_at=due_at), callback=f"https://sub.example/{number}"))
    assert [found.id for found in await verifications.due()] == ["v1", "v2"]
    assert [found.id for found in await verifications.due(limit=1)] == ["v1"]
    assert await verifications.postpone("v1", due_at=now + 30)
    assert [found.id for found in await verifications.due()] == ["v2"]
    hub.clock.now += 30
    [postponed] = [found for found in await verifications.due() if found.id == "v1"]
    assert (postponed.attempts, postponed.due_at) == (1, now + 30)


async def test_those_of_some_accounts_are_found_behind_all_others(hub: Hub) -> None:
    verifications, now = hub.store.verifications, hub.clock()
    await hub.store.subscriptions.save(
        StoredSubscription(topic=TOPIC, callback="https://a.example/known", lease_seconds=99, requested_at=now)
    )
    for name, callback in (("a", "a.example/"), ("b", "b.example/"), ("c", "c.example/"), ("known", "a.example/known")):
        await verifications.save(evolve(pending(name, due_at=now), callback=f"https://{callback}"))
    accounts = [(False, "b.example"), (False, "c.example"), (True, "a.example")]
    assert [found.id for found in await verifications.due(among=accounts)] == ["known", "b", "c"]
    assert [found.id for found in await verifications.due(among=accounts, besides=accounts[1:])] == ["b"]
    assert [found.id for found in await verifications.due(among=accounts, known=[False], limit=1)] == ["b"]
    assert [found.id for found in await verifications.due(known=[True])] == ["known"]
    assert await verifications.due(among=()) == []
    assert await verifications.due(known=()) == []


async def test_a_verified_request_becomes_a_subscription_in_one_step(hub: Hub) -> None:
    subscription = StoredSubscription(topic=TOPIC, callback=CALLBACK, lease_seconds=99, requested_at=hub.clock())
    await hub.store.verifications.save(pending("v1"))
    assert await hub.store.subscriptions.save(subscription, verification="v1") is Saved.NEW
    assert await hub.store.verifications.count() == 0
    assert await hub.store.subscriptions.get(TOPIC, CALLBACK) == subscription


async def test_saving_says_whether_a_pair_was_subscribed(hub: Hub) -> None:
    subscription = StoredSubscription(topic=TOPIC, callback=CALLBACK, lease_seconds=99, requested_at=hub.clock())
    first = await hub.store.verifications.save(pending("v1"))
    assert first == pending("v1")
    assert not first.known
    assert not first.elsewhere
    assert await hub.store.subscriptions.save(subscription, verification="v1") is Saved.NEW
    again = await hub.store.verifications.save(evolve(pending("v2"), topic=SPELLED))
    assert again is not None
    assert again.known
    later = evolve(subscription, requested_at=hub.clock() + 1)
    assert await hub.store.subscriptions.save(later, verification="v2") is Saved.RENEWED
    hub.clock.now += 101
    third = await hub.store.verifications.save(pending("v3"))
    assert third is not None
    assert not third.known, "the lease is over"
    assert await hub.store.subscriptions.save(subscription, verification="v3") is Saved.NEW


async def test_a_request_that_is_confirmed_counts_although_a_newer_one_waits_behind_it(hub: Hub) -> None:
    subscription = StoredSubscription(topic=TOPIC, callback=CALLBACK, lease_seconds=99, requested_at=hub.clock())
    await hub.store.verifications.save(pending("v1"))
    await hub.store.verifications.save(pending("v2", Mode.UNSUBSCRIBE))
    assert await hub.store.subscriptions.save(subscription, verification="v1")
    assert await hub.store.subscriptions.get(TOPIC, CALLBACK) == subscription
    newest = await hub.store.verifications.get(TOPIC, CALLBACK)
    assert newest is not None
    assert newest.id == "v2"
    await hub.store.verifications.save(evolve(pending("v3"), topic=SPELLED))
    assert await hub.store.subscriptions.remove(TOPIC, CALLBACK, verification="v2")
    assert await hub.store.subscriptions.get(TOPIC, CALLBACK) is None
    assert await hub.store.verifications.count() == 1


async def test_a_request_that_was_withdrawn_changes_nothing(hub: Hub) -> None:
    subscription = StoredSubscription(topic=TOPIC, callback=CALLBACK, lease_seconds=99, requested_at=hub.clock())
    await hub.store.subscriptions.save(subscription)
    await hub.store.verifications.save(pending("v1"))
    assert await hub.store.subscriptions.remove(SPELLED, CALLBACK)
    assert await hub.store.verifications.count() == 0
    assert not await hub.store.subscriptions.save(subscription, verification="v1")
    assert await hub.store.subscriptions.get(TOPIC, CALLBACK) is None
    await hub.store.subscriptions.save(subscription)
    assert not await hub.store.subscriptions.remove(TOPIC, CALLBACK, verification="v1")
    assert await hub.store.subscriptions.get(TOPIC, CALLBACK) == subscription


async def test_a_request_of_a_pair_that_nobody_knows_is_not_kept(hub: Hub) -> None:
    verifications = hub.store.verifications
    leaving = pending("v1", Mode.UNSUBSCRIBE)
    assert not await verifications.save_if_known(leaving)
    assert await verifications.count() == 0
    await verifications.save(pending("v0"))
    assert await verifications.save_if_known(evolve(leaving, topic=SPELLED))
    assert await verifications.get(TOPIC, CALLBACK) == evolve(leaving, topic=SPELLED)
    await verifications.remove("v1")
    subscription = StoredSubscription(topic=TOPIC, callback=CALLBACK, lease_seconds=99, requested_at=hub.clock())
    await hub.store.subscriptions.save(subscription)
    assert not await verifications.save_if_known(evolve(leaving, callback="https://sub.example/other"))
    assert await verifications.save_if_known(leaving)
    await verifications.remove("v1")
    hub.clock.now += 99
    assert not await verifications.save_if_known(leaving), "the lease is over"


def test_neither_secrets_nor_callbacks_are_printed() -> None:
    subscription = StoredSubscription(topic=TOPIC, callback=CALLBACK, secret="s3cret", lease_seconds=1, requested_at=0)
    for value in (subscription, pending("v1")):
        assert CALLBACK not in repr(value)
        assert "secret" not in repr(value)


OTHERS = ("https://topic.example/b", "https://topic.example/c", "https://topic.example/d")


@pytest.mark.parametrize(
    ("latest_only", "feed_diff", "expected"),
    [
        ((), (), ("E", "E", "E", "LD")),
        (("*",), (), ("L", "L", "L", "L")),
        ((), ("*",), ("ED", "ED", "ED", "ED")),
        (("*",), ("*",), ("LD", "LD", "LD", "LD")),
        (("*",), (OTHERS[0],), ("L", "LD", "L", "L")),
        ((OTHERS[0],), ("*",), ("ED", "LD", "ED", "ED")),
        ((SPELLED,), (), ("L", "E", "E", "LD")),
        ((OTHERS[0],), (OTHERS[1],), ("E", "L", "ED", "LD")),
        ((OTHERS[2], "https://topic.example/unknown"), (OTHERS[2],), ("E", "E", "E", "LD")),
        ((), (OTHERS[2],), ("E", "E", "E", "ED")),
    ],
    ids=str,
)
async def test_rules_set_the_options_of_those_that_they_name(
    hub: Hub, latest_only: tuple[str, ...], feed_diff: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """``E`` and ``L`` are the delivery modes, ``D`` the feed diff; the last topic has both options before."""
    topics = hub.store.topics
    for url in (TOPIC, *OTHERS[:2]):
        await topics.save(Topic(url=url, registered=True))
    await topics.save(Topic(url=OTHERS[2], delivery_mode=DeliveryMode.LATEST, feed_diff=True))
    await topics.configure(latest_only=latest_only, feed_diff=feed_diff)
    for url, letters in zip((TOPIC, *OTHERS), expected, strict=True):
        topic = await topics.get(url)
        assert topic is not None
        mode = DeliveryMode.LATEST if letters.startswith("L") else DeliveryMode.EVERY
        assert (topic.delivery_mode, topic.feed_diff) == (mode, "D" in letters)
        assert topic.registered == (url != OTHERS[2])


async def test_rules_count_for_what_is_waiting_already(hub: Hub) -> None:
    await hub.subscribe(CALLBACK, TOPIC)
    published = [await hub.publish(TOPIC) for _ in range(3)]
    await hub.store.topics.configure(latest_only=["*"], feed_diff=[])
    assert (await hub.broker.statistics()).waiting == 1
    assert await hub.claim_ids() == published[-1:]
