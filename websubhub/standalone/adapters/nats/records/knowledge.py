"""The knowledge of a process: every record, according to the streams."""

import json
import logging
from collections.abc import Callable

from websubhub import url_identity
from websubhub.standalone.adapters.nats.records.announced import KnownAnnouncements, read_announcement
from websubhub.standalone.adapters.nats.records.counts import CountedBy
from websubhub.standalone.adapters.nats.records.letters import KnownLetters, read_letter
from websubhub.standalone.adapters.nats.records.membership import Membership
from websubhub.standalone.adapters.nats.records.pairs import KnownPair, KnownPairs, PairRecord, read_pair
from websubhub.standalone.adapters.nats.records.publish_keys import read_uses
from websubhub.standalone.adapters.nats.records.publishes import KnownPublishes
from websubhub.standalone.adapters.nats.records.table_rows import TablePiece
from websubhub.standalone.adapters.nats.records.topics import KnownTopics
from websubhub.standalone.adapters.nats.wire.errors import Stored
from websubhub.standalone.adapters.nats.wire.names import Names, partition_of
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.indexes.pairs import Pair, pair_of
from websubhub.standalone.ports import DeliveryMode, FetchedTopic, StoredSubscription, Topic

log: logging.Logger = logging.getLogger("websubhub")

_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Knowledge:
    """Takes the messages of the record streams. They may be repeated, and arrive out of order.

    Args:
        ledger: Notified of what concerns this process.
        names: The names of the hub.
        own: The id of this process.

    Attributes:
        ledger: The ledger.
        topics: The topics.
        pairs: The pairs of topic and callback.
        membership: The subscriptions that this process delivers to.
        letters: The dead letters.
        announcements: The announced topics.
        publishes: The publishes and their outcomes.
        agreed: What all processes have agreed on, by name.
        paused: The paused hosts.
    """

    def __init__(self, ledger: Ledger, names: Names, own: str) -> None:
        self.ledger = ledger
        self._names = names
        self.topics: KnownTopics = KnownTopics(ledger.members)
        self.pairs: KnownPairs = KnownPairs()
        self.membership: Membership = Membership(ledger, self.pairs)
        self.letters: KnownLetters = KnownLetters()
        self.announcements: KnownAnnouncements = KnownAnnouncements()
        self.publishes: KnownPublishes = KnownPublishes(own)
        self.agreed: dict[str, object] = {}
        self.paused: set[str] = set[str]()
        self._sequences: dict[str, int] = {}
        self._keys_of_pairs: dict[str, Pair] = {}
        self._takers: dict[str, Callable[[str, int, bytes], None]] = {
            "t": self._take_topic,
            "s": self._take_pair,
            "a": self._take_announcement,
            "d": self._take_letter,
            "h": self._take_host,
            "k": self._take_key,
            "m": self._take_agreement,
            "c": self._take_count,
            "x": self._take_expiry,
        }

    def sequence(self, subject: str) -> int:
        """Return the number of the last message taken for a record, or 0."""
        return self._sequences.get(subject, 0)

    def take(self, message: Stored) -> None:
        """Take a message, unless a later one for its record was taken."""
        if message.sequence <= self.sequence(message.subject):
            return
        self._sequences[message.subject] = message.sequence
        try:
            self._takers[self._names.letter(message.subject)](message.subject, message.sequence, message.data)
        except _UNREADABLE:
            log.exception("The record %s cannot be read, and is skipped.", message.subject)

    def miss(self, subject: str) -> None:
        """Note that a record no longer exists, because even the mark of its deletion is gone."""
        if self._sequences.pop(subject, None):
            self._takers[self._names.letter(subject)](subject, 0, b"")

    def _take_topic(self, subject: str, _sequence: int, data: bytes) -> None:
        if data:
            values = json.loads(data)
            fetched = values.get("fetched")
            if fetched is not None:
                lists = {"hubs": tuple(fetched["hubs"]), "entries": tuple(fetched["entries"])}
                fetched = FetchedTopic(**fetched | lists)
            options = values["topic"]
            value = Topic(**options | {"delivery_mode": DeliveryMode(options["delivery_mode"])})
            self.topics.record(self.topics.ensure(value.url), value, fetched)
            return
        known = self.topics.named(subject.rpartition(".")[2])
        if known is not None:
            self.topics.record(known, None, None)
            if known.is_unused():
                self.topics.forget(known)

    def _take_pair(self, subject: str, _sequence: int, data: bytes) -> None:
        record = read_pair(data)
        of = record.active or record.pending
        key = self._keys_of_pairs.pop(subject, None) if of is None else pair_of(of.topic, of.callback)
        if key is None:
            return
        if of is not None:
            self._keys_of_pairs[subject] = key
        pending = self.pairs.pending
        if record.pending is None:
            pending.delete(pending.of(key))
        else:
            pending.put(record.pending, key)
        self._take_subscription(subject, key, record)

    def _take_subscription(self, subject: str, key: Pair, record: PairRecord) -> None:
        pair, value = self.pairs.of(key), record.active
        if pair is not None and (value is None or pair.start != record.start):
            self.membership.end(pair)
            self.pairs.remove(pair)
            pair.value, pair = None, None
        if value is None:
            return
        if pair is not None:
            pair.value = value
            self.membership.renew(pair)
            return
        pair = KnownPair(
            key, self.topics.ensure(value.topic), partition_of(value.callback), int(subject.rpartition(".")[2], 16)
        )
        pair.value, pair.start = value, record.start
        self.pairs.add(pair)
        self.membership.begin(pair)

    def take_rows(self, partition: int, piece: TablePiece, first: int) -> None:
        """Take the subscriptions of a partition from a piece of a table.

        Args:
            partition: The number of the partition.
            piece: The piece.
            first: The number of the first message of their stream. Records below have been deleted or replaced since.
        """
        topics = [self.topics.ensure(url) for url in piece.topics]
        sequences, prefix = self._sequences, self._names.subject("s", partition, "")
        for topic, callback, secret, lease, requested, start, sequence, own in zip(*piece.columns, strict=True):
            subject = f"{prefix}{own:016x}"
            if sequence < first or sequence <= sequences.get(subject, 0):
                continue
            known = topics[topic]
            key = (known.identity, url_identity(callback))
            sequences[subject] = sequence
            self._keys_of_pairs[subject] = key
            pair = KnownPair(key, known, partition, own)
            pair.start = start
            pair.value = StoredSubscription(
                topic=piece.topics[topic],
                callback=callback,
                secret=secret,
                lease_seconds=lease,
                requested_at=requested,
            )
            self.pairs.add(pair)
        for record in piece.others:
            if record.sequence >= first:
                self.take(record)

    def _take_announcement(self, subject: str, sequence: int, data: bytes) -> None:
        if data:
            self.announcements.put(read_announcement(subject, sequence, data))
        else:
            self.announcements.remove(subject)

    def _take_letter(self, subject: str, sequence: int, data: bytes) -> None:
        before = self.letters.of(subject)
        if data:
            letter = read_letter(subject, sequence, data)
            self.letters.put(letter)
            if before is None:
                self.topics.ensure(letter.value.topic).letters[letter.stored] += 1
            if before is None or before.replayed != letter.replayed:
                self.membership.replay([letter])
        elif before is not None:
            self.letters.remove(subject)
            topic = self.topics.ensure(before.value.topic)
            topic.letters[before.stored] -= 1
            if not topic.letters[before.stored]:
                del topic.letters[before.stored]
            pair = self.pairs.of(pair_of(before.value.topic, before.value.callback))
            self.ledger.dropped(topic.number, pair.number if pair else None, before.value.id)

    def _take_host(self, _subject: str, _sequence: int, data: bytes) -> None:
        if data:
            host = json.loads(data)
            name, paused = str(host["host"]), bool(host["paused"])
            (self.paused.add if paused else self.paused.discard)(name)
            self.ledger.host_held(name, paused=paused)

    def _take_key(self, subject: str, _sequence: int, data: bytes) -> None:
        self.publishes.keys.put(subject, read_uses(data))

    def _take_expiry(self, subject: str, _sequence: int, data: bytes) -> None:
        record = json.loads(data) if data else None
        topic = self.topics.ensure(record["topic"]) if record else self.topics.named(subject.rpartition(".")[2])
        if topic is not None:
            self.publishes.messages.expire_topic(topic, int(record["until"]) if record else 0)

    def _take_count(self, subject: str, _sequence: int, data: bytes) -> None:
        *_, process, bucket = subject.split(".")
        self.publishes.counts.take(CountedBy(process, int(bucket)), data)

    def _take_agreement(self, subject: str, _sequence: int, data: bytes) -> None:
        self.agreed[subject.rpartition(".")[2]] = json.loads(data or b"null")
