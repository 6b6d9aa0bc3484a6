"""What is published reaches those who follow it: byte for byte, in order, signed for those with a secret."""

from tests.standalone.hub import world


async def test_content_arrives_byte_for_byte() -> None:
    async with world() as hub:
        topic = hub.peers + "/topic"
        subscriber = hub.subscriber(secret="s3cret")
        await hub.subscribe(subscriber, topic, secret="s3cret")
        assert (await hub.publish(topic, bytes(range(256)), "image/png")).status_code == 200
        await subscriber.wait_until(lambda: subscriber.deliveries)
        [delivery] = subscriber.deliveries
        assert delivery.body == bytes(range(256))
        assert delivery.headers["content-type"] == "image/png"
        assert delivery.signature is True
