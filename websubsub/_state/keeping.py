"""Writes to a store that may fail. Nothing is lost as long as the process runs."""

from collections.abc import Callable

import anyio

from websubsub._state.state import StateStore, Subscription

Failed = Callable[[Subscription, Exception], None]


class Keeping:
    """Writes changes to a store, and retries those that failed.

    Args:
        store: The store.
        failed: Called when a change could not be written, and then not again until the store works.
    """

    def __init__(self, store: StateStore, failed: Failed) -> None:
        self._store = store
        self._failed = failed
        self._unkept: dict[str, tuple[Subscription, bool]] = {}
        self._lock: anyio.Lock | None = None

    async def keep(self, subscription: Subscription, *, there: bool = True) -> None:
        """Write a change. If that fails, the change waits for ``retry``.

        Args:
            subscription: The changed subscription.
            there: Whether to save it, or to delete it.
        """
        async with self._turn():
            await self._write(subscription, there=there)

    async def retry(self) -> None:
        """Retry the writes that failed."""
        async with self._turn():
            for subscription, there in tuple(self._unkept.values()):
                await self._write(subscription, there=there)

    def _turn(self) -> anyio.Lock:
        if self._lock is None:
            self._lock = anyio.Lock()
        return self._lock

    async def _write(self, subscription: Subscription, *, there: bool) -> None:
        try:
            await (self._store.save(subscription) if there else self._store.delete(subscription))
        except Exception as error:  # noqa: BLE001 - the store may be the user's own
            told = bool(self._unkept)
            self._unkept[subscription.callback] = subscription, there
            if not told:
                self._failed(subscription, error)
        else:
            self._unkept.pop(subscription.callback, None)
