"""A wakeup for a background worker that waits for work."""

from typing import Any

import anyio

_HANDED_MOST = 64


class Wakeup:
    """Wakes one worker when there is work. A call while the worker is busy is not lost.

    Producers of work only get ``ring``, and the worker gets the whole object, so that they do not know each other.
    """

    def __init__(self) -> None:
        self._rung = anyio.Event()
        self._handed: list[Any] = []
        self._must_look = False

    def ring(self, *work: Any) -> None:
        """End the current wait, or the next one.

        Args:
            work: The work to pass on. Without it, the worker looks for work itself.
        """
        if work and len(self._handed) < _HANDED_MOST:
            self._handed += work
        else:
            self._must_look = True
        self._rung.set()

    async def wait(self, seconds: float) -> list[Any] | None:
        """Wait until ``ring`` is called, or has been since the last wait, but no longer than so many seconds.

        Returns:
            The work that was passed on, or None if the worker has to look for work.
        """
        with anyio.move_on_after(seconds):
            await self._rung.wait()
        handed, self._handed = self._handed, []
        must_look, self._must_look = self._must_look, False
        self._rung = anyio.Event()
        return None if must_look or not handed else handed
