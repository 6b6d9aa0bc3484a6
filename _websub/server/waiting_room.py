"""Accepted connections that wait to be let in. Those of a client wait behind its own, and not behind a crowd's."""

import socket

from _websub.asgi.holdings import client_of
from _websub.server.rounds import Rounds

#: In a smaller room, a few ordinary clients with one address would count as a crowd.
_CROWD = 512


class WaitingRoom:
    """Holds accepted connections, and lets clients take turns.

    The system has a single queue, in which a client behind a thousand connections of another one would wait for all of
    them. Connections cost next to nothing before they are let in.

    Args:
        listening: The socket that clients connect to. It does not block.
        most: How many may wait. When there are more, the newest of the client with the most is closed. If this number
            is small, a client that is alone waits in the queue of the system instead.
    """

    def __init__(self, listening: socket.socket, most: int) -> None:
        self._listening = listening
        self._most = most
        self._waiting = Rounds[socket.socket]()

    def __len__(self) -> int:
        return len(self._waiting)

    def fill(self) -> None:
        """Accept the connections that have arrived.

        Raises:
            OSError: A connection cannot be accepted. Those before it are.
        """
        for _ in range(self._most):
            if len(self) >= self._most < _CROWD and self._waiting.clients == 1:
                return
            try:
                raw, address = self._listening.accept()
            except BlockingIOError:
                return
            # Connections to a Unix socket have no address, and all come from the proxy.
            self._waiting.add(client_of(str(address[0])) if address else "", raw)
            if len(self) > self._most:
                self._waiting.take_newest_of_largest().close()

    def take(self, number: int) -> list[socket.socket]:
        """Remove and return the connections to let in next, up to a number: one of each client in turn."""
        return self._waiting.take(number)

    def close(self) -> None:
        """Close all waiting connections."""
        for raw in self.take(len(self)):
            raw.close()
