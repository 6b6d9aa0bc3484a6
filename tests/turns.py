"""How long an event loop is held, counted in calls: the same on every machine, whatever else it does.

A step of the loop is what it does between two turns of a task that only ever lets others go first.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import anyio
import anyio.lowlevel
import attrs

#: Calls of functions in one step: some 10 ms on a slow machine, where 50 ms are what nobody notices.
CALLS_MOST = 25_000


@attrs.define
class Turns:
    """What the steps of the event loop took.

    Attributes:
        calls: How many functions, of Python and of C, were called in the present step.
        most: The most in one step so far.
        steps: How many steps there were.
    """

    calls: int = 0
    most: int = 0
    steps: int = 0

    async def watch(self) -> None:
        """Take part in each step, until cancelled."""
        while True:
            await anyio.lowlevel.checkpoint()
            self.most = max(self.most, self.calls)
            self.steps += 1
            self.calls = 0

    def count(self, _: FrameType, event: str, __: Any) -> None:
        """Count a call in this thread."""
        if event in ("call", "c_call"):
            self.calls += 1


@asynccontextmanager
async def watched() -> AsyncIterator[Turns]:
    """Count the calls in each step of the running event loop, in its thread only, for as long as the block runs."""
    turns, profiling = Turns(), sys.getprofile()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(turns.watch)
        await anyio.lowlevel.checkpoint()
        sys.setprofile(turns.count)
        try:
            yield turns
        finally:
            sys.setprofile(profiling)
            tasks.cancel_scope.cancel()
    turns.most = max(turns.most, turns.calls)
