"""The ASGI edge: a request becomes a value, the answer is written, its follow-up runs once the answer is out."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup

from _websub.events import (
    AsgiSend,
    DisconnectedError,
    Receive,
    RefusedError,
    Scope,
    read_request,
    refuse,
    write_response,
)
from _websub.http import Answer, Request, Then, plain
from _websub.limits import EdgeLimits

__all__ = ["AsgiApp", "AsgiEdge", "AsgiSend", "Handle", "Receive", "Scope"]

log = logging.getLogger("websub")

AsgiApp = Callable[[Scope, Receive, AsgiSend], Awaitable[None]]
Handle = Callable[[Request], Awaitable[Answer]]


class AsgiEdge:
    """An ASGI application around one function from request to answer; also an async context manager.

    Entered, by ``async with`` or by the server's lifespan, it runs follow-ups in the background and waits for them at
    its end. Not entered, as below a framework that passes no lifespan on, it runs each at the end of its request.

    Args:
        handle: Answers a request; it should not raise.
        limits: The bounds.
        resources: What to hold open while the application runs.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        limits: EdgeLimits | None = None,
        resources: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
    ) -> None:
        self._handle = handle
        self._limits = limits or EdgeLimits()
        self._resources = resources
        self._stack: AsyncExitStack | None = None
        self._tasks: TaskGroup | None = None
        self._pending = 0
        self._quiet = anyio.Event()

    async def __aenter__(self) -> Self:
        """Open the resources and the group of follow-ups."""
        if self._stack is not None:
            raise RuntimeError("The application is already running.")
        async with AsyncExitStack() as stack:
            if self._resources is not None:
                await stack.enter_async_context(self._resources())
            self._tasks = await anyio.create_task_group().__aenter__()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let follow-ups finish within the limit, then cancel what is left."""
        stack, tasks = self._stack, self._tasks
        if stack is None or tasks is None:
            return
        try:
            if error is None:
                await self._drain()
        finally:
            self._stack = self._tasks = None
            tasks.cancel_scope.cancel()
            try:
                # Not told of the error, which it would wrap in a group; its own tasks raise none.
                await tasks.__aexit__(None, None, None)
            finally:
                await stack.__aexit__(kind, error, traceback)

    async def _drain(self) -> None:
        with anyio.move_on_after(self._limits.graceful_seconds):
            while self._pending:
                self._quiet = anyio.Event()
                await self._quiet.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection: http and lifespan; anything else is refused."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise RuntimeError(f"This application does not speak {scope['type']}.")

    async def _lifespan(self, receive: Receive, send: AsgiSend) -> None:
        await receive()
        entered_elsewhere = self._stack is not None
        try:
            if not entered_elsewhere:
                await self.__aenter__()
        except Exception as error:
            log.exception("The application could not start.")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        try:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            if not entered_elsewhere:
                await self.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        if self._pending >= self._limits.pending:
            busy = plain(503, "Too busy, try again later.", [("Retry-After", "5"), ("Connection", "close")])
            await refuse(scope, receive, send, busy)
            return
        self._pending += 1
        then: Then | None = None
        try:
            then = await self._reply(scope, receive, send)
        except RefusedError as error:
            await refuse(scope, receive, send, error.response)
        except DisconnectedError:
            return
        finally:
            if then is None:
                self._release()
        if then is None:
            return
        if self._tasks is not None:
            self._tasks.start_soon(self._follow_up, then)
        else:
            await self._follow_up(then)

    async def _reply(self, scope: Scope, receive: Receive, send: AsgiSend) -> Then | None:
        limits = self._limits
        request = await read_request(scope, receive, limit=limits.body_bytes, seconds=limits.body_seconds)
        try:
            answer = await self._handle(request)
        except Exception:
            log.exception("A request could not be answered.")
            answer = Answer(plain(500, "Internal server error."))
        await write_response(scope, send, answer.response)
        return answer.then

    async def _follow_up(self, then: Then) -> None:
        # Unguarded, one unreachable callback would cancel the task group and with it the whole server.
        try:
            await then()
        except Exception:
            log.exception("A follow-up failed.")
        finally:
            self._release()

    def _release(self) -> None:
        self._pending -= 1
        if not self._pending:
            self._quiet.set()
