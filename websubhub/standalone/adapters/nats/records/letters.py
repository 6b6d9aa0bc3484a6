"""The dead letters of the hub, as a process knows them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import asdict, frozen

from websubhub.standalone.indexes.ordered import Ordered
from websubhub.standalone.ports import DeadLetter


@frozen
class KnownLetter:
    """A dead letter.

    Attributes:
        subject: The subject of its record.
        value: The letter.
        stored: The number of its update in the stream.
        replayed: The ``start`` of the subscription for which it is replayed, or -1.
        redelivery: Whether it exists because an operator requested a redelivery.
    """

    subject: str
    value: DeadLetter
    stored: int
    replayed: int = -1
    redelivery: bool = False

    def write(self) -> bytes:
        """Return its record."""
        about = {"stored": self.stored, "replayed": self.replayed, "redelivery": self.redelivery}
        return json.dumps({"letter": asdict(self.value), **about}).encode()


def read_letter(subject: str, sequence: int, data: bytes) -> KnownLetter:
    """Return a stored letter. Its id is the number of its first record.

    Raises:
        ValueError, TypeError, KeyError: The data is not such a record.
    """
    values: dict[str, Any] = json.loads(data)
    letter = values["letter"]
    value = DeadLetter(**letter | {"id": letter["id"] or sequence})
    redelivery = bool(values.get("redelivery"))
    return KnownLetter(subject, value, int(values["stored"]), int(values["replayed"]), redelivery)


class KnownLetters:
    """The dead letters by number."""

    def __init__(self) -> None:
        self._by_id: dict[int, KnownLetter] = {}
        self._by_subject: dict[str, KnownLetter] = {}
        self._order = Ordered[int]()

    def __len__(self) -> int:
        return len(self._by_id)

    def of(self, subject: str) -> KnownLetter | None:
        """Return the letter of a subject, or None."""
        return self._by_subject.get(subject)

    def put(self, letter: KnownLetter) -> None:
        """Add or update a letter."""
        if letter.subject not in self._by_subject:
            self._order.add(letter.value.id)
        self._by_id[letter.value.id] = self._by_subject[letter.subject] = letter

    def remove(self, subject: str) -> KnownLetter | None:
        """Remove and return a letter, if it exists."""
        letter = self._by_subject.pop(subject, None)
        if letter is not None:
            del self._by_id[letter.value.id]
            self._order.discard(letter.value.id)
        return letter

    def page(self, after: int, limit: int) -> list[KnownLetter]:
        """Return a page of the letters, oldest first."""
        return [self._by_id[number] for number in self._order.page(after, limit)]

    def after(self, number: int) -> Iterator[KnownLetter]:
        """Return the letters above a number, oldest first."""
        return (self._by_id[each] for each in self._order.after(number))

    def known(self, numbers: Iterable[int]) -> list[KnownLetter]:
        """Return the letters with these numbers that exist, in order."""
        return [self._by_id[number] for number in sorted(set(numbers)) if number in self._by_id]

    def of_update(self, stored: int) -> list[KnownLetter]:
        """Return the letters of an update, by its number in the stream."""
        return [letter for letter in self._by_id.values() if letter.stored == stored]

    def replaying(self) -> list[KnownLetter]:
        """Return the letters to replay, in order."""
        return sorted(
            (letter for letter in self._by_id.values() if letter.replayed >= 0), key=lambda each: each.value.id
        )
