"""The publishes of the hub and their outcomes, as a process knows them."""

from websubhub.standalone.adapters.nats.records.attempts import KnownAttempts
from websubhub.standalone.adapters.nats.records.counts import KnownCounts
from websubhub.standalone.adapters.nats.records.messages import KnownMessages
from websubhub.standalone.adapters.nats.records.publish_keys import KnownKeys


class KnownPublishes:
    """The history of the hub.

    Args:
        own: The id of this process.

    Attributes:
        keys: The keys of publishes.
        messages: The messages.
        counts: How many deliveries of each arrived or died.
        attempts: The failed attempts.
    """

    def __init__(self, own: str) -> None:
        self.keys: KnownKeys = KnownKeys()
        self.messages: KnownMessages = KnownMessages()
        self.counts: KnownCounts = KnownCounts(own)
        self.attempts: KnownAttempts = KnownAttempts()
