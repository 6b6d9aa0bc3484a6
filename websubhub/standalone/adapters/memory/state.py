"""The state that the stores in memory share: topics, subscriptions and dead letters in plain data structures."""

from collections import Counter
from itertools import count

import anyio.lowlevel

from websubhub import host_of, url_identity
from websubhub.standalone.adapters.memory.kept.messages import Messages
from websubhub.standalone.adapters.memory.letters import Letters
from websubhub.standalone.adapters.memory.records import KeptSubscription, KeptTopic
from websubhub.standalone.broker.settlements import Retry
from websubhub.standalone.indexes.ordered import Ordered
from websubhub.standalone.indexes.pairs import Pair, pair_of
from websubhub.standalone.ports import StoreClosedError, StoredSubscription, Topic


class State:
    """The shared state. Each store waits for its turn, and then reads or changes it without awaiting anything.

    Attributes:
        open: Whether it may be used.
        topics: The topics by identity.
        logs: The topics by number.
        subscriptions: The subscriptions by pair.
        recipients: The subscriptions by number.
        topic_order: The identities of the topics.
        pair_order: The pairs that are subscribed.
        held: How many subscriptions each host has, on any port.
        retries: The scheduled retries, by the number of the subscription.
        letters: The dead letters.
        messages: The messages and their results.
    """

    def __init__(self) -> None:
        self.open = False
        self.topics: dict[str, KeptTopic] = {}
        self.logs: dict[int, KeptTopic] = {}
        self.subscriptions: dict[Pair, KeptSubscription] = {}
        self.recipients: dict[int, KeptSubscription] = {}
        self.topic_order: Ordered[str] = Ordered[str]()
        self.pair_order: Ordered[Pair] = Ordered[Pair]()
        self.held: Counter[str] = Counter[str]()
        self.retries: dict[int, Retry] = {}
        self.letters: Letters = Letters()
        self.messages: Messages = Messages()
        self._topic_numbers = count(1)
        self._numbers = count(1)

    async def turn(self) -> None:
        """Give other tasks a turn first.

        Raises:
            StoreClosedError: The store is closed.
        """
        await anyio.lowlevel.checkpoint()
        if not self.open:
            raise StoreClosedError("The store is closed.")

    def find_topic(self, url: str) -> KeptTopic | None:
        """Return the topic of a URL, or None."""
        return self.topics.get(url_identity(url))

    def ensure_topic(self, url: str) -> KeptTopic:
        """Return the topic of a URL, and add it if it is unknown."""
        identity = url_identity(url)
        topic = self.topics.get(identity)
        if topic is None:
            topic = KeptTopic(next(self._topic_numbers), identity, Topic(url=url))
            self.topics[identity] = self.logs[topic.number] = topic
            self.topic_order.add(identity)
        return topic

    def forget_topic(self, topic: KeptTopic) -> None:
        """Remove a topic on which nothing depends."""
        del self.topics[topic.identity], self.logs[topic.number]
        self.topic_order.discard(topic.identity)

    def find_subscription(self, topic: str, callback: str, now: float) -> KeptSubscription | None:
        """Return the subscription of a pair whose lease has not ended, or None."""
        kept = self.subscriptions.get(pair_of(topic, callback))
        return kept if kept is not None and kept.value.expires_at > now else None

    @property
    def newest_subscription(self) -> int:
        """The number of the newest subscription, or 0."""
        return next(reversed(self.recipients), 0)

    def recipients_of(self, topic: str, message_id: str) -> int | None:
        """Return how many subscriptions a message was owed to, or None if it is not kept."""
        known = self.find_topic(topic)
        found = (kept for kept in self.messages.newest(None) if kept.update.id == message_id)
        return next((kept.recipients for kept in found if kept.topic is known), None)

    def add_subscription(self, topic: KeptTopic, pair: Pair, value: StoredSubscription) -> KeptSubscription:
        """Add a subscription that is owed nothing so far."""
        kept = KeptSubscription(next(self._numbers), pair, topic, value, topic.head)
        self.subscriptions[pair] = self.recipients[kept.number] = kept
        self.pair_order.add(pair)
        self.held[host_of(value.callback)] += 1
        topic.subscriptions += 1
        return kept

    def end_subscription(self, kept: KeptSubscription) -> None:
        """Remove a subscription and everything owed to it. Its dead letters stay."""
        del self.subscriptions[kept.pair], self.recipients[kept.number]
        self.pair_order.discard(kept.pair)
        self.retries.pop(kept.number, None)
        self.letters.end_replays(kept.pair)
        host = host_of(kept.value.callback)
        self.held[host] -= 1
        if not self.held[host]:
            del self.held[host]
        kept.topic.subscriptions -= 1
