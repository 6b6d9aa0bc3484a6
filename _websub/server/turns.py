"""The time of the event loop, shared among clients: work that many bring at once is done step by step, in turns."""

import time
from collections.abc import Callable

import anyio
import anyio.lowlevel

from _websub.server.rounds import Rounds

#: What begins in one step takes a few milliseconds, in which no other task runs.
_AT_ONCE = 16
_STEP_SECONDS = 0.005


class Turns:
    """Limits how much begins in one step of the event loop, and lets clients take turns when there is more.

    Otherwise, a thousand clients that each send a byte would make one long step, and a client that needs ten steps
    would wait for it ten times. While little happens, no client waits.

    Args:
        at_once: How much may begin in one step.
        clock: Returns the time in seconds, and never goes back.
    """

    def __init__(self, at_once: int = _AT_ONCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._clock = clock
        self._left = at_once
        self._since = clock()
        self._waiting = Rounds[anyio.Event]()
        self._wanted = anyio.Event()

    async def take(self, client: str) -> None:
        """Wait for the turn of a client, if others come first."""
        now = self._clock()
        if now - self._since >= _STEP_SECONDS:
            self._left, self._since = self._at_once, now
        if self._left and not self._waiting:
            self._left -= 1
            return
        turn = anyio.Event()
        self._waiting.add(client, turn)
        self._wanted.set()
        await turn.wait()

    async def run(self) -> None:
        """Give waiting clients their turns, until cancelled."""
        while True:
            if not self._waiting:
                self._wanted = anyio.Event()
                await self._wanted.wait()
            await anyio.lowlevel.checkpoint()
            turns = self._waiting.take(self._at_once)
            for turn in turns:
                turn.set()
            self._left, self._since = self._at_once - len(turns), self._clock()
