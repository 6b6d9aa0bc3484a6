"""Whether a hub can do its work now: asked by whatever sends traffic to it, so it costs little and says no more."""

import logging
import time
from collections.abc import Callable

import anyio

from websubhub.standalone.ports import HubStore, StoreError

log = logging.getLogger("websubhub")

_SECONDS = 1.0


class Readiness:
    """Finds out whether the store takes writes, at most once a second however often it is asked.

    Args:
        store: The store.
        clock: Seconds that only grow.
    """

    def __init__(self, store: HubStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._ready = True
        self._until = float("-inf")
        self._asking = anyio.Lock()

    async def is_ready(self) -> bool:
        """Return whether an update that comes now can be stored; the log says why not, once."""
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
