"""The subscriptions to which this process delivers: those of the partitions that it owns."""

from collections.abc import Iterable

from attrs import field, frozen

from websubhub import authority_of
from websubhub.standalone.adapters.nats.records.letters import KnownLetter
from websubhub.standalone.adapters.nats.records.pairs import KnownPair, KnownPairs
from websubhub.standalone.adapters.nats.wire.names import partition_of
from websubhub.standalone.broker.ledger import Ledger
from websubhub.standalone.schedule.hosts import host_key
from websubhub.standalone.schedule.members import Member


@frozen(kw_only=True)
class StoredRetry:
    """A retry in the form of the journal: like ``Retry``, with the number of the update in the stream."""

    stored: int
    attempts: int
    refusals: int
    due_at: float
    attempted_at: float
    firm: bool
    reason: str = field(repr=False)


class Membership:
    """Adds subscriptions to the board of this process, and removes them.

    Args:
        ledger: The ledger with the board.
        pairs: The subscriptions of the whole hub.

    Attributes:
        owned: The partitions of this process.
        retrying: The subscriptions of these partitions that are waiting for a retry.
    """

    def __init__(self, ledger: Ledger, pairs: KnownPairs) -> None:
        self._ledger = ledger
        self._pairs = pairs
        self.owned: set[int] = set()
        self.retrying: dict[KnownPair, StoredRetry] = {}

    def is_own(self, callback: str) -> bool:
        """Return whether this process looks after a callback."""
        return partition_of(callback) in self.owned

    def begin(self, pair: KnownPair) -> None:
        """Deliver to a subscription if this process owns its partition, starting from its position."""
        if pair.partition not in self.owned or pair.value is None or pair.number:
            return
        self._ledger.members.add(
            Member(
                topic=pair.topic.number,
                subscription=self._pairs.give_number(pair),
                host=host_key(authority_of(pair.value.callback)),
                position=pair.topic.position(max(pair.position, pair.start)),
                expires_at=pair.value.expires_at,
            )
        )
        self._ledger.due.ring()

    def renew(self, pair: KnownPair) -> None:
        """Note that a lease, a secret or the spelling of a callback has changed."""
        if pair.number and pair.value is not None:
            now = self._ledger.clock()
            self._ledger.members.renew(pair.topic.number, pair.number, pair.value.expires_at, now)

    def end(self, pair: KnownPair) -> None:
        """Stop delivering to a subscription."""
        self.retrying.pop(pair, None)
        if pair.number:
            self._ledger.members.end(pair.topic.number, self._pairs.take_number(pair))

    def restore(self, pair: KnownPair, retry: StoredRetry) -> None:
        """Make a subscription wait for a retry that another process scheduled."""
        self.retrying[pair] = retry
        self._ledger.members.restore_retry(
            pair.topic.number,
            pair.number,
            due_at=retry.due_at,
            attempted_at=retry.attempted_at,
            firm=retry.firm,
        )

    def replay(self, letters: Iterable[KnownLetter]) -> None:
        """Owe the updates of letters to replay to the subscriptions of this process."""
        for letter in letters:
            pair = self.replayed_for(letter)
            if pair is not None and pair.number:
                sequence = pair.topic.position(letter.stored)
                self._ledger.replaying(pair.topic.number, pair.number, letter.value.id, sequence)

    def replayed_for(self, letter: KnownLetter) -> KnownPair | None:
        """Return the subscription for which a letter should be replayed, or None if there is none or it has ended."""
        if letter.replayed < 0:
            return None
        pair = self._pairs.find(letter.value.topic, letter.value.callback, 0.0)
        return pair if pair is not None and pair.start == letter.replayed else None

    def leave(self, partition: int) -> None:
        """Stop delivering to the subscriptions of a partition."""
        self.owned.discard(partition)
        for pair in self._pairs.of_partition[partition].values():
            self.end(pair)
