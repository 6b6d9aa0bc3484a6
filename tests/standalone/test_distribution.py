"""What is published reaches those who follow it: byte for byte, in order, signed for those with a secret."""

import httpx
import pytest

from tests.standalone.hub import FORM, world
from tests.waiting import until


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (bytes(range(256)), "image/png"),
        (b'{"a": 1}\r\n', 'Application/JSON; charset="utf-8"; x=y'),
        (b"a=%41&b=+&&", FORM),
        (b"", "text/plain"),
    ],
)
@pytest.mark.spec("H-42", "H-43", "H-44", "H-58")
async def test_content_arrives_byte_for_byte(content: bytes, content_type: str) -> None:
    async with world() as hub:
        topic = hub.peers + "/topic"
        subscriber = hub.subscriber(secret="s3cret")
        await hub.subscribe(subscriber, topic, secret="s3cret")
        assert (await hub.publish(topic, content, content_type)).status_code == 200
        await subscriber.wait_until(lambda: subscriber.deliveries)
        [delivery] = subscriber.deliveries
        assert delivery.body == content
        assert delivery.headers["content-type"] == content_type
        assert delivery.signature is True
        assert delivery.headers["link"] == f'<{hub.hub}>; rel="hub", <{topic}>; rel="self"'
        assert delivery.headers["x-hub-message-id"]


async def test_each_subscription_has_its_own_signature_or_none() -> None:
    async with world(signature_method="sha512") as hub:
        topic = hub.peers + "/topic"
        one, two, three = (
            hub.subscriber("/1", secret="first"),
            hub.subscriber("/2", secret="second"),
            hub.subscriber("/3"),
        )
        await hub.subscribe(one, topic, "/1", secret="first")
        await hub.subscribe(two, topic, "/2", secret="second")
        await hub.subscribe(three, topic, "/3")
        await hub.publish(topic)
        await until(lambda: one.deliveries and two.deliveries and three.deliveries)
        assert one.deliveries[0].signature is two.deliveries[0].signature is True
        assert one.deliveries[0].headers["x-hub-signature"].startswith("sha512=")
        assert "x-hub-signature" not in three.deliveries[0].headers


async def test_updates_arrive_in_the_order_of_publishing() -> None:
    async with world() as hub:
        topic = hub.peers + "/topic"
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, topic)
        for number in range(50):
            await hub.publish(topic, str(number).encode())
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 50)
        assert [int(delivery.body) for delivery in subscriber.deliveries] == list(range(50))
        assert len({delivery.headers["x-hub-message-id"] for delivery in subscriber.deliveries}) == 50


async def test_one_request_may_publish_to_several_topics() -> None:
    async with world() as hub:
        topics = [f"{hub.peers}/topic/{number}" for number in range(3)]
        subscriber = hub.subscriber()
        for topic in topics:
            await hub.subscribe(subscriber, topic)
        query = [("hub.mode", "publish"), *(("hub.topic", topic) for topic in topics[:2])]
        url = str(httpx.URL(hub.hub, params=query))
        answer = await hub.client.post(url, content=b"both", headers={"Content-Type": "text/plain"})
        assert answer.status_code == 200
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 2)
        assert {delivery.headers["link"].split("<")[-1].split(">")[0] for delivery in subscriber.deliveries} == set(
            topics[:2]
        )


async def test_nobody_gets_what_was_published_before_they_subscribed() -> None:
    async with world() as hub:
        topic = hub.peers + "/topic"
        subscriber = hub.subscriber()
        await hub.publish(topic, b"too early")
        await hub.subscribe(subscriber, topic)
        await hub.publish(topic, b"in time")
        await subscriber.wait_until(lambda: subscriber.deliveries)
        assert [delivery.body for delivery in subscriber.deliveries] == [b"in time"]


@pytest.mark.parametrize("rule", ["*", "topic"])
async def test_of_a_topic_of_which_only_the_latest_counts_a_newer_update_replaces_one_that_waits(rule: str) -> None:
    async with world(latest_only=(rule if rule == "*" else "https://example.com/latest",)) as hub:
        topic = "https://example.com/latest"
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, topic)
        await hub.order("/admin/hosts/pause", host=hub.peers.removeprefix("http://"))
        for number in range(20):
            await hub.publish(topic, str(number).encode())
        await hub.order("/admin/hosts/resume", host=hub.peers.removeprefix("http://"))
        await subscriber.wait_until(lambda: subscriber.deliveries)
        await hub.quiet()
        assert [delivery.body for delivery in subscriber.deliveries] == [b"19"]


async def test_of_other_topics_every_update_is_delivered_however_late() -> None:
    async with world(latest_only=("https://example.com/latest",)) as hub:
        topic = "https://example.com/every"
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, topic)
        await hub.order("/admin/hosts/pause", host=hub.peers.removeprefix("http://"))
        for number in range(20):
            await hub.publish(topic, str(number).encode())
        assert not subscriber.deliveries
        await hub.order("/admin/hosts/resume", host=hub.peers.removeprefix("http://"))
        await subscriber.wait_until(lambda: len(subscriber.deliveries) == 20)
        assert [int(delivery.body) for delivery in subscriber.deliveries] == list(range(20))


async def test_content_that_is_too_large_is_refused() -> None:
    async with world(max_content_bytes=1_000) as hub:
        assert (await hub.publish("https://example.com/topic", b"x" * 1_000)).status_code == 200
        assert (await hub.publish("https://example.com/topic", b"x" * 1_001)).status_code == 413
