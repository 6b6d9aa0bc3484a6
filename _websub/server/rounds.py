"""Waiting things. Those of a client wait behind its own, and not behind those of a crowd."""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Rounds(Generic[T]):
    """Things grouped by the client that brought them, taken in rounds: one from each client, then the next."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[T]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def clients(self) -> int:
        """How many clients have something here."""
        return len(self._waiting)

    def add(self, client: str, thing: T) -> None:
        """Add a thing that waits for its client's turn."""
        self._waiting.setdefault(client, deque()).append(thing)
        self._length += 1

    def take(self, number: int) -> list[T]:
        """Remove and return the things whose turn it is, up to a number."""
        taken: list[T] = []
        while self._waiting and len(taken) < number:
            client = next(iter(self._waiting))
            own = self._waiting.pop(client)
            taken.append(own.popleft())
            if own:
                self._waiting[client] = own
        self._length -= len(taken)
        return taken

    def take_newest_of_largest(self) -> T:
        """Remove and return the newest thing of the client that has the most.

        Raises:
            ValueError: Nothing waits.
        """
        client, own = max(self._waiting.items(), key=lambda each: len(each[1]))
        newest = own.pop()
        self._length -= 1
        if not own:
            del self._waiting[client]
        return newest
