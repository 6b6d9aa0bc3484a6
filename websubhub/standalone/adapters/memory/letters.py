"""Dead letters in memory."""

from collections.abc import Iterable, Iterator
from itertools import count, islice

from attrs import define, evolve, field

from websubhub.standalone.adapters.memory.records import KeptSubscription, KeptTopic
from websubhub.standalone.broker.settlements import Death
from websubhub.standalone.indexes.failed import matcher
from websubhub.standalone.indexes.ordered import Ordered
from websubhub.standalone.indexes.pairs import Pair
from websubhub.standalone.ports import EVERY_DELIVERY, DeadLetter, DeliveryFilter, Update


@define(eq=False)
class KeptLetter:
    """A dead letter, with its update and subscription."""

    value: DeadLetter = field(repr=False)
    pair: Pair = field(repr=False)
    topic: KeptTopic
    sequence: int
    redelivery: bool = False


class Letters:
    """The dead letters by number. Their updates are not deleted."""

    def __init__(self) -> None:
        self._letters: dict[int, KeptLetter] = {}
        self._order = Ordered[int]()
        self._replaying: set[int] = set()
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._letters)

    def add(self, death: Death, subscription: KeptSubscription) -> None:
        """Keep a delivery that the hub gave up on, unless its update has been replaced by a newer one since."""
        topic = subscription.topic
        update = topic.updates.get(death.sequence)
        if update is None:
            return
        self._add(subscription, update, death.sequence, death.attempts, death.reason, death.died_at)

    def redeliver(self, update: Update, sequence: int, subscription: KeptSubscription, now: float) -> int:
        """Add an update to redeliver, like a replayed dead letter, and return its number."""
        letter = self._add(subscription, update, sequence, 0, "an operator requested a redelivery", now)
        letter.redelivery = True
        self.replay(letter)
        return letter.value.id

    def _add(
        self, subscription: KeptSubscription, update: Update, sequence: int, attempts: int, reason: str, died_at: float
    ) -> KeptLetter:
        number, topic = next(self._numbers), subscription.topic
        value = DeadLetter(
            id=number,
            topic=topic.value.url,
            callback=subscription.value.callback,
            message_id=update.id,
            content_type=update.content_type,
            content_length=len(update.content),
            attempts=attempts,
            reason=reason,
            died_at=died_at,
        )
        letter = self._letters[number] = KeptLetter(value, subscription.pair, topic, sequence)
        self._order.add(number)
        topic.letters[sequence] += 1
        return letter

    def page(self, after: int, limit: int, only: DeliveryFilter = EVERY_DELIVERY) -> list[DeadLetter]:
        """Return a page of the matching dead letters, oldest first."""
        return list(islice(self._chosen(only, after), limit))

    def count(self, only: DeliveryFilter) -> int:
        """Return how many dead letters match."""
        return sum(1 for _ in self._chosen(only, 0))

    def of_update(self, topic: KeptTopic, sequence: int) -> dict[str, DeadLetter]:
        """Return the dead letters of an update that are not redeliveries in progress, by the callback's identity."""
        return {
            letter.pair[1]: letter.value
            for letter in (self._letters.values() if topic.letters[sequence] else ())
            if letter.topic is topic
            and letter.sequence == sequence
            and not (letter.redelivery and letter.value.replaying)
        }

    def update(self, number: int) -> Update | None:
        """Return the update of a dead letter, or None."""
        letter = self._letters.get(number)
        return None if letter is None else letter.topic.updates.get(letter.sequence)

    def _chosen(self, only: DeliveryFilter, after: int) -> Iterator[DeadLetter]:
        matches = matcher(only)
        for number in self._order.after(after):
            letter = self._letters[number].value
            if matches(letter.topic, letter.callback, letter.reason):
                yield letter

    def known(self, numbers: Iterable[int]) -> list[KeptLetter]:
        """Return the dead letters with these numbers that exist, in order."""
        return [self._letters[number] for number in sorted(set(numbers)) if number in self._letters]

    def replay(self, letter: KeptLetter) -> None:
        """Mark a dead letter as replaying."""
        self._replaying.add(letter.value.id)
        letter.value = evolve(letter.value, replaying=True)

    def failed(self, number: int, reason: str) -> None:
        """Note that a replay failed."""
        letter = self._letters.get(number)
        if letter is not None and number in self._replaying:
            self._replaying.discard(number)
            letter.value = evolve(letter.value, replaying=False, reason=reason, attempts=letter.value.attempts + 1)

    def end_replays(self, pair: Pair) -> None:
        """Note that the subscription of a pair has ended."""
        for letter in self.known(self._replaying):
            if letter.pair == pair:
                self._replaying.discard(letter.value.id)
                letter.value = evolve(letter.value, replaying=False)

    def delete(self, numbers: Iterable[int]) -> list[KeptLetter]:
        """Delete the dead letters with these numbers, and return those that existed."""
        deleted = self.known(numbers)
        for letter in deleted:
            number = letter.value.id
            del self._letters[number]
            self._order.discard(number)
            self._replaying.discard(number)
            letter.topic.letters[letter.sequence] -= 1
            if not letter.topic.letters[letter.sequence]:
                del letter.topic.letters[letter.sequence]
        return deleted
