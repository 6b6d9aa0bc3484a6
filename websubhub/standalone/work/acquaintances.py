"""Hosts that wanted recent exchanges, so that their due requests are found behind those of many strangers."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_REMEMBERED = 1_000


class Acquaintances(Generic[T]):
    """The most recent hosts, or accounts of hosts, that wanted exchanges.

    Args:
        remembered: How many to remember.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._met: OrderedDict[T, None] = OrderedDict()

    def __iter__(self) -> Iterator[T]:
        return iter(self._met)

    def meet(self, one: T) -> None:
        """Remember a host that has just wanted an exchange."""
        self._met[one] = None
        self._met.move_to_end(one)
        if len(self._met) > self._remembered:
            self._met.popitem(last=False)
