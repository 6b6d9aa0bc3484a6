"""The ASGI edge: reads a request as a value, writes the response, and runs the follow-up after it."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup

from _websub.asgi.bodies import Bodies, busy
from _websub.asgi.events import (
    AsgiSend,
    DisconnectedError,
    Receive,
    RefusedError,
    Scope,
    read_request,
    refuse,
    write_response,
)
from _websub.asgi.holdings import client_of
from _websub.asgi.promises import promises_of
from _websub.asgi.refusals import Refusals
from _websub.http import Answer, Request, Response, Then, plain
from _websub.limits import EdgeLimits, EdgeLoad
from _websub.tracing import continued_trace
from _websub.user_code import contained

__all__ = ["AsgiApp", "AsgiEdge", "AsgiSend", "Handle", "Receive", "Scope"]

log = logging.getLogger("websub")

AsgiApp = Callable[[Scope, Receive, AsgiSend], Awaitable[None]]
Handle = Callable[[Request], Awaitable[Answer]]
Refused = Callable[[Scope, Response], None]


class AsgiEdge:
    """An ASGI application around one function that answers requests. It is also an async context manager.

    When entered, by ``async with`` or by the server's lifespan, it runs follow-ups in the background and waits for them
    at exit. Otherwise, for example when mounted in a framework that passes on no lifespan events, it runs each
    follow-up at the end of its request.

    Args:
        handle: Answers a request. It should not raise.
        limits: The limits.
        resources: Returns a context manager that stays open while the application runs.
        coded: Whether bodies may have a Content-Encoding. They are passed on undecoded.
        refused: Called with each request that is answered without being handled, and its response.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        limits: EdgeLimits | None = None,
        resources: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
        coded: bool = False,
        refused: Refused | None = None,
    ) -> None:
        self._handle = handle
        self._coded = coded
        self._refused = refused
        self._limits = limits or EdgeLimits()
        self._resources = resources
        self._stack: AsyncExitStack | None = None
        self._tasks: TaskGroup | None = None
        self._pending = 0
        self._quiet: anyio.Event | None = None
        self._refusals = Refusals(log)
        self._unread = Refusals(log)
        self._bodies = Bodies(self._limits, self._refusals)

    @property
    def load(self) -> EdgeLoad:
        """How busy the application is."""
        return EdgeLoad(
            pending=self._pending,
            capacity=self._limits.pending,
            arriving=self._bodies.arriving,
            refused=self._refusals.count,
        )

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
        """Wait for follow-ups within the limit, then cancel the rest."""
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
                # The error is not passed on, since the task group would wrap it. Its own tasks raise none.
                await tasks.__aexit__(None, None, None)
            finally:
                await stack.__aexit__(kind, error, traceback)

    async def _drain(self) -> None:
        with anyio.move_on_after(self._limits.graceful_seconds):
            while self._pending:
                self._quiet = anyio.Event()
                await self._quiet.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection. Only http and lifespan are accepted."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise RuntimeError(f"This application does not support {scope['type']}.")

    async def _lifespan(self, receive: Receive, send: AsgiSend) -> None:
        await receive()
        entered_elsewhere = self._stack is not None
        try:
            if not entered_elsewhere:
                await self.__aenter__()
        except BaseException as error:
            if not contained(error):
                raise
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
        limits, arrival = self._limits, None
        try:
            self._check_for_room()
            promises = promises_of(scope)
            arrival = self._bodies.begin(_client(scope), whole=promises.whole)
            request = await read_request(
                scope,
                receive,
                limit=limits.body_bytes,
                seconds=limits.body_seconds,
                arrival=arrival,
                coded=self._coded,
            )
            arrival.complete()
            self._check_for_room()
            await self._take(scope, request, send, promises.send_seconds)
        except RefusedError as error:
            if arrival is not None:
                arrival.release()
            if self._refused is not None:
                self._refused(scope, error.response)
            with anyio.move_on_after(limits.send_seconds):
                await refuse(scope, receive, send, error.response)
        except DisconnectedError:
            pass
        finally:
            if arrival is not None:
                arrival.release()

    def _check_for_room(self) -> None:
        if self._pending >= self._limits.pending:
            self._refusals.note("%d requests are under way: refusing more with 503.", self._pending)
            raise RefusedError(busy())

    async def _take(self, scope: Scope, request: Request, send: AsgiSend, promised_seconds: float) -> None:
        """Answer a request and start its follow-up. Both together take one slot."""
        self._pending += 1
        followed = False
        try:
            answer = await self._answer(request)
            try:
                await self._write(scope, send, answer.response, promised_seconds)
            finally:
                # An accepted request gets its follow-up even if the client did not wait for the response.
                if answer.then is not None and self._tasks is not None:
                    self._tasks.start_soon(self._follow_up, answer.then)
                    followed = True
            if answer.then is not None and not followed:
                followed = True
                await self._follow_up(answer.then)
        finally:
            if not followed:
                self._release()

    async def _answer(self, request: Request) -> Answer:
        try:
            with continued_trace(request.headers):
                return await self._handle(request)
        except BaseException as error:
            if not contained(error):
                raise
            log.exception("A request could not be answered.")
            return Answer(plain(500, "Internal server error."))

    async def _write(self, scope: Scope, send: AsgiSend, response: Response, promised_seconds: float) -> None:
        # A client that reads nothing would hold its slot until it disconnects, and on HTTP/2 even longer.
        if promised_seconds <= self._limits.send_seconds:
            await write_response(scope, send, response)
            return
        with anyio.move_on_after(self._limits.send_seconds) as patience:
            await write_response(scope, send, response)
        if patience.cancelled_caught:
            self._unread.note("A client did not receive its answer within %g seconds.", self._limits.send_seconds)

    async def _follow_up(self, then: Then) -> None:
        # Without this, one unreachable callback would cancel the task group, and with it the whole server.
        try:
            await then()
        except BaseException as error:
            if not contained(error):
                raise
            log.exception("A follow-up failed.")
        finally:
            self._release()

    def _release(self) -> None:
        self._pending -= 1
        if not self._pending and self._quiet is not None:
            self._quiet.set()


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return client_of(client[0]) if client else ""
