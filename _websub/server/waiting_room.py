"""Connections that are accepted and wait to be let in, each client's behind its own and not behind a crowd's."""

import socket
from collections import deque

from _websub.asgi.holdings import client_of

#: In a smaller room a few ordinary clients of one address would be a crowd.
_CROWD = 512


class WaitingRoom:
    """Holds what the system has accepted, and lets clients take turns.

    The queue of the system has one end, so that whoever comes behind a thousand connections of somebody else would
    wait for all of them. They cost next to nothing before they are let in.

    Args:
        listening: The socket that clients connect to; it does not block.
        most: How many may wait; beyond that, the newest of the client with the most is closed. Where that is few, a
            client that is alone waits in the queue of the system instead.
    """

    def __init__(self, listening: socket.socket, most: int) -> None:
        self._listening = listening
        self._most = most
        self._waiting: dict[str, deque[socket.socket]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def fill(self) -> None:
        """Accept those who have come.

        Raises:
            OSError: One cannot be accepted; those before are.
        """
        for _ in range(self._most):
            if self._length >= self._most < _CROWD and len(self._waiting) == 1:
                return
            try:
                raw, address = self._listening.accept()
            except BlockingIOError:
                return
            self._waiting.setdefault(client_of(str(address[0])), deque()).append(raw)
            self._length += 1
            if self._length > self._most:
                self._drop_one()

    def take(self, number: int) -> list[socket.socket]:
        """Take out those who are let in next, at most so many: one of each client in turn."""
        taken: list[socket.socket] = []
        while self._waiting and len(taken) < number:
            client = next(iter(self._waiting))
            own = self._waiting.pop(client)
            taken.append(own.popleft())
            if own:
                self._waiting[client] = own
        self._length -= len(taken)
        return taken

    def close(self) -> None:
        """Turn everybody away."""
        for raw in self.take(self._length):
            raw.close()

    def _drop_one(self) -> None:
        client, own = max(self._waiting.items(), key=lambda each: len(each[1]))
        own.pop().close()
        self._length -= 1
        if not own:
            del self._waiting[client]
