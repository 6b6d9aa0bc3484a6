"""A bell that wakes every task waiting for something to become due."""

import anyio


class Bell:
    """Wakes every task that is waiting at that moment. Ringing costs next to nothing if none is."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: anyio.Event | None = None

    def ring(self) -> None:
        """Wake every waiting task."""
        event = self._event
        if event is not None:
            self._event = None
            event.set()

    async def wait(self, seconds: float) -> None:
        """Wait for the next ring, but no longer than so many seconds."""
        if self._event is None:
            self._event = anyio.Event()
        event = self._event
        with anyio.move_on_after(seconds):
            await event.wait()
