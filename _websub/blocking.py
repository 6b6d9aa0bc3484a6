"""Blocking clients on top of the asynchronous ones: each call runs in an event loop, with the same arguments."""

import functools
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import anyio
from anyio.abc import AsyncResource
from anyio.from_thread import BlockingPortal, start_blocking_portal

P = ParamSpec("P")
T = TypeVar("T")


class BlockingClient:
    """A client for code without an event loop.

    As a context manager, it keeps connections open, in an event loop that runs in a thread. Otherwise, each call opens
    and closes its own connections. Threads may share a client.

    Args:
        client: The asynchronous client.
    """

    def __init__(self, client: AsyncResource) -> None:
        self._client = client
        self._turn = threading.Lock()
        self._opened: tuple[AbstractContextManager[BlockingPortal], BlockingPortal] | None = None

    def __enter__(self) -> Self:
        """Start the event loop."""
        context = start_blocking_portal()
        self._opened = (context, context.__enter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections, and end the event loop."""
        opened, self._opened = self._opened, None
        if opened is not None:
            context, portal = opened
            try:
                portal.call(self._client.aclose)
            finally:
                context.__exit__(kind, error, traceback)

    def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        opened = self._opened
        if opened is not None:
            result: T = opened[1].call(call)
            return result
        try:
            anyio.get_current_task()
        except (RuntimeError, LookupError):
            with self._turn:
                return anyio.run(call)
        raise RuntimeError(
            f"{type(self).__name__} would block the event loop. In async code, use the client "
            f"{type(self._client).__module__}.{type(self._client).__name__}."
        )


def blocking(
    method: Callable[Concatenate[Any, P], Awaitable[T]],
) -> Callable[Concatenate[BlockingClient, P], T]:
    """Return a method of a blocking client that does what a method of its asynchronous client does."""

    @functools.wraps(method)
    def call(self: BlockingClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._call(functools.partial(method, self._client, *args, **kwargs))

    return call
