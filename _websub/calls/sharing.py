"""Things that the clients of one event loop share if they have the same rules."""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakSet, WeakValueDictionary

import anyio.lowlevel

T = TypeVar("T")


class _Common(Generic[T]):
    """A shared thing, and its shares."""

    def __init__(self, thing: T) -> None:
        self.thing = thing
        self.shares: WeakSet[Share[T]] = WeakSet()


# Only its shares keep a thing alive, so it ends with the last of them, even if that was not released.
_commons: WeakValueDictionary[tuple[object, Hashable], _Common[Any]] = WeakValueDictionary()


class Share(Generic[T]):
    """A share in a thing that exists once per event loop. The first share that is taken there makes it.

    A share moves to the event loop that uses it, and leaves the thing on the previous loop to the other shares.

    Args:
        rules: Shares with equal rules share a thing. The rules include the kind of the thing.
        make: Makes the thing.
    """

    def __init__(self, rules: Hashable, make: Callable[[], T]) -> None:
        self._rules = rules
        self._make = make
        self._held: tuple[object, _Common[T]] | None = None

    def take(self) -> T:
        """Return the thing of the running event loop."""
        loop, held = anyio.lowlevel.current_token(), self._held
        if held is not None and held[0] == loop:
            return held[1].thing
        key = (loop, self._rules)
        common: _Common[T] | None = _commons.get(key)
        if common is None:
            common = _commons[key] = _Common(self._make())
        common.shares.add(self)
        self._held = (loop, common)
        return common.thing

    def give_back(self) -> T | None:
        """Release the thing. Return it if this was the last share on its loop, to be closed, or else None."""
        held, self._held = self._held, None
        if held is None:
            return None
        loop, common = held
        common.shares.discard(self)
        if common.shares or loop != anyio.lowlevel.current_token():
            return None
        _commons.pop((loop, self._rules), None)
        return common.thing
