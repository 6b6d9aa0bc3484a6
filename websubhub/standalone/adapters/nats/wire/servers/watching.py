"""Watching a connection, since its own client would wait for a server that stands still."""

import asyncio
import logging
from time import monotonic
from typing import Any

import anyio

log: logging.Logger = logging.getLogger("websubhub")

_PING_SECONDS = 0.5
_SILENT_SECONDS = 1.5  # after which a server is left
_SLEPT_SECONDS = 2.0  # in which it was this process that stood still


class Watch:
    """Leaves a server that does not answer.

    Args:
        client: The client. It has no other way to ask whether a server answers that leaves the connection as it is.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._why_left = ""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await anyio.sleep(_PING_SECONDS)
            if not self._client.is_connected:
                continue
            writer, asked_at = self._writer, monotonic()
            is_answered = await self._ping()
            is_same = self._client.is_connected and writer is self._writer
            if not is_answered and is_same and monotonic() - asked_at < _SLEPT_SECONDS:
                self.leave("it does not answer")

    def leave(self, why: str) -> None:
        """Leave the server that is connected now, for a reason."""
        if self._client.is_connected:
            self._why_left = why
            self._writer.transport.abort()  # closing would wait until it has read everything

    def why_left(self) -> str:
        """Return why the connection was given up, or an empty string if it was not, and forget it."""
        why, self._why_left = self._why_left, ""
        return why

    async def _ping(self) -> bool:
        """Return whether the server answers in time. What waits for the answer is not cancelled.

        The client would stop reading for good, if the answer came later than that.
        """
        answer = asyncio.get_running_loop().create_future()
        try:
            with anyio.fail_after(_SILENT_SECONDS):
                await self._client._send_ping(answer)  # noqa: SLF001 - see above; flush would cancel what waits
        except Exception as error:  # noqa: BLE001 - whatever it is, the server was not asked
            log.debug("NATS: %s", error)
            return False
        done, _ = await asyncio.wait({answer}, timeout=_SILENT_SECONDS)
        return bool(done)

    @property
    def _writer(self) -> asyncio.StreamWriter:
        """The writer to the server that is connected now."""
        writer: asyncio.StreamWriter = self._client._transport._io_writer  # noqa: SLF001 - see above
        return writer
