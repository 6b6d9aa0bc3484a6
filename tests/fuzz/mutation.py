"""New inputs from old ones."""

import random
from collections.abc import Callable, Sequence

_STACK_MOST = 5
_REPEAT_MOST = 64
_INTERESTING = (
    b"\0",
    b"\xff",
    b"\x80",
    b"\r\n",
    b"\n",
    b" ",
    b"\t",
    b"%00",
    b"%E2%82%AC",
    b"\xe2\x82\xac",
    b"\xed\xa0\x80",
)


class Mutator:
    """Makes inputs.

    Args:
        chance: Decides how.
        dictionary: Words to put in.
        limit: Bytes that an input may have.
    """

    def __init__(self, chance: random.Random, dictionary: Sequence[bytes], limit: int) -> None:
        self._chance = chance
        self._words = (*dictionary, *_INTERESTING)
        self._limit = limit
        self._ways: tuple[Callable[[bytes, Sequence[bytes]], bytes], ...] = (
            self._flip,
            self._remove,
            self._insert_word,
            self._insert_word,
            self._replace_by_word,
            self._insert_bytes,
            self._repeat,
            self._move,
            self._splice,
            self._change_number,
        )

    def mutate(self, data: bytes, corpus: Sequence[bytes]) -> bytes:
        """An input that is like another one, and perhaps like several."""
        for _ in range(self._chance.randint(1, _STACK_MOST)):
            data = self._chance.choice(self._ways)(data, corpus)
        return data[: self._limit]

    def _span(self, data: bytes, most: int = 32) -> tuple[int, int]:
        start = self._chance.randrange(len(data) + 1)
        return start, min(len(data), start + self._chance.randint(1, most))

    def _flip(self, data: bytes, _: Sequence[bytes]) -> bytes:
        start, end = self._span(data, 1)
        return data[:start] + bytes(byte ^ 1 << self._chance.randrange(8) for byte in data[start:end]) + data[end:]

    def _remove(self, data: bytes, _: Sequence[bytes]) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _insert_word(self, data: bytes, _: Sequence[bytes]) -> bytes:
        start = self._chance.randrange(len(data) + 1)
        return data[:start] + self._chance.choice(self._words) + data[start:]

    def _replace_by_word(self, data: bytes, _: Sequence[bytes]) -> bytes:
        start, end = self._span(data)
        return data[:start] + self._chance.choice(self._words) + data[end:]

    def _insert_bytes(self, data: bytes, _: Sequence[bytes]) -> bytes:
        start = self._chance.randrange(len(data) + 1)
        return data[:start] + self._chance.randbytes(self._chance.randint(1, 4)) + data[start:]

    def _repeat(self, data: bytes, _: Sequence[bytes]) -> bytes:
        """Many of the same show work that grows faster than its input."""
        start, end = self._span(data)
        most = self._limit if self._chance.random() < 0.1 else _REPEAT_MOST
        return data[:start] + data[start:end] * self._chance.randint(2, most) + data[end:]

    def _move(self, data: bytes, _: Sequence[bytes]) -> bytes:
        start, end = self._span(data)
        rest = data[:start] + data[end:]
        place = self._chance.randrange(len(rest) + 1)
        return rest[:place] + data[start:end] + rest[place:]

    def _splice(self, data: bytes, corpus: Sequence[bytes]) -> bytes:
        other = self._chance.choice(corpus)
        start, end = self._span(other, max(1, len(other)))
        place = self._chance.randrange(len(data) + 1)
        return data[:place] + other[start:end] + data[place:]

    def _change_number(self, data: bytes, _: Sequence[bytes]) -> bytes:
        digits = [place for place, byte in enumerate(data) if 0x30 <= byte <= 0x39]
        if not digits:
            return data
        place = self._chance.choice(digits)
        number = self._chance.choice((b"0", b"9", b"-1", b"00", b"99999999999999999999", b"1e9"))
        return data[:place] + number + data[place + 1 :]
