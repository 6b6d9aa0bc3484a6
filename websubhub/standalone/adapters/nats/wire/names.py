"""The names of streams, subjects and partitions."""

from hashlib import blake2b

from websubhub import authority_of, url_identity
from websubhub.standalone.schedule.hosts import host_key

PARTITIONS = 32
"""How many groups of hosts there are. One process at a time serves each."""


def short_hash(text: str) -> str:
    """Return the hash that represents a text in subjects."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def number_hash(text: str) -> int:
    """Return the hash that represents a text in columns of numbers."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def topic_hash(url: str) -> str:
    """Return the hash of a topic."""
    return short_hash(url_identity(url))


def pair_hash(topic: str, callback: str) -> str:
    """Return the hash of a topic and a callback."""
    return short_hash(f"{url_identity(topic)}\0{url_identity(callback)}")


def partition_of_host(host: int) -> int:
    """Return the partition of a host, by its key."""
    return host % PARTITIONS


def partition_of(callback: str) -> int:
    """Return the partition of a callback, which is that of its host."""
    return partition_of_host(host_key(authority_of(callback)))


def partition_of_topic(topic: str) -> int:
    """Return the partition whose owner fetches a topic."""
    return int(topic, 16) % PARTITIONS


class Names:
    """The names of one hub on its servers.

    Args:
        hub: The name of the hub: lower case letters, digits and ``_``.
    """

    def __init__(self, hub: str) -> None:
        self.hub = hub

    def stream(self, letter: str) -> str:
        """Return the name of a stream."""
        return f"{self.hub.upper()}_{letter.upper()}"

    def subject(self, *tokens: object) -> str:
        """Return a subject."""
        return ".".join((self.hub, *map(str, tokens)))

    def letter(self, subject: str) -> str:
        """Return the first token of a subject after the name of the hub."""
        return subject.split(".", 2)[1]
