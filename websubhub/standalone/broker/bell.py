"""A bell that wakes everything that waits for something to be due."""

import anyio


class Bell:
    """Wakes every task that waits at that moment. It costs next to nothing if none does."""

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
        """Wait for the next ring, or for a time."""
        if self._event is None:
            self._event = anyio.Event()
        event = self._event
        with anyio.move_on_after(seconds):
            await event.wait()
