"""Waking a part of the hub that waits for something to do."""

import anyio


class Wakeup:
    """Tells one worker that there is something to do; what comes while it works is not missed.

    Who has work for a worker gets ``ring``, the worker gets all of it, so that neither knows the other.
    """

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def ring(self) -> None:
        """Let the wait end that goes on, or else the next one."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return once it has rung since the last wait, or after so many seconds."""
        with anyio.move_on_after(seconds):
            await self._rung.wait()
        self._rung = anyio.Event()
