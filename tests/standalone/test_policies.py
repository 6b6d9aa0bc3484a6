"""Who may publish, which topics there are, and whom the hub calls."""

import socket
from contextlib import nullcontext

import anyio
import pytest

from _websub.server.listening import AppListener
from _websub.server.serving import Binding
from tests.standalone.hub import TOKEN, Site, World, world
from tests.waiting import until
from websubhub.testing import RecordingSubscriber

TOPIC = "https://topic.example/"
PUBLIC = "https://hub.example.com/hub"


async def test_by_default_any_topic_may_be_followed_and_published() -> None:
    async with world() as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        assert (await hub.publish(TOPIC)).status_code == 200
        await until(lambda: subscriber.deliveries)


@pytest.mark.spec("H-01", "H-16", "H-17", "H-27")
async def test_a_hub_of_registered_topics_knows_no_others() -> None:
    async with world(topics="registered") as hub:
        subscriber = hub.subscriber()
        answer = await hub.ask(mode="subscribe", topic=TOPIC, callback=hub.peers + "/callback")
        assert answer.status_code == 202, "whether it is denied is told the callback alone"
        await until(lambda: subscriber.denials)
        assert subscriber.denials[0]["hub.reason"] == "the topic is not registered at this hub"
        assert not subscriber.verifications
        for refused in (await hub.publish(TOPIC), await hub.ping(TOPIC)):
            assert "denied" in refused.text
            assert "not+registered" in refused.text
        assert "accepted" in (await hub.ask(mode="register", topic=TOPIC)).text
        await hub.subscribe(subscriber, TOPIC)
        assert "accepted" in (await hub.publish(TOPIC)).text
        await until(lambda: subscriber.deliveries)
        assert "accepted" in (await hub.ask(mode="deregister", topic=TOPIC)).text
        assert "denied" in (await hub.ask(mode="deregister", topic=TOPIC)).text
        assert "denied" in (await hub.publish(TOPIC)).text


async def test_registering_a_topic_again_keeps_its_options() -> None:
    async with world() as hub:
        await hub.order("/admin/topics", url=TOPIC, feed_diff=True, delivery_mode="latest")
        await hub.ask(mode="register", topic=TOPIC)
        [topic] = (await hub.get("/admin/topics")).json()["topics"]
        assert topic == {"url": TOPIC, "registered": True, "feed_diff": True, "delivery_mode": "latest"}


@pytest.mark.parametrize("shown", ["", "another-token-of-the-tests", TOKEN.upper(), TOKEN[:-1]])
async def test_with_a_publisher_token_nobody_publishes_without_it(shown: str) -> None:
    async with world(publisher_token=("the-first-of-two-tokens", TOKEN)) as hub:
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, TOPIC)
        for refused in (
            await hub.publish(TOPIC, token=shown),
            await hub.ask(mode="register", topic=TOPIC, token=shown),
            await hub.ask(mode="deregister", topic=TOPIC, token=shown),
        ):
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")
        assert (await hub.ask(mode="register", topic=TOPIC, token=TOKEN)).status_code == 200
        assert (await hub.publish(TOPIC, b"allowed", token=TOKEN)).status_code == 200
        assert (await hub.publish(TOPIC, b"too", token="the-first-of-two-tokens")).status_code == 200
        await until(lambda: len(subscriber.deliveries) == 2)
        assert [delivery.body for delivery in subscriber.deliveries] == [b"allowed", b"too"]


async def test_anybody_may_announce_since_the_topic_itself_is_asked() -> None:
    async with world(publisher_token=(TOKEN,)) as hub:
        hub.site()
        subscriber = hub.subscriber()
        await hub.subscribe(subscriber, hub.peers + "/topic")
        assert (await hub.ping(hub.peers + "/topic")).status_code == 200
        await until(lambda: subscriber.deliveries)


async def test_a_public_hub_takes_content_from_nobody_unless_told_from_whom() -> None:
    async with world(public_url=PUBLIC) as hub:
        answer = await hub.publish(TOPIC)
        assert answer.status_code == 401
        assert "no+publisher+tokens" in answer.text or "no%20publisher%20tokens" in answer.text
        assert (await hub.ask(mode="register", topic=TOPIC)).status_code == 401
        assert (await hub.ping(TOPIC)).status_code == 200
    async with world(public_url=PUBLIC, anonymous_publishers=True) as hub:
        assert (await hub.publish(TOPIC)).status_code == 200


@pytest.mark.spec("SEC-15")
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"])  # noqa: S104 - refused
@pytest.mark.threat("SSRF-1")
async def test_a_public_hub_never_connects_to_this_machine(name: str) -> None:
    async with world(public_url=PUBLIC) as hub:
        with socket.create_server(("", 0)) as listening:
            listening.setblocking(False)
            address = f"http://{name}:{listening.getsockname()[1]}/"
            answer = await hub.ask(mode="subscribe", topic=TOPIC, callback=address)
            assert answer.status_code in {202, 400}
            while answer.status_code == 202 and not await _was_tried(hub):  # noqa: ASYNC110 - it does not tell
                await anyio.sleep(0.01)
            with pytest.raises(BlockingIOError):
                listening.accept()
        assert (await hub.statistics())["subscriptions"] == 0


async def _was_tried(hub: World) -> bool:
    """Whether a verification has ended."""
    text = (await hub.get("/metrics")).text
    return 'websubhub_verifications_total{outcome="unanswered"} 1.0' in text


@pytest.mark.spec("SEC-15")
@pytest.mark.threat("SSRF-21")
async def test_networks_that_the_operator_allows_may_be_called() -> None:
    async with world(public_url=PUBLIC, allow_network=("127.0.0.0/8",), anonymous_publishers=True) as hub:
        subscriber = hub.subscriber()
        hub.site()
        await hub.subscribe(subscriber, hub.peers + "/topic")
        await hub.ping(hub.peers + "/topic")
        await until(lambda: subscriber.deliveries)
        assert subscriber.deliveries[0].headers["link"].startswith(f'<{PUBLIC}>; rel="hub"')


@pytest.mark.spec("SEC-15")
@pytest.mark.threat("SSRF-13")
async def test_a_topic_does_not_lead_a_public_hub_into_a_private_network() -> None:
    # 127.0.0.2 stands for what is public here, 127.0.0.1 for what is not.
    async with (
        world(public_url=PUBLIC, allow_network=("127.0.0.2/32",)) as hub,
        AppListener(Binding(host="127.0.0.2", port=0)) as public,
    ):
        base = await public.start()
        subscriber, private = RecordingSubscriber(), hub.site("/private", body=b"private")
        leading = Site(body=b"public")
        public.attach("/callback", subscriber, nullcontext())
        public.attach("/topic", leading, nullcontext())
        for topic in (base + "/topic", hub.peers + "/private"):
            answer = await hub.ask(mode="subscribe", topic=topic, callback=base + "/callback")
            assert answer.status_code == 202
        await until(lambda: len(subscriber.verifications) == 2)
        await hub.verified()
        await hub.ping(base + "/topic", hub.peers + "/private")
        await until(lambda: subscriber.deliveries)
        leading.status, leading.headers["Location"] = 302, hub.peers + "/private"
        await hub.ping(base + "/topic")
        await until(lambda: leading.fetches == 2)
        await hub.fetched()
        assert private.fetches == 0
        assert [delivery.body for delivery in subscriber.deliveries] == [b"public"]
