"""Several applications on one address, attached and detached while it listens."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

import anyio
import attrs
from anyio.abc import TaskGroup, TaskStatus

from _websub import serving
from _websub.asgi import AsgiApp, AsgiEdge, AsgiSend, Receive, Scope
from _websub.http import Answer, Request, plain
from _websub.serving import Binding


@attrs.define
class _Attached:
    app: AsgiApp
    context: AbstractAsyncContextManager[Any]
    scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    detached: anyio.Event = attrs.field(factory=anyio.Event)
    ended: anyio.Event = attrs.field(factory=anyio.Event)


class AppListener:
    """Listens on one address for the applications attached to its paths; an async context manager.

    Args:
        binding: Where to listen.
    """

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._attached: dict[str, _Attached] = {}
        self._tasks: TaskGroup | None = None
        self._nowhere = AsgiEdge(_not_found)
        self._stopping = anyio.Event()
        self._stopped: anyio.Event | None = None
        self._grace = binding.graceful_seconds
        self.url: str | None = None

    async def __aenter__(self) -> Self:
        """Make ready for applications."""
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop gracefully, if that was not done before; at once when the block failed."""
        tasks, self._tasks = self._group(), None
        try:
            await self._stop(self._grace if error is None else 0.0)
        finally:
            tasks.cancel_scope.cancel()
            # Not told of the error, which it would wrap in a group; its own tasks raise none.
            await tasks.__aexit__(None, None, None)

    def _group(self) -> TaskGroup:
        if self._tasks is None:
            raise RuntimeError("A listener is used inside its context: async with listener: ...")
        return self._tasks

    def attach(self, path: str, app: AsgiApp, context: AbstractAsyncContextManager[Any]) -> None:
        """Answer at a path, and below it, with an application.

        Args:
            path: The path, starting with a slash.
            app: The application.
            context: What to hold open while it is attached.

        Raises:
            ValueError: The path is taken, or starts with no slash.
        """
        tasks = self._group()
        if not path.startswith("/"):
            raise ValueError(f"The path {path} must start with a slash.")
        if path in self._attached:
            raise ValueError(f"Something is attached at {path} already.")
        attached = self._attached[path] = _Attached(app, context)
        tasks.start_soon(self._hold, attached)

    async def detach(self, path: str) -> None:
        """Answer at a path no more; what is under way there may finish.

        Raises:
            ValueError: Nothing is attached there.
        """
        if path not in self._attached:
            raise ValueError(f"Nothing is attached at {path}.")
        attached = self._attached.pop(path)
        attached.detached.set()
        await attached.ended.wait()

    async def _hold(self, attached: _Attached) -> None:
        try:
            with attached.scope:
                async with attached.context:
                    await attached.detached.wait()
        finally:
            attached.ended.set()

    async def start(self) -> str:
        """Listen, and return the base URL once connections are accepted.

        Raises:
            OSError: The address cannot be listened on.
            RuntimeError: It listens already.
        """
        if self._stopped is not None:
            raise RuntimeError("The listener has been started already.")
        self._stopped = anyio.Event()
        self.url = str(await self._group().start(self._serve))
        return self.url

    async def _serve(self, *, task_status: TaskStatus[str]) -> None:
        try:
            await serving.serve(self, self._binding, stop=self._stop_asked, ready=task_status.started)
        finally:
            if self._stopped is not None:
                self._stopped.set()

    async def _stop_asked(self) -> float:
        await self._stopping.wait()
        return self._grace

    async def graceful_stop(self) -> None:
        """Accept no more, let what was accepted finish within the limit, and detach all applications."""
        await self._stop(self._grace)

    async def immediate_stop(self) -> None:
        """Stop now; what is under way is cancelled."""
        await self._stop(0.0)

    async def _stop(self, grace: float) -> None:
        self._grace = grace
        self._stopping.set()
        if self._stopped is not None:
            await self._stopped.wait()
        attached = [self._attached.pop(path) for path in list(self._attached)]
        for one in attached:
            one.detached.set()
            # What an application still does after its last answer has the same limit as its requests.
            one.scope.deadline = anyio.current_time() + grace
        for one in attached:
            await one.ended.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection with the application at its path, the longest that fits."""
        if scope["type"] == "lifespan":
            await self._nowhere(scope, receive, send)
            return
        path = scope.get("path", "/")
        for prefix in sorted(self._attached, key=len, reverse=True):
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                await self._attached[prefix].app(scope, receive, send)
                return
        await self._nowhere(scope, receive, send)


async def _not_found(_: Request) -> Answer:
    return Answer(plain(404, "There is nothing here."))
