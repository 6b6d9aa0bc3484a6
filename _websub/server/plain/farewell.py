"""The end of an asyncio connection."""

import asyncio

from _websub.server.last_words import LINGER_SECONDS, QUIET_SECONDS


class Farewell:
    """Stops sending, and lets the client read everything first. Closing with unread bytes would reset the connection.

    Args:
        transport: The connection.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._heard = False
        self._until = self._loop.time() + LINGER_SECONDS
        try:
            transport.write_eof()
            transport.resume_reading()
        except (OSError, RuntimeError):
            transport.abort()
        else:
            self._loop.call_later(QUIET_SECONDS, self._look)

    def hear(self) -> None:
        """Note that the client has sent more."""
        self._heard = True

    def _look(self) -> None:
        if self._heard and self._loop.time() < self._until:
            self._heard = False
            self._loop.call_later(QUIET_SECONDS, self._look)
        else:
            self._transport.close()
