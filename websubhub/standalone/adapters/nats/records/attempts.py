"""The kept failed attempts, as a process knows them: the place and the keys of each."""

from array import array
from collections.abc import Iterator

from attrs import frozen

from websubhub.standalone.ports import AttemptOutcome

_OUTCOMES = tuple(AttemptOutcome)
_PLACES = 4_096


@frozen
class AttemptKeys:
    """The keys of failed attempts: hashes of texts, or None for any."""

    message: int | None = None
    topic: int | None = None
    callback: int | None = None
    host: int | None = None
    outcome: AttemptOutcome | None = None


def number_of(sequence: int, place: int) -> int:
    """Return the number of an attempt, given its message in the stream and its place in the message."""
    return sequence * _PLACES + place


def place_of(number: int) -> tuple[int, int]:
    """Return the message in the stream that contains an attempt, and its place in the message."""
    return divmod(number, _PLACES)


class KnownAttempts:
    """The failed attempts in the order of their numbers, 57 bytes for each."""

    def __init__(self) -> None:
        self._numbers, self._times, self._sizes = array("q"), array("d"), array("q")
        self._keys = {name: array("q") for name in ("message", "topic", "callback", "host")}
        self._outcomes = array("B")
        self._bytes = 0

    def add(self, number: int, keys: AttemptKeys, attempted_at: float, size: int) -> None:
        """Add the newest attempt."""
        self._numbers.append(number)
        self._times.append(attempted_at)
        self._sizes.append(size)
        for name, column in self._keys.items():
            column.append(getattr(keys, name))
        self._outcomes.append(0 if keys.outcome is None else _OUTCOMES.index(keys.outcome))
        self._bytes += size

    def find(self, keys: AttemptKeys, before: int | None) -> Iterator[int]:
        """Return the numbers of matching attempts before a number, newest first."""
        wanted = [(column, key) for name, column in self._keys.items() if (key := getattr(keys, name)) is not None]
        if keys.outcome is not None:
            wanted.append((self._outcomes, _OUTCOMES.index(keys.outcome)))
        for place in reversed(range(len(self._numbers))):
            number = self._numbers[place]
            if (before is None or number < before) and all(column[place] == key for column, key in wanted):
                yield number

    def expire(self, before: float, most_bytes: int) -> int:
        """Remove attempts that exceed the limits, and return the first message in the stream to keep.

        Args:
            before: Attempts made before this time are too old.
            most_bytes: The most bytes of the others.
        """
        gone, last = 0, 0
        while gone < len(self._numbers) and (self._times[gone] <= before or self._bytes > most_bytes):
            self._bytes -= self._sizes[gone]
            last = self._numbers[gone]
            gone += 1
        del self._numbers[:gone], self._times[:gone], self._sizes[:gone], self._outcomes[:gone]
        for column in self._keys.values():
            del column[:gone]
        if self._numbers:
            return place_of(self._numbers[0])[0]
        return place_of(last)[0] + 1 if last else 0
