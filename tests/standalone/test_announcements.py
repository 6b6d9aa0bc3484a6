"""A publisher says that a topic has changed, and the hub fetches and delivers it."""

import anyio
import pytest

from tests.standalone.hub import Site, World, world
from tests.waiting import until
from websubhub import TopicClient
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.metrics import HubMetrics
from websubhub.standalone.ports import FetchedTopic, HubStore, StoredSubscription, Update
from websubhub.standalone.schedule.retry import RetrySchedule
from websubhub.standalone.work import fetching
from websubhub.standalone.work.fetching import TopicFetching
from websubhub.standalone.work.refreshing import TopicRefresher
from websubhub.standalone.work.wakeup import Wakeup
from websubhub.testing import InMemoryWeb, RecordingSubscriber


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a topic be fetched ten times a second."""
    monkeypatch.setattr(fetching, "_INTERVAL_SECONDS", 0.1)


def _fetching(store: HubStore, web: InMemoryWeb) -> TopicFetching:
    refresher = TopicRefresher(store, TopicClient("https://hub.example/", client=web.client()))
    return TopicFetching(store, refresher.refresh, RetrySchedule(), Wakeup(), HubMetrics().fetches)


async def _followed(hub: World, path: str = "/topic") -> RecordingSubscriber:
    subscriber = hub.subscriber()
    await hub.subscribe(subscriber, hub.peers + path)
    return subscriber


async def _fetched(hub: World, site: Site, times: int = 1) -> None:
    await until(lambda: site.fetches >= times)
    await hub.fetched()


@pytest.mark.spec("H-43", "H-44", "H-46", "H-47", "H-48", "H-59")
async def test_the_exact_content_is_delivered_with_its_type_and_the_links_of_the_topic() -> None:
    async with world() as hub:
        links = '<https://hub.example/>; rel="hub", <https://other.example/>; rel=hub, </canonical>; rel="self"'
        hub.site(body=bytes(range(256)), content_type='Text/X; charset="Y"', Link=links)
        subscriber = await _followed(hub)
        assert (await hub.ping(hub.peers + "/topic")).status_code == 200
        await subscriber.wait_until(lambda: subscriber.deliveries)
        [delivery] = subscriber.deliveries
        assert delivery.body == bytes(range(256))
        assert delivery.headers["content-type"] == 'Text/X; charset="Y"'
        assert delivery.headers["link"] == (
            '<https://hub.example/>; rel="hub", <https://other.example/>; rel="hub", '
            f'<{hub.peers}/canonical>; rel="self"'
        )


async def test_a_topic_without_links_is_delivered_with_those_of_the_subscription() -> None:
    async with world() as hub:
        hub.site()
        subscriber = await _followed(hub)
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: subscriber.deliveries)
        link = f'<{hub.hub}>; rel="hub", <{hub.peers}/topic>; rel="self"'
        assert subscriber.deliveries[0].headers["link"] == link


@pytest.mark.parametrize("name", ["hub.url", "hub.topic"])
async def test_topics_may_be_named_by_either_name_and_several_at_once(name: str) -> None:
    async with world() as hub:
        subscribers = []
        for path in ("/a", "/b"):
            hub.site(path, body=path.encode())
            subscribers.append(hub.subscriber(f"/callback{path}"))
            await hub.subscribe(subscribers[-1], hub.peers + path, f"/callback{path}")
        form = {"hub.mode": "publish", name: [hub.peers + "/a", hub.peers + "/b"]}
        assert (await hub.client.post(hub.hub, data=form)).status_code == 200
        await until(lambda: all(subscriber.deliveries for subscriber in subscribers))
        for subscriber, body in zip(subscribers, (b"/a", b"/b"), strict=True):
            assert [delivery.body for delivery in subscriber.deliveries] == [body]


@pytest.mark.usefixtures("hurried")
async def test_it_is_asked_for_conditionally_and_delivered_once_as_long_as_it_does_not_change() -> None:
    async with world() as hub:
        site = hub.site(ETag='"1"', Last_Modified="Sun, 22 Nov 2026 00:00:00 GMT")
        subscriber = await _followed(hub)
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: subscriber.deliveries)
        await hub.ping(hub.peers + "/topic")
        await _fetched(hub, site, 2)
        assert site.requests[1].headers["if-none-match"] == '"1"'
        assert site.requests[1].headers["if-modified-since"] == "Sun, 22 Nov 2026 00:00:00 GMT"
        site.body, site.headers["ETag"] = b"new", '"2"'
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)
        assert [delivery.body for delivery in subscriber.deliveries] == [b"content", b"new"]


@pytest.mark.usefixtures("hurried")
async def test_the_same_bytes_are_not_delivered_again_even_if_the_topic_has_no_validators() -> None:
    async with world() as hub:
        site = hub.site()
        subscriber = await _followed(hub)
        for times in (1, 2):
            await hub.ping(hub.peers + "/topic")
            await _fetched(hub, site, times)
        site.body = b"new"
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)
        assert [delivery.body for delivery in subscriber.deliveries] == [b"content", b"new"]


async def test_many_announcements_cause_few_fetches_and_the_last_update_is_not_lost() -> None:
    async with world() as hub:
        site = hub.site()
        subscriber = await _followed(hub)
        form = {"hub.mode": "publish", "hub.url": hub.peers + "/topic"}
        limiter = anyio.CapacityLimiter(8)

        async def announce(number: int) -> None:
            async with limiter:
                site.body = str(number).encode()
                assert (await hub.client.post(hub.hub, data=form)).status_code == 200

        async with anyio.create_task_group() as publishers:
            for number in range(400):
                publishers.start_soon(announce, number)
        site.body = b"the last"
        await hub.client.post(hub.hub, data=form)
        await subscriber.wait_until(lambda: b"the last" in [delivery.body for delivery in subscriber.deliveries])
        assert site.fetches < 100, "of 401 announcements"


@pytest.mark.threat("AMP-6")
async def test_ten_thousand_announcements_are_one_row_and_few_fetches() -> None:
    site = Site()
    web = InMemoryWeb()
    web["topic.example"] = site
    async with MemoryStore() as store, anyio.create_task_group() as tasks:
        await store.subscriptions.save(_subscription())
        taking = _fetching(store, web)
        async with anyio.create_task_group() as publishers:
            for _ in range(5_000):
                publishers.start_soon(store.announcements.save, "https://topic.example/")
        tasks.start_soon(taking.run)
        await until(lambda: site.fetches)
        site.body = b"changed after the first fetch"
        async with anyio.create_task_group() as publishers:
            for _ in range(5_000):
                publishers.start_soon(store.announcements.save, "https://topic.example/")
        assert len(await store.announcements.due()) <= 1
        while await store.announcements.due():  # noqa: ASYNC110 - the store does not tell
            await anyio.sleep(0.01)
        [delivery] = await store.broker.claim(10)
        delivery.done()
        [last] = await store.broker.claim(10)
        assert [delivery.update.content, last.update.content] == [b"content", b"changed after the first fetch"]
        assert site.fetches < 100, "of 10,000 announcements"
        tasks.cancel_scope.cancel()


@pytest.mark.spec("SEC-16")
@pytest.mark.threat("AMP-7")
async def test_a_topic_that_nobody_follows_is_not_fetched() -> None:
    async with world() as hub:
        followed, ignored = hub.site("/followed"), hub.site("/ignored")
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, hub.peers + "/followed")
        assert (await hub.ping(hub.peers + "/ignored")).status_code == 200
        assert (await hub.ping(hub.peers + "/followed")).status_code == 200
        await subscriber.wait_until(lambda: subscriber.deliveries)
        assert followed.fetches == 1
        assert ignored.fetches == 0


@pytest.mark.usefixtures("hurried")
async def test_redirects_are_followed_to_the_content_but_not_for_ever() -> None:
    async with world() as hub:
        first, last = hub.site("/first"), hub.site("/last", body=b"moved")
        first.status, first.headers["Location"] = 302, hub.peers + "/last"
        subscriber = await _followed(hub, "/first")
        await hub.ping(hub.peers + "/first")
        await subscriber.wait_until(lambda: subscriber.deliveries)
        assert subscriber.deliveries[0].body == b"moved"
        last.status, last.headers["Location"] = 302, hub.peers + "/first"
        await hub.ping(hub.peers + "/first")
        await until(lambda: first.fetches + last.fetches >= 6)
        await hub.fetched()
        assert first.fetches + last.fetches == 6, "of the second fetch, four requests"
        assert len(subscriber.deliveries) == 1


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, b"x" * 1_001),
        (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08"),
        (204, {}, b""),
        (202, {}, b"come back later"),
        (500, {}, b"an error page"),
        (404, {}, b"not there"),
    ],
)
async def test_what_is_no_content_is_not_delivered(status: int, headers: dict[str, str], body: bytes) -> None:
    async with world(max_content_bytes=1_000) as hub:
        site = hub.site(body=body)
        site.status = status
        site.headers.update(headers)
        subscriber = await _followed(hub)
        await hub.ping(hub.peers + "/topic")
        await _fetched(hub, site)
        assert not subscriber.deliveries
        assert (await hub.statistics())["waiting"] == 0


_ENTRY = "<entry><id>urn:{0}</id><title>{0}</title><updated>2026-11-22T00:00:00Z</updated></entry>"


def _feed(*entries: str) -> bytes:
    head = '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><id>urn:f</id><title>f</title>'
    return (head + "".join(_ENTRY.format(entry) for entry in entries) + "</feed>").encode()


@pytest.mark.spec("H-45")
@pytest.mark.usefixtures("hurried")
async def test_of_a_feed_only_new_entries_are_delivered_on_demand() -> None:
    async with world(feed_diff=("*",)) as hub:
        site = hub.site(body=_feed("one", "two"), content_type="application/atom+xml")
        subscriber = await _followed(hub)
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 1)
        site.body = _feed("three", "one", "two")
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)
        first, second = (delivery.body for delivery in subscriber.deliveries)
        assert first == _feed("one", "two")
        assert second == _feed("three")
        site.body = _feed("one")
        await hub.ping(hub.peers + "/topic")
        await _fetched(hub, site, 3)
        assert len(subscriber.deliveries) == 2, "an entry less is no news"


@pytest.mark.spec("H-44")
@pytest.mark.usefixtures("hurried")
async def test_a_feed_is_delivered_whole_unless_told_otherwise() -> None:
    async with world(feed_diff=("https://example.com/another",)) as hub:
        site = hub.site(body=_feed("one"), content_type="application/atom+xml")
        subscriber = await _followed(hub)
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: subscriber.deliveries)
        site.body = _feed("two", "one")
        await hub.ping(hub.peers + "/topic")
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)
        assert subscriber.deliveries[1].body == _feed("two", "one")


async def test_topics_that_cannot_be_fetched_hide_no_other_one() -> None:
    web, site = InMemoryWeb(), Site()
    web["alive.example"] = site
    async with MemoryStore() as store, anyio.create_task_group() as tasks:
        taking = _fetching(store, web)
        topics = [*(f"https://dead.example/{number}" for number in range(100)), "https://alive.example/"]
        for topic in topics:
            await store.subscriptions.save(_subscription(topic))
            await store.announcements.save(topic)
        tasks.start_soon(taking.run)
        await until(lambda: site.fetches)
        tasks.cancel_scope.cancel()


async def test_content_that_is_fetched_again_after_a_crash_keeps_its_message_id() -> None:
    web, site = InMemoryWeb(), Site()
    web["topic.example"] = site
    async with MemoryStore() as store:
        await store.subscriptions.save(_subscription())
        ids = []
        for content in (b"1", b"2", b"1", b"2"):
            site.body = content
            before = await store.topics.last_fetch("https://topic.example/")
            for _ in ("at first", "after a crash before this was remembered"):
                await store.topics.save_fetch("https://topic.example/", before or FetchedTopic())
                ids.append(await _published_id(_fetching(store, web), store))
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == 4


async def _published_id(taking: TopicFetching, store: HubStore) -> str:
    async with anyio.create_task_group() as tasks:
        await store.announcements.save("https://topic.example/")
        tasks.start_soon(taking.run)
        [delivery] = await store.broker.claim(1)
        while await store.announcements.due():  # noqa: ASYNC110 - the store does not tell
            await anyio.sleep(0.005)
        delivery.done()
        tasks.cancel_scope.cancel()
    update: Update = delivery.update
    return update.id


def _subscription(topic: str = "https://topic.example/") -> StoredSubscription:
    return StoredSubscription(
        topic=topic, callback="https://sub.example/", lease_seconds=1_000, requested_at=2_000_000_000
    )
