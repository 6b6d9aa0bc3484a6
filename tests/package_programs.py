"""Writes programs that are checked against an installed wheel: ``python -m tests.package_programs FOLDER``."""

import sys
from pathlib import Path

from tests.documents import ROOT, blocks

#: Programs with types, as ``mypy --strict`` reads them: nothing that the packages export may be unknown there.
TYPED = {
    "typed_hub.py": """
from websubhub import (
    Acknowledgement, ContentDistributionMessage, HubClient, HubConfig, HubService, PublisherClient, TopicDeregistration,
    TopicDeregistrationSuccess, TopicRegistration, TopicRegistrationSuccess, UpdateMessage, VerifiedSubscription,
    VerifiedUnsubscription, WebSubError, asgi,
)
from websubhub import sync


class Hub(HubService):
    async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationSuccess:
        return TopicRegistrationSuccess()

    async def on_deregister_topic(self, message: TopicDeregistration) -> TopicDeregistrationSuccess:
        return TopicDeregistrationSuccess()

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement:
        topic: str = message.topic
        return Acknowledgement(body={"topic": topic})

    async def on_subscription_intent_verified(self, message: VerifiedSubscription) -> None:
        update = ContentDistributionMessage(content=b"", content_type="text/plain")
        reveal: int = (await HubClient(message).notify_content_distribution(update)).status
        print(reveal)

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> None:
        print(message.callback)


app = asgi(Hub(), HubConfig(url="https://hub.example/hub"))


async def publish() -> int:
    try:
        async with PublisherClient("https://hub.example/hub") as publisher:
            return (await publisher.publish_update("https://example.com/feed", {"any": "json"})).status
    except WebSubError as error:
        return error.status


def publish_now() -> int:
    with sync.PublisherClient("https://hub.example/hub") as publisher:
        return publisher.publish_update("https://example.com/feed", {"any": "json"}).status
""",
    "typed_subscriber.py": """
from websubsub import (
    ContentDistributionMessage, Discovery, DiscoveryClient, SubscriberConfig, SubscriberService, Target, asgi,
)


class Subscriber(SubscriberService):
    async def on_event_notification(self, message: ContentDistributionMessage) -> None:
        text: str = message.text()
        print(message.topic, message.content_type, text)


app = asgi(Subscriber(), SubscriberConfig(url="https://example.com/", targets=Target(resource="https://example.org/")))


async def discover() -> Discovery:
    async with DiscoveryClient() as client:
        return await client.discover("https://example.org/feed")
""",
}


def main(folder: Path) -> None:
    """Write the programs of the README, and those with types."""
    readme = (ROOT / "README.md").read_text()
    for name in ("hub.py", "subscriber.py", "test_hub.py"):
        _, _, behind = readme.partition(f"This is `{name}`")
        (folder / name).write_text(next(block.content for block in blocks(behind) if block.info == "python"))
    for name, program in TYPED.items():
        (folder / name).write_text(program)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
