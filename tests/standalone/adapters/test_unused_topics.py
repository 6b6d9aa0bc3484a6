"""Topics that nobody follows are forgotten after a while; those that anything depends on are not."""

import anyio
import pytest

from tests.standalone.adapters.conftest import Hub
from tests.waiting import PATIENCE
from websubhub.standalone.ports import DeliveryMode, HubStore, Topic

pytestmark = pytest.mark.threat("DOS-13")

LAST = "https://topic.example/last"
SUB = "https://sub.example/"


def url(number: int) -> str:
    return f"https://topic.example/{number}"


async def known(store: HubStore) -> set[str]:
    return {topic.url for topic in await store.topics.page(limit=1000)}


async def test_topics_that_nobody_follows_are_forgotten_at_the_second_look(hub: Hub) -> None:
    store = hub.store
    for number in range(50):
        await store.topics.save(Topic(url=url(number)))
    await store.topics.save(Topic(url=LAST, registered=True))
    assert await store.topics.forget_unused() == 0
    assert await store.topics.forget_unused() == 50
    assert await known(store) == {LAST}
    assert (await store.broker.statistics()).topics == 1
    assert await store.topics.forget_unused() == 0


async def test_what_is_used_in_any_way_stays(hub: Hub) -> None:
    store = hub.store
    await store.topics.save(Topic(url=url(1), registered=True))
    await store.topics.save(Topic(url=url(2), delivery_mode=DeliveryMode.LATEST))
    await store.topics.save(Topic(url=url(3), feed_diff=True))
    await hub.subscribe(SUB, url(4))
    await store.topics.save(Topic(url=url(5)))
    await store.announcements.save(url(5))
    await hub.subscribe(SUB, url(6))
    await hub.publish(url(6))
    [delivery] = await hub.claim()
    delivery.dead("It failed.")
    await store.broker.flush()
    await store.subscriptions.remove(url(6), SUB)
    await store.topics.save(Topic(url=LAST, registered=True))
    for _ in range(3):
        assert await store.topics.forget_unused() == 0
    assert await known(store) == {*map(url, range(1, 7)), LAST}


async def test_a_topic_that_was_followed_between_two_looks_stays(hub: Hub) -> None:
    store = hub.store
    await store.topics.save(Topic(url=url(1)))
    await store.topics.save(Topic(url=LAST, registered=True))
    assert await store.topics.forget_unused() == 0
    await hub.subscribe(SUB, url(1))
    assert await store.topics.forget_unused() == 0
    await store.subscriptions.remove(url(1), SUB)
    assert await store.topics.forget_unused() == 0, "it was in use at the look before"
    assert await store.topics.forget_unused() == 1


async def test_a_topic_that_comes_back_delivers_its_own_updates(hub: Hub) -> None:
    store = hub.store
    await hub.subscribe(SUB, url(1))
    await hub.subscribe(SUB, LAST)
    await hub.publish(url(1))
    for delivery in await hub.claim():
        delivery.done()
    await store.subscriptions.remove(url(1), SUB)
    await store.broker.reclaim()
    await store.topics.forget_unused()
    assert await store.topics.forget_unused() == 1
    await store.broker.reclaim()
    await hub.subscribe(SUB, url(1))
    again = await hub.publish(url(1))
    assert [delivery.update.id for delivery in await hub.claim()] == [again]


async def test_subscribing_and_publishing_meanwhile_lose_nothing(hub: Hub) -> None:
    store = hub.store
    published: list[str] = []

    async def follow(number: int) -> None:
        await hub.subscribe(SUB, url(number))
        published.append(await hub.publish(url(number)))

    for number in range(20):
        await store.topics.save(Topic(url=url(number)))
    await store.topics.save(Topic(url=LAST, registered=True))
    await store.topics.forget_unused()
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(follow, number)
            if number % 10 == 5:
                tasks.start_soon(store.topics.forget_unused)
    found: set[str] = set()
    while len(found) < len(published):
        with anyio.fail_after(PATIENCE):
            for delivery in await store.broker.claim(100):
                found.add(delivery.update.id)
                delivery.done()
    assert found == set(published)
