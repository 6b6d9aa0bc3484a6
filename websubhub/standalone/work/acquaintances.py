"""Hosts that wanted recent exchanges, whose due requests are found behind those of a crowd of strangers."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_REMEMBERED = 1_000


class Acquaintances(Generic[T]):
    """The hosts, or accounts of hosts, that were met most recently, up to a number.

    Args:
        remembered: How many are remembered.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._met: OrderedDict[T, None] = OrderedDict()

    def __iter__(self) -> Iterator[T]:
        return iter(self._met)

    def meet(self, one: T) -> None:
        """Remember a host that has just wanted something."""
        self._met[one] = None
        self._met.move_to_end(one)
        if len(self._met) > self._remembered:
            self._met.popitem(last=False)
