"""Keys in their order."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar


class _Comparable(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


K = TypeVar("K", bound=_Comparable)


class Ordered(Generic[K]):
    """A set of keys that can be read in ascending order from anywhere."""

    def __init__(self) -> None:
        self._keys: list[K] = []

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: K) -> None:
        """Put in a key that is not there."""
        insort(self._keys, key)

    def discard(self, key: K) -> None:
        """Take a key out, if it is there."""
        place = bisect_left(self._keys, key)
        if place < len(self._keys) and self._keys[place] == key:
            del self._keys[place]

    def after(self, key: K) -> Iterator[K]:
        """Return the keys above one that need not be there."""
        return islice(self._keys, bisect_right(self._keys, key), None)

    def page(self, after: K, limit: int) -> list[K]:
        """Return the first keys above one that need not be there."""
        start = bisect_right(self._keys, after)
        return self._keys[start : start + limit]
