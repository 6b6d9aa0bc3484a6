"""A wakeup for a background worker that waits for work."""

import anyio


class Wakeup:
    """Wakes one worker when there is work. A call while the worker is busy is not missed.

    Producers of work get ``ring``, and the worker gets the whole object, so that neither knows the other.
    """

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def ring(self) -> None:
        """End the current wait, or the next one."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Wait until ``ring`` was called since the last wait, or for so many seconds."""
        with anyio.move_on_after(seconds):
            await self._rung.wait()
        self._rung = anyio.Event()
