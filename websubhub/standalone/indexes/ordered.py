"""A set of keys in order."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar


class _Comparable(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


K = TypeVar("K", bound=_Comparable)

_FEW = 64


class Ordered(Generic[K]):
    """A set of keys that can be read in ascending order from any point.

    Keys added in a row are only sorted when they are read, so that loading a million takes just seconds.
    """

    def __init__(self) -> None:
        self._keys: list[K] = []
        self._new: list[K] = []

    def __iter__(self) -> Iterator[K]:
        return iter(self._sorted())

    def __len__(self) -> int:
        return len(self._keys) + len(self._new)

    def add(self, key: K) -> None:
        """Add a key that is not in the set."""
        self._new.append(key)

    def discard(self, key: K) -> None:
        """Remove a key if it is in the set."""
        keys = self._sorted()
        place = bisect_left(keys, key)
        if place < len(keys) and keys[place] == key:
            del keys[place]

    def page(self, after: K, limit: int) -> list[K]:
        """Return the first keys above a key, which need not be in the set."""
        keys = self._sorted()
        start = bisect_right(keys, after)
        return keys[start : start + limit]

    def after(self, key: K) -> Iterator[K]:
        """Return the keys above a key, which need not be in the set."""
        keys = self._sorted()
        return islice(keys, bisect_right(keys, key), None)

    def _sorted(self) -> list[K]:
        if len(self._new) > _FEW:
            self._keys += self._new
            self._keys.sort()
        else:
            for key in self._new:
                insort(self._keys, key)
        self._new.clear()
        return self._keys
