"""Wakes those who wait for something to be due."""

import anyio


class Bell:
    """Rings for everybody who waits at that moment, and costs next to nothing when nobody does."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: anyio.Event | None = None

    def ring(self) -> None:
        """Wake everybody who waits."""
        event = self._event
        if event is not None:
            self._event = None
            event.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after a time."""
        if self._event is None:
            self._event = anyio.Event()
        event = self._event
        with anyio.move_on_after(seconds):
            await event.wait()
