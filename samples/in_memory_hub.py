"""A complete hub that keeps topics, subscriptions and updates in progress in memory.

python samples/in_memory_hub.py --port 8080
"""

import argparse
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import TaskGroup

from websubhub import (
    Acknowledgement,
    ContentDistributionMessage,
    ContentDistributor,
    DeliveryOutcome,
    HubConfig,
    HubService,
    IntentVerificationError,
    MessageType,
    Recipient,
    SubscriptionDeniedError,
    TopicClient,
    TopicDeregistration,
    TopicDeregistrationError,
    TopicDeregistrationSuccess,
    TopicFetchError,
    TopicRegistration,
    TopicRegistrationError,
    TopicRegistrationSuccess,
    UpdateMessage,
    UpdateMessageError,
    VerifiedSubscription,
    VerifiedUnsubscription,
    serve,
    url_identity,
)
from websubhub import Subscription as SubscriptionRequest

RETRY_SECONDS = (0, 5, 30, 120)  # the wait before each attempt
UPDATES_ON_THEIR_WAY = 1_000
GONE = 410

log = logging.getLogger("in_memory_hub")


class InMemoryHub(HubService):
    """Accepts updates of registered topics, and delivers each to the current subscribers.

    Args:
        tasks: The task group in which deliveries run.
        distributor: Delivers updates.
        topics: Fetches topics whose publisher only announced an update.
    """

    def __init__(self, tasks: TaskGroup, distributor: ContentDistributor, topics: TopicClient) -> None:
        self._tasks = tasks
        self._distributor = distributor
        self._topics = topics
        self._room = anyio.Semaphore(UPDATES_ON_THEIR_WAY)
        # By topic and then by callback: subscribing again replaces the subscription.
        self._subscriptions: dict[str, dict[str, VerifiedSubscription]] = {}

    async def on_register_topic(self, message: TopicRegistration) -> TopicRegistrationSuccess:
        """Accept a new topic."""
        topic = url_identity(message.topic)
        if topic in self._subscriptions:
            raise TopicRegistrationError("The topic is registered already.")
        self._subscriptions[topic] = {}
        return TopicRegistrationSuccess()

    async def on_deregister_topic(self, message: TopicDeregistration) -> TopicDeregistrationSuccess:
        """Remove a topic and its subscriptions."""
        if self._subscriptions.pop(url_identity(message.topic), None) is None:
            raise TopicDeregistrationError("The topic is not registered.")
        return TopicDeregistrationSuccess()

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement:
        """Start delivering in the background, and answer the publisher at once."""
        if url_identity(message.topic) not in self._subscriptions:
            raise UpdateMessageError("The topic is not registered.")
        try:
            self._room.acquire_nowait()
        except anyio.WouldBlock:
            raise UpdateMessageError("The hub is busy.", status=503, headers={"Retry-After": "5"}) from None
        self._tasks.start_soon(self._distribute, message)
        return Acknowledgement()

    async def on_subscription_validation(self, message: SubscriptionRequest) -> None:
        """Grant only subscriptions to registered topics."""
        if url_identity(message.topic) not in self._subscriptions:
            raise SubscriptionDeniedError("The topic is not registered.")

    async def on_subscription_intent_verified(self, message: VerifiedSubscription) -> None:
        """Remember the subscription until its lease ends."""
        subscriptions = self._subscriptions.get(url_identity(message.topic))
        if subscriptions is None:
            raise IntentVerificationError("The topic is no longer registered.")
        subscriptions[url_identity(message.callback)] = message

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> None:
        """Remove the subscription."""
        self._forget(message.topic, message.callback)

    def _forget(self, topic: str, callback: str) -> None:
        self._subscriptions.get(url_identity(topic), {}).pop(url_identity(callback), None)

    async def _distribute(self, message: UpdateMessage) -> None:
        try:
            content = await self._content(message)
            recipients = self._active(message.topic)
            for seconds in RETRY_SECONDS:
                await anyio.sleep(seconds)
                recipients = await self._deliver(content, message.topic, recipients)
                if not recipients:
                    return
            log.warning("%s: %d subscribers did not accept an update.", message.topic, len(recipients))
        except TopicFetchError as error:
            log.warning("%s: %s", message.topic, error)
        finally:
            self._room.release()

    async def _content(self, message: UpdateMessage) -> ContentDistributionMessage:
        if message.type is MessageType.PUBLISH:
            return ContentDistributionMessage(content=message.body, content_type=message.content_type)
        fetched = await self._topics.fetch(message.topic)
        if fetched is None:
            raise TopicFetchError("The topic says that it has not changed.")
        return ContentDistributionMessage(
            content=fetched.body, content_type=fetched.content_type, hubs=fetched.hubs, topic=fetched.topic
        )

    def _active(self, topic: str) -> list[Recipient]:
        subscriptions = self._subscriptions.get(url_identity(topic), {})
        for ended in [key for key, each in subscriptions.items() if each.expires_at <= time.time()]:
            del subscriptions[ended]
        return list(subscriptions.values())

    async def _deliver(
        self, content: ContentDistributionMessage, topic: str, recipients: list[Recipient]
    ) -> list[Recipient]:
        """Deliver once to each recipient, and return the recipients that did not accept the update."""
        failed: list[Recipient] = []

        def settle(recipient: Recipient, outcome: DeliveryOutcome) -> None:
            if outcome.status == GONE:
                self._forget(topic, recipient.callback)
            elif not outcome.delivered:
                failed.append(recipient)

        await self._distributor.distribute(content, topic, recipients, settle)
        return failed


@asynccontextmanager
async def in_memory_hub(url: str) -> AsyncIterator[InMemoryHub]:
    """Yield a hub with everything it needs, and cancel deliveries in progress at the end."""
    async with ContentDistributor(url) as distributor, TopicClient(url) as topics, anyio.create_task_group() as tasks:
        yield InMemoryHub(tasks, distributor, topics)
        tasks.cancel_scope.cancel()


async def main(port: int) -> None:
    """Serve until interrupted."""
    url = f"http://127.0.0.1:{port}/hub"
    async with in_memory_hub(url) as hub:
        await serve(hub, HubConfig(url=url), port=port, ready=lambda _: print(f"hub ready at {url}", flush=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A hub that keeps everything in memory.")
    parser.add_argument("--port", type=int, default=8080, help="the port to serve at")
    with suppress(KeyboardInterrupt):
        anyio.run(main, parser.parse_args().port)
