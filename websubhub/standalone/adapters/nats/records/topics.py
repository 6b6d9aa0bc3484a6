"""The topics of the hub and their updates, as a process knows them."""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice

from websubhub import url_identity
from websubhub.standalone.adapters.nats.wire.names import short_hash
from websubhub.standalone.indexes.ordered import Ordered
from websubhub.standalone.ports import DeliveryMode, FetchedTopic, Topic
from websubhub.standalone.schedule.members import Members


class KnownTopic:
    """A topic.

    The schedule needs consecutive numbers for updates. So each process numbers those that it has seen, starting with
    the first one that still existed when it started, while the journal uses the numbers of the stream.

    Attributes:
        hash: Its name in subjects.
        identity: The identity of its URL.
        number: Its number in the ledger of this process.
        url: Its URL, as it was first written.
        value: The topic as recorded, or None if there is no record.
        fetched: The record of the last fetch.
        pairs: How many subscriptions it has in the whole hub.
        letters: How many dead letters each update has, by its number in the stream.
        unowed: The updates that were owed to nobody when they were published, by their numbers in the stream.
    """

    __slots__ = (
        "_below", "_published", "_updates", "fetched", "hash", "identity", "letters", "number", "pairs", "unowed",
        "url", "value",
    )  # fmt: skip

    def __init__(self, number: int, url: str) -> None:
        self.number: int = number
        self.url: str = url
        self.identity: str = url_identity(url)
        self.hash: str = short_hash(self.identity)
        self.value: Topic | None = None
        self.fetched: FetchedTopic | None = None
        self.pairs: int = 0
        self.letters: Counter[int] = Counter[int]()
        self.unowed: set[int] = set[int]()
        self._below = 0
        self._updates = array("q")
        self._published = array("d")

    @property
    def mode(self) -> DeliveryMode:
        """The updates that a subscription gets when it has fallen behind."""
        return DeliveryMode.EVERY if self.value is None else self.value.delivery_mode

    @property
    def head(self) -> int:
        """The sequence number of its newest update."""
        return self._below + len(self._updates)

    @property
    def has_updates(self) -> bool:
        """Whether any updates may still exist."""
        return bool(self._updates)

    def count_updates(self) -> int:
        """Return how many updates may still exist."""
        return len(self._updates)

    def add_update(self, stored: int, published_at: float) -> int:
        """Count another update by its number in the stream, and return its sequence number."""
        self._updates.append(stored)
        self._published.append(published_at)
        return self.head

    def stored(self, sequence: int) -> int:
        """Return the number in the stream of an update, or 0 if it was deleted long ago."""
        index = sequence - self._below - 1
        return self._updates[index] if index >= 0 else 0

    def published_at(self, sequence: int) -> float | None:
        """Return when an update was published, or None if it was deleted long ago or does not exist yet."""
        index = sequence - self._below - 1
        return self._published[index] if 0 <= index < len(self._published) else None

    def position(self, stored: int) -> int:
        """Return the sequence number of the last update that is not above a number in the stream."""
        return self._below + bisect_right(self._updates, stored)

    def updates_up_to(self, stored: int) -> Iterator[int]:
        """Return the numbers in the stream of the updates up to one, oldest first."""
        return iter(self._updates[: bisect_right(self._updates, stored)])

    def updates_before(self, stored: int | None) -> Iterator[int]:
        """Return the numbers in the stream of the updates before one, or of all, newest first."""
        end = len(self._updates) if stored is None else bisect_left(self._updates, stored)
        return islice(reversed(self._updates), len(self._updates) - end, None)

    def forget_updates(self, below: int) -> None:
        """Forget the deleted updates below a number in the stream."""
        gone = bisect_right(self._updates, below - 1)
        if gone:
            self._below += gone
            self.unowed.difference_update(self._updates[:gone])
            del self._updates[:gone], self._published[:gone]

    def is_unused(self) -> bool:
        """Return whether nothing depends on it, apart from announcements."""
        topic = self.value
        has_options = topic is not None and (
            topic.registered or topic.feed_diff or topic.delivery_mode is not DeliveryMode.EVERY
        )
        return not (has_options or self.pairs or self._updates or self.letters)


class KnownTopics:
    """The topics by hash and by number.

    Args:
        members: Notified of each topic.

    Attributes:
        recorded: The identities of the topics that have a record.
    """

    def __init__(self, members: Members) -> None:
        self._members = members
        self._by_hash: dict[str, KnownTopic] = {}
        self._by_number: dict[int, KnownTopic] = {}
        self._numbers = count(1)
        self.recorded: Ordered[str] = Ordered[str]()

    def __iter__(self) -> Iterator[KnownTopic]:
        return iter(list(self._by_number.values()))

    def find(self, url: str) -> KnownTopic | None:
        """Return the topic of a URL, or None if it is unknown."""
        return self._by_hash.get(short_hash(url_identity(url)))

    def named(self, topic: str) -> KnownTopic | None:
        """Return the topic of a hash, or None if it is unknown."""
        return self._by_hash.get(topic)

    def numbered(self, number: int) -> KnownTopic | None:
        """Return the topic of a number, or None."""
        return self._by_number.get(number)

    def ensure(self, url: str) -> KnownTopic:
        """Return the topic of a URL, and add it if it is unknown."""
        known = self.find(url)
        if known is None:
            known = KnownTopic(next(self._numbers), url)
            self._by_hash[known.hash] = self._by_number[known.number] = known
            self._members.add_topic(known.number, known.mode)
        return known

    def record(self, known: KnownTopic, value: Topic | None, fetched: FetchedTopic | None) -> None:
        """Note the current record of a topic, or that it has none."""
        if (value is None) != (known.value is None):
            (self.recorded.discard if value is None else self.recorded.add)(known.identity)
        known.value, known.fetched = value, fetched
        if value is not None:
            known.url = value.url
        self._members.add_topic(known.number, known.mode, known.head)

    def forget(self, known: KnownTopic) -> None:
        """Remove a topic on which nothing depends."""
        if self._by_number.pop(known.number, None) is not None:
            del self._by_hash[known.hash]
            self._members.forget_topic(known.number)
