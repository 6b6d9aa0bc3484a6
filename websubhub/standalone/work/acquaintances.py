"""Hosts that wanted what they got, so that what is due for them can be looked for behind a crowd of strangers."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_REMEMBERED = 1_000


class Acquaintances(Generic[T]):
    """The hosts, or accounts of hosts, that were met last; beyond a number, those that were not met for the longest go.

    Args:
        remembered: How many are remembered.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._met: OrderedDict[T, None] = OrderedDict()

    def __iter__(self) -> Iterator[T]:
        return iter(self._met)

    def __len__(self) -> int:
        return len(self._met)

    def __contains__(self, one: object) -> bool:
        return one in self._met

    def meet(self, one: T) -> None:
        """Remember one that has wanted something just now."""
        self._met[one] = None
        self._met.move_to_end(one)
        if len(self._met) > self._remembered:
            self._met.popitem(last=False)
