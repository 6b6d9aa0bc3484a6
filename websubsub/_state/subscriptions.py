"""The subscriptions of one subscriber: read from memory, changed one at a time, and stored with each change."""

import secrets
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import anyio

from websubsub import _clock
from websubsub._state.keeping import Failed, Keeping
from websubsub._state.state import StateStore, Subscription

_TOKEN_BYTES = 32
_PRUNE_FIRST = 1_000

Change = Callable[[Subscription], Subscription | None]


class MemoryStore:
    """A store that keeps nothing, so that subscriptions last as long as the process."""

    async def __aenter__(self) -> Self:
        """Do nothing."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing."""

    async def load(self) -> Sequence[Subscription]:
        """Return nothing."""
        return ()

    async def save(self, subscription: Subscription) -> None:
        """Do nothing."""

    async def delete(self, subscription: Subscription) -> None:
        """Do nothing."""


class Subscriptions:
    """The subscriptions of one subscriber, by the token of their callbacks.

    Args:
        base: The public URL of the subscriber, below which all callbacks are.
        store: The store. By default, subscriptions are only in memory.
        clock: Returns the time, in seconds since 1970.
        failed: Called when a change could not be stored. The change takes effect in memory, and storing it is retried.
    """

    def __init__(
        self,
        base: str,
        store: StateStore | None = None,
        *,
        clock: Callable[[], float] = _clock.now,
        failed: Failed = lambda _subscription, _error: None,
    ) -> None:
        self._base = base if base.endswith("/") else base + "/"
        self._store = store or MemoryStore()
        self._clock = clock
        self.keeping: Keeping = Keeping(self._store, failed)
        self._by_token: dict[str, Subscription] = {}
        self._by_target: dict[str, dict[str, None]] = {}
        self._prune_at = _PRUNE_FIRST
        self._changes: dict[str, anyio.Event] = {}
        self._lock: anyio.Lock | None = None

    async def __aenter__(self) -> Self:
        """Open the store, and load this subscriber's subscriptions."""
        await self._store.__aenter__()
        for subscription in await self._store.load():
            if subscription.callback.startswith(self._base):
                self._put(subscription)
        await self._prune()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the store, after another attempt to write what could not be stored."""
        with anyio.CancelScope(shield=True):
            await self.keeping.retry()
        await self._store.__aexit__(kind, error, traceback)

    def new_callback(self) -> str:
        """Return a callback that nobody can guess and no other subscription has (W3C 8.2)."""
        return self._base + secrets.token_urlsafe(_TOKEN_BYTES)

    def get(self, token: str) -> Subscription | None:
        """Return the subscription with this token, or None."""
        return self._by_token.get(token)

    def of(self, target: str) -> list[Subscription]:
        """Return the subscriptions of one target, the oldest first. There are several while it moves to another hub."""
        return [self._by_token[token] for token in self._by_target.get(target, ())]

    def all(self) -> list[Subscription]:
        """Return all subscriptions."""
        return list(self._by_token.values())

    async def add(self, subscription: Subscription) -> None:
        """Add a subscription, unless there is one with the same callback."""
        await self.change(subscription.token, lambda known: known, new=subscription)
        if len(self._by_token) >= self._prune_at:
            await self._prune()
            self._prune_at = 2 * len(self._by_token)

    async def change(self, token: str, change: Change, *, new: Subscription | None = None) -> Subscription | None:
        """Change a subscription and store it. Unless the store failed, the change is durable when this returns.

        Args:
            token: The token of its callback.
            change: Gets the subscription, and returns the changed one or None for no change.
            new: The subscription to change if there is none.

        Returns:
            The changed subscription, or None if nothing changed.
        """
        if self._lock is None:
            self._lock = anyio.Lock()
        async with self._lock:
            before = self._by_token.get(token, new)
            after = change(before) if before is not None else None
            if after is None:
                return None
            if after is not self._by_token.get(token):
                # It changes in memory either way, since a full disk must not end a subscription that the hub knows.
                await self.keeping.keep(after)
                self._put(after)
                self._wake(token)
            return after

    def _put(self, subscription: Subscription) -> None:
        self._by_token[subscription.token] = subscription
        self._by_target.setdefault(subscription.target, {})[subscription.token] = None

    async def _prune(self) -> None:
        """Forget ended subscriptions whose lease has expired, so that no delivery can come."""
        now = self._clock()
        for subscription in self.all():
            if subscription.is_over and (subscription.expires_at or 0) < now:
                await self.forget(subscription)

    async def forget(self, subscription: Subscription) -> None:
        """Forget a subscription as if it had never existed."""
        await self.keeping.keep(subscription, there=False)
        self._by_token.pop(subscription.token, None)
        tokens = self._by_target.get(subscription.target, {})
        tokens.pop(subscription.token, None)
        if not tokens:
            self._by_target.pop(subscription.target, None)
        self._wake(subscription.token)

    async def wait(self, token: str, until: Callable[[Subscription | None], bool]) -> Subscription | None:
        """Wait until a condition on a subscription holds, and return the subscription."""
        while not until(self._by_token.get(token)):
            await self._changes.setdefault(token, anyio.Event()).wait()
        return self._by_token.get(token)

    def recheck(self) -> None:
        """Make all waiting tasks check their condition again, since time may have passed."""
        for token in tuple(self._changes):
            self._wake(token)

    def _wake(self, token: str) -> None:
        event = self._changes.pop(token, None)
        if event is not None:
            event.set()
