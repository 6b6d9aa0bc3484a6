"""Bodies that are too large for the engine, read by whoever wants them."""

import ssl
from typing import Self

import anyio

from websubhub._distribution.outcome import DeliveryFailure, DeliveryOutcome
from websubhub._distribution.wire.channel import NOT_YET, Channel, describe
from websubhub._distribution.wire.content import ContentReader

_READ_BYTES = 16 * 1024
_CLOSED = "The connection was closed before the answer was complete."


class LargeContent:
    """Satisfies ``LargeBody``. It reads no more than is taken, so a body that waits fills no memory.

    Args:
        channel: The connection, which it owns. No poller watches it.
        reader: The reader of the answer, with what has arrived.
    """

    def __init__(self, channel: Channel, reader: ContentReader) -> None:
        self.failure: DeliveryFailure | None = None
        self._channel = channel
        self._reader = reader
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece, once it has arrived."""
        while not (piece := self._reader.take()):
            if self._ended:
                raise StopAsyncIteration
            await self._receive()
        return piece

    async def _receive(self) -> None:
        try:
            data = self._channel.receive(_READ_BYTES)
        except NOT_YET:
            await anyio.wait_readable(self._channel.fd)
        except ssl.SSLEOFError:
            self._end(self._reader.end(DeliveryFailure.RESET, _CLOSED))
        except OSError as error:
            self._end(self._reader.end(DeliveryFailure.RESET, describe(error)))
        else:
            if data:
                self._end(self._reader.feed(data))
            else:
                self._end(self._reader.end(DeliveryFailure.RESET, _CLOSED, closed=True))

    def _end(self, outcome: DeliveryOutcome | None) -> None:
        """Note the end of the body, unless it goes on."""
        if outcome is not None:
            self.failure = outcome.failure or outcome.body_failure
            self._ended = True

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def hand_over(channel: Channel, reader: ContentReader) -> DeliveryOutcome:
    """Hand a body that overflows to whoever wants it, together with its connection. Return the outcome."""
    channel.leave()
    reader.wanted.take_over(LargeContent(channel, reader))
    return reader.outcome_without_body()
