"""Whatever comes at the same moment: a topic keeps what each request has made of it."""

import pytest
from anyio import create_task_group

from websubhub import Headers, TopicRegistration, VerifiedSubscription
from websubhub.standalone.adapters.memory.store import MemoryStore
from websubhub.standalone.hub.intake import Intake
from websubhub.standalone.hub.policies import PublisherPolicy
from websubhub.standalone.hub.requests import Requests
from websubhub.standalone.hub.service import StandaloneHub
from websubhub.standalone.hub.topics import TopicRules
from websubhub.standalone.ports import HubStore
from websubhub.standalone.reach import Reach
from websubhub.standalone.tokens import Tokens

HUB = "http://127.0.0.1/hub"
TOPICS = [f"https://topic.example/{number}" for number in range(20)]


def service(store: HubStore) -> StandaloneHub:
    def nobody(*_: object) -> None:
        """Wake nobody."""

    publishers = PublisherPolicy(Tokens((), "publisher"), anonymous=True, reach=Reach(HUB, "127.0.0.1"))
    rules = TopicRules(store.topics, latest_only=["*"])
    return StandaloneHub(store, rules, publishers, Intake(store, nobody), Requests(store.verifications, nobody))


@pytest.mark.parametrize("subscriber_first", [True, False])
async def test_a_registration_outlives_a_subscription_that_is_verified_meanwhile(*, subscriber_first: bool) -> None:
    async with MemoryStore() as store:
        hub = service(store)

        async def register(topic: str) -> None:
            await hub.on_register_topic(TopicRegistration(topic=topic, headers=Headers()))

        async def verify(topic: str) -> None:
            message = VerifiedSubscription(
                hub=HUB, topic=topic, callback="https://sub.example/", lease_seconds=1_000, verified_at=store.clock()
            )
            await hub.on_subscription_intent_verified(message)

        both = (verify, register) if subscriber_first else (register, verify)
        async with create_task_group() as tasks:
            for topic in TOPICS:
                for one in both:
                    tasks.start_soon(one, topic)
        assert [topic.registered for topic in await store.topics.page()] == [True] * len(TOPICS)
