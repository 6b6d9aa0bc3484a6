"""A bell that wakes every task waiting for something to become due."""

from collections.abc import Callable

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

    async def wait(self, seconds: float | None = None, is_meant: Callable[[], bool] | None = None) -> None:
        """Wait for the next ring.

        Args:
            seconds: The longest time, or None for any, which costs less.
            is_meant: Returns whether a ring ends the wait, or None if every one does.
        """
        if seconds is None:
            await self._wait(is_meant)
        else:
            with anyio.move_on_after(seconds):
                await self._wait(is_meant)

    async def _wait(self, is_meant: Callable[[], bool] | None) -> None:
        while True:
            if self._event is None:
                self._event = anyio.Event()
            await self._event.wait()
            if is_meant is None or is_meant():
                return
