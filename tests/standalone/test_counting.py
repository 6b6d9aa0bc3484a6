"""What operators can count: publishes, requests, verifications, and their answers."""

from prometheus_client.parser import text_string_to_metric_families

from tests.standalone.hub import World, world
from websubhub.standalone.metrics import HubMetrics, RequestOutcome

TOPIC = "https://topic.example/"


async def counted(hub: World, name: str) -> dict[str, float]:
    text = (await hub.get("/metrics")).text
    return {
        sample.labels["outcome"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"websubhub_{name}_total" and sample.value
    }


async def test_a_publish_counts_by_its_answer() -> None:
    async with world(topics="registered", max_backlog=1) as hub:
        assert (await hub.ask(mode="register", topic=TOPIC)).status_code == 200
        await hub.publish(TOPIC)
        await hub.ask(mode="publish", topic=TOPIC)
        await hub.publish("https://other.example/")
        assert await counted(hub, "publishes") == {"accepted": 2, "refused": 1}
        for path in ("/one", "/two"):
            await hub.subscribe(hub.subscriber(path), TOPIC, path)
        assert (await hub.publish(TOPIC)).status_code == 503
        assert await counted(hub, "publishes") == {"accepted": 2, "refused": 1, "unavailable": 1}


async def test_a_subscription_request_and_its_verification_count_by_how_they_ended() -> None:
    async with world(topics="registered") as hub:
        await hub.ask(mode="subscribe", topic=TOPIC, callback=f"{hub.peers}/callback")
        await hub.verified()
        await hub.ask(mode="unsubscribe", topic=TOPIC, callback=f"{hub.peers}/callback")
        assert await counted(hub, "subscription_requests") == {"accepted": 2}
        assert await counted(hub, "verifications") == {"denied": 1}


async def test_a_subscription_that_is_not_taken_counts_as_that() -> None:
    async with world(subscriptions_per_host=1) as hub:
        await hub.subscribe(hub.subscriber(), TOPIC)
        other = await hub.ask(mode="subscribe", topic=TOPIC, callback=f"{hub.peers}/other")
        assert other.status_code == 429
        assert await counted(hub, "subscription_requests") == {"accepted": 1, "refused": 1}
        assert await counted(hub, "verifications") == {"verified": 1}


def test_every_counter_of_a_hub_is_its_own() -> None:
    one, other = HubMetrics(), HubMetrics()
    one.publishes.count(RequestOutcome.ACCEPTED)
    [family] = one.publishes.families()
    assert [sample.value for sample in family.samples] == [1, 0, 0]
    [family] = other.publishes.families()
    assert [sample.value for sample in family.samples] == [0, 0, 0]
