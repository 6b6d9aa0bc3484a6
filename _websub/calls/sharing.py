"""What all clients of an event loop have in common when they go by the same rules."""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakSet, WeakValueDictionary

import anyio.lowlevel

T = TypeVar("T")


class _Common(Generic[T]):
    """A thing that is shared, and who shares it."""

    def __init__(self, thing: T) -> None:
        self.thing = thing
        self.shares: WeakSet[Share[T]] = WeakSet()


# Only the shares keep a thing alive, so it goes with the last of them, given back or not.
_commons: WeakValueDictionary[tuple[object, Hashable], _Common[Any]] = WeakValueDictionary()


class Share(Generic[T]):
    """A share in one thing for each event loop: it is made when the first share is taken up there.

    A share moves to the event loop that uses it. What it had on another is left to those who still use it.

    Args:
        rules: What has to be equal for a thing to be shared; it says, too, what kind of thing that is.
        make: Makes one.
    """

    def __init__(self, rules: Hashable, make: Callable[[], T]) -> None:
        self._rules = rules
        self._make = make
        self._held: tuple[object, _Common[T]] | None = None

    def take(self) -> T:
        """The thing of the running event loop."""
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
        """Let go of the thing; it is returned to whoever was the last to share it on this loop, and has to close it."""
        held, self._held = self._held, None
        if held is None:
            return None
        loop, common = held
        common.shares.discard(self)
        if common.shares or loop != anyio.lowlevel.current_token():
            return None
        _commons.pop((loop, self._rules), None)
        return common.thing
