"""Waiting in tests: for what was caused, however long a busy machine takes, and never for a time.

No test says how fast something is (tests/benchmarks do), so the only deadline is one that ends a hang.
"""

import time
from collections.abc import Callable

import anyio

#: Seconds after which something hangs. A slow machine is not a hang: nothing may be told from less than that.
PATIENCE = 120.0


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds that nothing tells of."""
    pause = 0.001
    with anyio.fail_after(PATIENCE):
        while not condition():
            await anyio.sleep(pause)
            pause = min(2 * pause, 0.1)


def until_in_thread(condition: Callable[[], object], problem: Callable[[], str] = lambda: "It did not happen.") -> None:
    """Wait until a condition holds, where there is no event loop; what is wrong otherwise is asked at the end."""
    pause, end = 0.001, time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(problem())
        time.sleep(pause)
        pause = min(2 * pause, 0.1)
