"""All subscriptions of one subscriber: looked up in memory, changed one at a time, kept before anything goes on."""

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
    """Keeps nothing: subscriptions live as long as the process."""

    async def __aenter__(self) -> Self:
        """Open it."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""

    async def load(self) -> Sequence[Subscription]:
        """Nothing."""
        return ()

    async def save(self, subscription: Subscription) -> None:
        """Nothing needs to be done."""

    async def delete(self, subscription: Subscription) -> None:
        """Nothing needs to be done."""


class Subscriptions:
    """The subscriptions of one subscriber, by the token of their callbacks.

    Args:
        base: The public URL below which the callbacks live.
        store: Where they are kept; in memory by default.
        clock: The time, in seconds since 1970.
        failed: Told why a change could not be kept; it goes on in memory, and keeping it is tried again.
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
        self.keeping = Keeping(self._store, failed)
        self._by_token: dict[str, Subscription] = {}
        self._by_target: dict[str, dict[str, None]] = {}
        self._prune_at = _PRUNE_FIRST
        self._changes: dict[str, anyio.Event] = {}
        self._lock: anyio.Lock | None = None

    async def __aenter__(self) -> Self:
        """Open the store and read what it has for this subscriber."""
        await self._store.__aenter__()
        for subscription in await self._store.load():
            if subscription.callback.startswith(self._base):
                self._put(subscription)
        await self._prune()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the store, after one more try to keep what it did not take."""
        with anyio.CancelScope(shield=True):
            await self.keeping.keep_again()
        await self._store.__aexit__(kind, error, traceback)

    def new_callback(self) -> str:
        """A callback that nobody can guess and no other subscription has (W3C 8.2)."""
        return self._base + secrets.token_urlsafe(_TOKEN_BYTES)

    def get(self, token: str) -> Subscription | None:
        """The subscription with this token."""
        return self._by_token.get(token)

    def of(self, target: str) -> list[Subscription]:
        """The subscriptions of one target, the oldest first; more than one while it moves to another hub."""
        return [self._by_token[token] for token in self._by_target.get(target, ())]

    def all(self) -> list[Subscription]:
        """All subscriptions."""
        return list(self._by_token.values())

    async def add(self, subscription: Subscription) -> None:
        """Keep a new subscription; a callback that is known already keeps what it has."""
        await self.change(subscription.token, lambda known: known, new=subscription)
        if len(self._by_token) >= self._prune_at:
            await self._prune()
            self._prune_at = 2 * len(self._by_token)

    async def change(self, token: str, change: Change, *, new: Subscription | None = None) -> Subscription | None:
        """Change a subscription and keep it; when this returns, a crash cannot undo it, unless the store failed.

        Args:
            token: The token of its callback.
            change: From what it is to what it becomes; None changes nothing.
            new: What to start from when there is none.

        Returns:
            What it became; None when nothing changed.
        """
        if self._lock is None:
            self._lock = anyio.Lock()
        async with self._lock:
            before = self._by_token.get(token, new)
            after = change(before) if before is not None else None
            if after is None:
                return None
            if after is not self._by_token.get(token):
                # Put in memory either way: a full disk must not end what the hub believes in.
                await self.keeping.keep(after)
                self._put(after)
                self._wake(token)
            return after

    def _put(self, subscription: Subscription) -> None:
        self._by_token[subscription.token] = subscription
        self._by_target.setdefault(subscription.target, {})[subscription.token] = None

    async def _prune(self) -> None:
        """Forget what has ended and cannot be delivered to any more: its lease has passed."""
        now = self._clock()
        for subscription in self.all():
            if subscription.is_over and (subscription.expires_at or 0) < now:
                await self.forget(subscription)

    async def forget(self, subscription: Subscription) -> None:
        """Drop a subscription, as if it had never been."""
        await self.keeping.keep(subscription, there=False)
        self._by_token.pop(subscription.token, None)
        tokens = self._by_target.get(subscription.target, {})
        tokens.pop(subscription.token, None)
        if not tokens:
            self._by_target.pop(subscription.target, None)
        self._wake(subscription.token)

    async def wait(self, token: str, until: Callable[[Subscription | None], bool]) -> Subscription | None:
        """Wait until a subscription is as described; at once when it is already."""
        while not until(self._by_token.get(token)):
            await self._changes.setdefault(token, anyio.Event()).wait()
        return self._by_token.get(token)

    def look_again(self) -> None:
        """Let all who wait look again: time may have passed."""
        for token in tuple(self._changes):
            self._wake(token)

    def _wake(self, token: str) -> None:
        event = self._changes.pop(token, None)
        if event is not None:
            event.set()
