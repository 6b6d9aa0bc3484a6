"""Several applications on one address, attached and detached while it listens."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import TaskGroup, TaskStatus

from _websub.asgi.closed import ClosedApplication
from _websub.asgi.edge import AsgiApp, AsgiEdge, AsgiSend, Receive, Scope
from _websub.asgi.paths import local_path
from _websub.http import Answer, Request, plain
from _websub.server import serving
from _websub.server.attachments import Attachment, Attachments, MakeApp
from _websub.server.server import Server
from _websub.server.serving import Binding
from _websub.server.stopping import Lifetime
from _websub.user_code import alone


class AppListener:
    """Listens on one address for the applications attached to its paths; an async context manager.

    A request that comes before its application was entered, while it is detached, or once the listener stops, is
    answered 503 with Retry-After: whoever asks again finds it. Paths where nothing is attached are 404 once it has
    started.

    Args:
        binding: Where to listen.
        closed: What answers as long as nothing else does; by default 503 to everything.

    Attributes:
        servers: The servers that were started.
    """

    def __init__(self, binding: Binding, *, closed: AsgiApp | None = None) -> None:
        self._binding = binding
        self._attached = Attachments()
        self._tasks: TaskGroup | None = None
        self._nowhere = AsgiEdge(_not_found)
        self._closed: AsgiApp = closed or ClosedApplication()
        self._started = False
        self._stopping = anyio.Event()
        self._stopped: anyio.Event | None = None
        self._grace = binding.graceful_seconds
        self.servers: list[Server] = []
        self.url: str | None = None

    async def __aenter__(self) -> Self:
        """Make ready for applications."""
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop gracefully, if that was not done before; at once when the block failed."""
        tasks, self._tasks = _inside(self._tasks), None
        try:
            await self._stop(self._grace if error is None else 0.0)
        finally:
            tasks.cancel_scope.cancel()
            # Not told of the error, which it would wrap in a group; its own tasks raise what an application raised.
            try:
                await tasks.__aexit__(None, None, None)
            except BaseExceptionGroup as group:
                raise alone(group) from None

    def attach(self, path: str, app: AsgiApp, context: AbstractAsyncContextManager[Any]) -> None:
        """Answer at a path, and below it, with an application.

        Args:
            path: The path, starting with a slash.
            app: The application.
            context: What to hold open while it is attached; entered once the listener listens.

        Raises:
            ValueError: The path is taken, or starts with no slash.
        """
        self.reserve(path, lambda _: _holding(context, app))

    def reserve(self, path: str, make: MakeApp) -> None:
        """Answer at a path, and below it, with an application that is made once the base URL is known.

        An error while it is entered ends the start, or, when the listener has started, its block.

        Args:
            path: The path, starting with a slash.
            make: Makes it; called at once if the listener listens already, else when it does.

        Raises:
            ValueError: The path is taken, or starts with no slash.
        """
        tasks = _inside(self._tasks)
        attachment = self._attached.add(path, make)
        if self.url is not None:
            try:
                self._attached.enter(attachment, self.url, tasks)
            except BaseException:
                self._attached.forget(attachment)
                raise
            if self._started:
                tasks.start_soon(_raise_error, attachment)

    async def detach(self, path: str) -> None:
        """Answer at a path no more; what is under way there may finish.

        Raises:
            ValueError: Nothing is attached there.
        """
        await self._attached.detach(path)

    async def listen(self) -> str:
        """Accept connections, and return the base URL; until ``start``, what is not attached is answered 503.

        Raises:
            OSError: The address cannot be listened on.
            RuntimeError: It listens already.
        """
        if self._stopped is not None:
            raise RuntimeError("The listener has been started already.")
        self._stopped = anyio.Event()
        tasks = _inside(self._tasks)
        url = self.url = str(await tasks.start(self._serve))
        for each in self._attached.all():
            self._attached.enter(each, url, tasks)
        return url

    async def start(self) -> str:
        """Listen, wait until the applications attached so far answer, and return the base URL.

        Raises:
            OSError: The address cannot be listened on.
            RuntimeError: It has been started already.
            Exception: What an application raised when it was entered.
        """
        if self._started:
            raise RuntimeError("The listener has been started already.")
        url = self.url or await self.listen()
        for each in self._attached.all():
            await _raise_error(each)
        self._started = True
        return url

    async def _serve(self, *, task_status: TaskStatus[str]) -> None:
        async def asked() -> float:
            await self._stopping.wait()
            return self._grace

        try:
            await serving.serve(self, self._binding, stop=asked, ready=task_status.started, begun=self.servers.append)
        finally:
            if self._stopped is not None:
                self._stopped.set()

    @contextmanager
    def until(
        self, stop: Callable[[], Awaitable[object]], *, seconds: float | None = None
    ) -> Iterator[Callable[[], Awaitable[None]]]:
        """A block that ``stop`` ends, whether the service has started by then or not.

        Gives what to wait for once all has started: a stop before that cancels the block, and after it, it has a limit
        to end.

        Args:
            stop: Returns when the service is to stop.
            seconds: The limit; by default the graceful seconds of the binding.
        """
        lifetime = Lifetime(self._binding.graceful_seconds if seconds is None else seconds)
        _inside(self._tasks).start_soon(lifetime.watch, stop)
        try:
            with lifetime.scope:
                yield lifetime.stopped
        finally:
            lifetime.end()

    def close(self) -> None:
        """Take no more requests, which are answered 503; what is under way goes on."""
        self._stopping.set()

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
        # What an application still does after its last answer has the same limit as its requests.
        await self._attached.leave_all(grace)

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection with the application at its path, the longest that fits."""
        app = self._closed
        if scope["type"] == "lifespan":
            app = self._nowhere
        elif not self._stopping.is_set():
            attachment = self._attached.at(local_path(scope))
            if attachment is not None:
                app = attachment.app or self._closed
            elif self._started:
                app = self._nowhere
        await app(scope, receive, send)


async def run_listener(
    listener: AppListener,
    stop: Callable[[], Awaitable[object]] = anyio.sleep_forever,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Start a listener, call ``ready`` with its base URL, and wait until ``stop`` returns, which ends a start too."""
    with listener.until(stop) as stopped:
        url = await listener.start()
        if ready is not None:
            ready(url)
        await stopped()


def _inside(tasks: TaskGroup | None) -> TaskGroup:
    if tasks is None:
        raise RuntimeError("A listener is used inside its context: async with listener: ...")
    return tasks


async def _raise_error(attachment: Attachment) -> None:
    """Wait until an application was entered, and raise what it raised instead."""
    await attachment.settled.wait()
    if attachment.error is not None:
        raise attachment.error


@asynccontextmanager
async def _holding(context: AbstractAsyncContextManager[Any], app: AsgiApp) -> AsyncIterator[AsgiApp]:
    async with context:
        yield app


async def _not_found(_: Request) -> Answer:
    return Answer(plain(404, "There is nothing here."))
