"""The readiness check, for load balancers and orchestrators. It is cheap, and reveals nothing else."""

import logging
import time
from collections.abc import Callable

import anyio

from websubhub.standalone.ports import HubStore, StoreError

log: logging.Logger = logging.getLogger("websubhub")

_SECONDS = 1.0


class Readiness:
    """Checks whether the store accepts writes, at most once a second.

    Args:
        store: The store.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, store: HubStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._ready = True
        self._until = float("-inf")
        self._asking = anyio.Lock()

    async def is_ready(self) -> bool:
        """Return whether an update could be stored now. If not, log the reason once."""
        async with self._asking:
            if self._clock() >= self._until:
                await self._look()
                self._until = self._clock() + _SECONDS
            return self._ready

    async def _look(self) -> None:
        try:
            await self._store.check_writable()
        except StoreError as error:
            if self._ready:
                log.warning("The hub is not ready because its store cannot write: %s", error)
            self._ready = False
            return
        if not self._ready:
            log.info("The hub is ready again: its store can write.")
        self._ready = True
