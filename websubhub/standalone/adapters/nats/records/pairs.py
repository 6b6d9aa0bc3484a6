"""The pairs of topic and callback, as a process knows them: subscriptions and pending verifications."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import attrs
from attrs import frozen

from websubhub import host_of
from websubhub.standalone.adapters.nats.records.topics import KnownTopic
from websubhub.standalone.adapters.nats.wire.names import PARTITIONS
from websubhub.standalone.indexes.ordered import Ordered
from websubhub.standalone.indexes.pairs import Pair, pair_of
from websubhub.standalone.indexes.pending import Pending
from websubhub.standalone.ports import Mode, PendingVerification, StoredSubscription


@frozen
class PairRecord:
    """The record of a pair.

    Attributes:
        active: The subscription, or None.
        start: The number in the stream of the last update before the subscription began.
        pending: The verification, or None.
    """

    active: StoredSubscription | None = None
    start: int = 0
    pending: PendingVerification | None = None

    def write(self) -> bytes:
        """Return its stored form, which is empty if the record is."""
        if self.active is None and self.pending is None:
            return b""
        values = {
            "active": None if self.active is None else attrs.asdict(self.active),
            "start": self.start,
            "pending": None if self.pending is None else attrs.asdict(self.pending),
        }
        return json.dumps({key: value for key, value in values.items() if value}).encode()


NOTHING = PairRecord()


def read_pair(data: bytes) -> PairRecord:
    """Return a stored record.

    Raises:
        ValueError, TypeError, KeyError: The data is not such a record.
    """
    if not data:
        return NOTHING
    values: dict[str, Any] = json.loads(data)
    active, pending = values.get("active"), values.get("pending")
    return PairRecord(
        None if active is None else StoredSubscription(**active),
        int(values.get("start", 0)),
        None if pending is None else PendingVerification(**pending | {"mode": Mode(pending["mode"])}),
    )


class KnownPair:
    """A pair.

    Attributes:
        key: Its identity.
        topic: Its topic.
        partition: The partition of its callback.
        id: Its id in the journal.
        value: The subscription, or None.
        start: As in the record.
        number: Its number in the ledger of this process, or 0 if another process delivers to it.
        position: The number in the stream of the last update whose outcome is in the journal.
        turned_away: The number in the stream of the last update that its callback turned away.
        delivered_at: When a delivery of this process last arrived, or None.
    """

    __slots__ = (
        "delivered_at",
        "id",
        "key",
        "number",
        "partition",
        "position",
        "start",
        "topic",
        "turned_away",
        "value",
    )

    def __init__(self, key: Pair, topic: KnownTopic, partition: int, own: int) -> None:
        self.key: Pair = key
        self.topic: KnownTopic = topic
        self.partition: int = partition
        self.id: int = own
        self.value: StoredSubscription | None = None
        self.start: int = 0
        self.number: int = 0
        self.position: int = 0
        self.turned_away: int = 0
        self.delivered_at: float | None = None


class KnownPairs:
    """The subscribed pairs, and the pending verifications of all pairs.

    Attributes:
        pending: The pending verifications.
        held: How many subscriptions each host has, on any port.
        of_partition: The subscriptions of each partition, by id.
    """

    def __init__(self) -> None:
        self.pending: Pending = Pending()
        self.held: Counter[str] = Counter[str]()
        self.of_partition: list[dict[int, KnownPair]] = [{} for _ in range(PARTITIONS)]
        self._by_key: dict[Pair, KnownPair] = {}
        self._by_number: dict[int, KnownPair] = {}
        self._order = Ordered[Pair]()
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._by_key)

    def of(self, key: Pair) -> KnownPair | None:
        """Return the subscription of a pair, or None."""
        return self._by_key.get(key)

    def find(self, topic: str, callback: str, now: float) -> KnownPair | None:
        """Return the subscription of a pair whose lease has not ended, or None."""
        pair = self._by_key.get(pair_of(topic, callback))
        return pair if pair is not None and pair.value is not None and pair.value.expires_at > now else None

    def numbered(self, number: int) -> KnownPair | None:
        """Return the subscription with a number if this process delivers to it, else None."""
        return self._by_number.get(number)

    def after(self, key: Pair) -> Iterator[Pair]:
        """Return the keys of subscriptions above a key."""
        return self._order.after(key)

    def __iter__(self) -> Iterator[KnownPair]:
        return iter(self._by_key.values())

    def add(self, pair: KnownPair) -> None:
        """Add a subscription."""
        self._by_key[pair.key] = self.of_partition[pair.partition][pair.id] = pair
        self._order.add(pair.key)
        self.held[_host(pair)] += 1
        pair.topic.pairs += 1

    def remove(self, pair: KnownPair) -> None:
        """Remove a subscription."""
        del self._by_key[pair.key], self.of_partition[pair.partition][pair.id]
        self._order.discard(pair.key)
        host = _host(pair)
        self.held[host] -= 1
        if not self.held[host]:
            del self.held[host]
        pair.topic.pairs -= 1

    def give_number(self, pair: KnownPair) -> int:
        """Assign a subscription a number above all others."""
        pair.number = next(self._numbers)
        self._by_number[pair.number] = pair
        return pair.number

    def take_number(self, pair: KnownPair) -> int:
        """Remove the number of a subscription to which this process no longer delivers."""
        number, pair.number = pair.number, 0
        self._by_number.pop(number, None)
        return number


def _host(pair: KnownPair) -> str:
    return host_of(pair.key[1])
