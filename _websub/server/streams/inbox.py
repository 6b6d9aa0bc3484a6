"""A short queue of the events of one request, on any event loop."""

from collections import deque
from typing import Any

import anyio

_ROOM = 10


class Inbox:
    """Events for one reader. While there is no room, writers wait, until it is closed."""

    __slots__ = ("_closed", "_events", "_new", "_room")

    def __init__(self) -> None:
        self._closed = False
        self._events: deque[Any] = deque()
        self._new: anyio.Event | None = None
        self._room: anyio.Event | None = None

    async def put(self, event: Any) -> None:
        """Add an event."""
        while len(self._events) >= _ROOM and not self._closed:
            self._room = self._room or anyio.Event()
            await self._room.wait()
        self._events.append(event)
        if self._new is not None:
            self._new.set()
            self._new = None

    async def get(self) -> Any:
        """Remove and return the next event, and wait for it if necessary."""
        while not self._events:
            self._new = self._new or anyio.Event()
            await self._new.wait()
        self._make_room()
        return self._events.popleft()

    def close(self) -> None:
        """Stop reading, so that writers no longer wait."""
        self._closed = True
        self._make_room()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
