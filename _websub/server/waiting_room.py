"""Connections that are accepted and wait to be let in, each client's behind its own and not behind a crowd's."""

import socket

from _websub.asgi.holdings import client_of
from _websub.server.rounds import Rounds

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
        self._waiting = Rounds[socket.socket]()

    def __len__(self) -> int:
        return len(self._waiting)

    def fill(self) -> None:
        """Accept those who have come.

        Raises:
            OSError: One cannot be accepted; those before are.
        """
        for _ in range(self._most):
            if len(self) >= self._most < _CROWD and self._waiting.clients == 1:
                return
            try:
                raw, address = self._listening.accept()
            except BlockingIOError:
                return
            # Those of a Unix socket have no address, and are all the proxy's.
            self._waiting.add(client_of(str(address[0])) if address else "", raw)
            if len(self) > self._most:
                self._waiting.take_newest_of_largest().close()

    def take(self, number: int) -> list[socket.socket]:
        """Take out those who are let in next, at most so many: one of each client in turn."""
        return self._waiting.take(number)

    def close(self) -> None:
        """Turn everybody away."""
        for raw in self.take(len(self)):
            raw.close()
