"""From the start of a service until it was told to stop, and has stopped."""

from collections.abc import Awaitable, Callable

import anyio


class Lifetime:
    """Ends a start that a stop comes before, and bounds what goes on after a stop.

    Args:
        grace: How long it may take to stop, in seconds.

    Attributes:
        scope: What is cancelled; the whole life of the service goes on in it.
    """

    def __init__(self, grace: float) -> None:
        self.scope = anyio.CancelScope()
        self._watching = anyio.CancelScope()
        self._grace = grace
        self._asked = anyio.Event()
        self._started = False

    async def watch(self, stop: Callable[[], Awaitable[object]]) -> None:
        """Wait until ``stop`` returns, and see to it that the service ends."""
        with self._watching:
            await stop()
            self._asked.set()
            if self._started:
                self.scope.deadline = anyio.current_time() + self._grace
            else:
                self.scope.cancel()

    async def stopped(self) -> None:
        """Say that the service has started, and wait until it is to stop."""
        self._started = True
        await self._asked.wait()

    def end(self) -> None:
        """Watch no more."""
        self._watching.cancel()
