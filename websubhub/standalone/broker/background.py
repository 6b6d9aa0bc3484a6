"""Background work during a block of code."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio


@asynccontextmanager
async def in_background(*works: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run these until the block ends, then cancel them. The block's own exception is not wrapped in a group."""
    raised: Exception | None = None
    async with anyio.create_task_group() as tasks:
        for work in works:
            tasks.start_soon(work)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - it is raised below
            raised = error
        tasks.cancel_scope.cancel()
    if raised is not None:
        raise raised
