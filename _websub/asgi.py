"""The ASGI edge: a request becomes a value, the answer is written, its follow-up runs once the answer is out."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any

import anyio
import attrs
from anyio.abc import TaskGroup

from _websub.http import Answer, Request, Response, Then, plain

log = logging.getLogger("websub")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, AsgiSend], Awaitable[None]]
Handle = Callable[[Request], Awaitable[Answer]]


@attrs.frozen(kw_only=True)
class EdgeLimits:
    """The bounds of one application.

    Attributes:
        body_bytes: The largest request body.
        body_seconds: How long a body may take to arrive.
        pending: How many requests and follow-ups may be under way; more are answered 503.
        graceful_seconds: How long follow-ups may go on when the application stops.
    """

    body_bytes: int = 10 * 1024 * 1024
    body_seconds: float = 15.0
    pending: int = 1_000
    graceful_seconds: float = 10.0


class _BodyError(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class _DisconnectError(Exception):
    """The client went away before its request was complete: nothing of it counts."""


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

    async def __aenter__(self) -> "AsgiEdge":
        """Open the resources and the group of follow-ups."""
        if self._stack is not None:
            raise RuntimeError("The application is already running.")
        async with AsyncExitStack() as stack:
            if self._resources is not None:
                await stack.enter_async_context(self._resources())
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
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
        except Exception as error:  # noqa: BLE001 - the lifespan protocol has its own way to report
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
            await write_response(scope, send, plain(503, "Too busy, try again later.", [("Retry-After", "5")]))
            return
        self._pending += 1
        then: Then | None = None
        try:
            then = await self._reply(scope, receive, send)
        except _DisconnectError:
            pass
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
        try:
            body = await read_body(scope, receive, self._limits)
            answer = await self._handle(read_head(scope, body))
        except _BodyError as error:
            answer = Answer(error.response)
        except _DisconnectError:
            raise
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


def read_head(scope: Scope, body: bytes) -> Request:
    """The request of an ASGI scope, with its body."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    mount = scope.get("root_path", "").rstrip("/")
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    # Frameworks differ in whether the path of a mounted application still has the mount in front.
    if mount and path != mount and not path.startswith(mount + "/"):
        path = mount + path
    host = next((value for name, value in headers if name.lower() == "host"), "localhost")
    query = scope.get("query_string", b"").decode("latin-1")
    url = f"{scope.get('scheme', 'http')}://{host}{path}" + (f"?{query}" if query else "")
    return Request(method=scope["method"], url=url, headers=headers, body=body, mount=mount)


async def read_body(scope: Scope, receive: Receive, limits: EdgeLimits) -> bytes:
    """The whole body of a request, within its limits of size and time."""
    names = [name.lower() for name, _ in scope["headers"]]
    if b"content-length" in names and b"transfer-encoding" in names:
        raise _BodyError(plain(400, "Content-Length and Transfer-Encoding exclude each other.", _CLOSE))
    encoding = next((value for name, value in scope["headers"] if name.lower() == b"content-encoding"), b"identity")
    chunks: list[bytes] = []
    size = 0
    with anyio.move_on_after(limits.body_seconds) as deadline:
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise _DisconnectError
            size += len(event.get("body", b""))
            if size <= limits.body_bytes:
                chunks.append(event.get("body", b""))
            elif not scope.get("http_version", "1.1").startswith("2"):
                break  # An HTTP/2 body is read to its end, since servers drop the connection when it is not.
            if not event.get("more_body", False):
                break
    if deadline.cancelled_caught:
        raise _BodyError(plain(408, "The body did not arrive in time.", _CLOSE))
    if size > limits.body_bytes:
        raise _BodyError(plain(413, f"The body is larger than {limits.body_bytes} bytes.", _CLOSE))
    if encoding.strip().lower() not in {b"", b"identity"}:
        raise _BodyError(plain(415, "The body must not have a Content-Encoding."))
    return b"".join(chunks)


_CLOSE = (("Connection", "close"),)


async def write_response(scope: Scope, send: AsgiSend, response: Response) -> None:
    """Write a response, with its Content-Length; one that cannot be written becomes a 500."""
    try:
        headers = _encode(scope, response)
    except ValueError:
        log.exception("A response has a header that cannot be sent.")
        response = plain(500, "Internal server error.")
        headers = _encode(scope, response)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else response.body})


def _encode(scope: Scope, response: Response) -> list[tuple[bytes, bytes]]:
    bodiless = response.status in {204, 304}
    pairs: list[tuple[bytes, bytes]] = [] if bodiless else [(b"content-length", b"%d" % len(response.body))]
    for name, value in response.headers.pairs:
        if any(character in value for character in "\r\n\0"):
            raise ValueError(f"the value of {name} has a line break")
        if name.lower() == "connection" and scope.get("http_version", "1.1").startswith("2"):
            continue
        pairs.append((name.lower().encode("ascii"), value.encode("latin-1")))
    return pairs
