"""The lifetime of a service, from its start until it has been told to stop."""

from collections.abc import Awaitable, Callable

import anyio


class Lifetime:
    """Cancels a service that is still starting when it is told to stop, and limits how long a started one may take.

    Args:
        grace: How long it may take to stop, in seconds.

    Attributes:
        scope: The cancel scope that the service runs in.
    """

    def __init__(self, grace: float) -> None:
        self.scope = anyio.CancelScope()
        self._watching = anyio.CancelScope()
        self._grace = grace
        self._asked = anyio.Event()
        self._started = False

    async def watch(self, stop: Callable[[], Awaitable[object]]) -> None:
        """Wait until ``stop`` returns, and make the service end."""
        with self._watching:
            await stop()
            self._asked.set()
            if self._started:
                self.scope.deadline = anyio.current_time() + self._grace
            else:
                self.scope.cancel()

    async def stopped(self) -> None:
        """Note that the service has started, and wait until it is told to stop."""
        self._started = True
        await self._asked.wait()

    def end(self) -> None:
        """Stop watching."""
        self._watching.cancel()
