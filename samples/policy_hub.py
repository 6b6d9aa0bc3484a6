"""A hub with rules: publishers send a token and use only their own topics, and subscribers send a secret.

python samples/policy_hub.py --publisher s3cret=https://example.com/news/ --port 8080
"""

import argparse
import hashlib
import hmac
from contextlib import suppress

import anyio
from in_memory_hub import InMemoryHub, in_memory_hub

from websubhub import (
    Acknowledgement,
    Headers,
    HubConfig,
    HubService,
    Subscription,
    SubscriptionAccepted,
    SubscriptionDeniedError,
    TopicDeregistration,
    TopicDeregistrationError,
    TopicDeregistrationSuccess,
    TopicRegistration,
    TopicRegistrationError,
    TopicRegistrationSuccess,
    UpdateMessage,
    UpdateMessageError,
    VerifiedSubscription,
    VerifiedUnsubscription,
    WebSubError,
    serve,
)

DAY_SECONDS = 86_400


class Publishers:
    """The publishers and their topics.

    Args:
        topics: For each token, the prefix of its topics' URLs.
    """

    def __init__(self, topics: dict[str, str]) -> None:
        self._topics = {hashlib.sha256(token.encode()).digest(): prefix for token, prefix in topics.items()}

    def check(self, headers: Headers, topic: str, error: type[WebSubError]) -> None:
        """Raise an error unless the request has the token of the topic's publisher."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        given = hashlib.sha256(token.encode()).digest()
        prefixes = [prefix for known, prefix in self._topics.items() if hmac.compare_digest(known, given)]
        if scheme.lower() != "bearer" or not prefixes:
            raise error("Who are you?", status=401, headers={"WWW-Authenticate": "Bearer"})
        if not topic.startswith(prefixes[0]):
            raise error("This topic is not yours.", status=403)


class PolicyHub(HubService):
    """Decides who may do what, and leaves the rest to another hub.

    Args:
        hub: The other hub.
        publishers: The publishers and their topics.
    """

    def __init__(self, hub: InMemoryHub, publishers: Publishers) -> None:
        self._hub = hub
        self._publishers = publishers

    async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationSuccess:
        """Let publishers register their own topics."""
        self._publishers.check(message.headers, message.topic, TopicRegistrationError)
        return await self._hub.on_register_topic(message)

    async def on_deregister_topic(self, message: TopicDeregistration) -> TopicDeregistrationSuccess:
        """Let publishers deregister their own topics."""
        self._publishers.check(message.headers, message.topic, TopicDeregistrationError)
        return await self._hub.on_deregister_topic(message)

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement:
        """Let publishers publish to their own topics."""
        self._publishers.check(message.headers, message.topic, UpdateMessageError)
        return await self._hub.on_update_message(message)

    async def on_subscription(self, message: Subscription) -> SubscriptionAccepted:
        """Grant a lease of at most a day."""
        return SubscriptionAccepted(lease_seconds=min(message.lease_seconds, DAY_SECONDS))

    async def on_subscription_validation(self, message: Subscription) -> None:
        """Deny subscribers without a secret, who could not tell a delivery from a forgery."""
        if message.secret is None:
            raise SubscriptionDeniedError("Subscribe with a secret.")
        await self._hub.on_subscription_validation(message)

    async def on_subscription_intent_verified(self, message: VerifiedSubscription) -> None:
        """Pass the message on to the other hub."""
        await self._hub.on_subscription_intent_verified(message)

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> None:
        """Pass the message on to the other hub."""
        await self._hub.on_unsubscription_intent_verified(message)


async def main(port: int, topics: dict[str, str]) -> None:
    """Serve until interrupted."""
    url = f"http://127.0.0.1:{port}/hub"
    async with in_memory_hub(url) as hub:
        service = PolicyHub(hub, Publishers(topics))
        await serve(service, HubConfig(url=url), port=port, ready=lambda _: print(f"hub ready at {url}", flush=True))


def publisher(text: str) -> tuple[str, str]:
    """Parse a token and a URL from one argument."""
    token, equals, prefix = text.partition("=")
    if not (token and equals and prefix.startswith(("http://", "https://"))):
        raise argparse.ArgumentTypeError("write a publisher as TOKEN=URL")
    return token, prefix


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A hub with publisher tokens.")
    parser.add_argument("--port", type=int, default=8080, help="the port to serve at")
    parser.add_argument(
        "--publisher",
        type=publisher,
        action="append",
        required=True,
        metavar="TOKEN=URL",
        help="a publisher's token and the prefix of its topics' URLs; repeat it for several publishers",
    )
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        anyio.run(main, options.port, dict(options.publisher))
