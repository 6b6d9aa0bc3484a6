"""Wakes those who wait for something to be due."""

import anyio


class Bell:
    """Rings for everybody who waits at that moment, and costs next to nothing when nobody does."""

    __slots__ = ("_event", "_waiting")

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._waiting = 0

    def ring(self) -> None:
        """Wake everybody who waits."""
        if self._waiting:
            self._event.set()
            self._event = anyio.Event()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after a time."""
        self._waiting += 1
        try:
            with anyio.move_on_after(seconds):
                await self._event.wait()
        finally:
            self._waiting -= 1
