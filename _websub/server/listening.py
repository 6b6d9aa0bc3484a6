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
    """Listens on one address, and serves the applications attached to its paths. It is an async context manager.

    Requests that arrive before their application has been entered, while it is being detached, or once the listener
    stops are answered with 503 and Retry-After, so that clients try again. Once the listener has started, paths where
    nothing is attached are answered with 404.

    Args:
        binding: Where to listen.
        closed: The application that answers while no other does. The default one answers everything with 503.

    Attributes:
        servers: The servers that have been started.
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
        """Prepare for applications to be attached."""
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop gracefully, unless already stopped. If the block failed, stop at once."""
        tasks, self._tasks = _inside(self._tasks), None
        try:
            await self._stop(self._grace if error is None else 0.0)
        finally:
            tasks.cancel_scope.cancel()
            # The error is not passed on, since the group would wrap it. Its own tasks raise what an application raised.
            try:
                await tasks.__aexit__(None, None, None)
            except BaseExceptionGroup as group:
                raise alone(group) from None

    def attach(self, path: str, app: AsgiApp, context: AbstractAsyncContextManager[Any]) -> None:
        """Serve an application at a path, and below it.

        Args:
            path: The path, starting with a slash.
            app: The application.
            context: A context manager to hold open while it is attached. It is entered once the listener listens.

        Raises:
            ValueError: The path is taken, or does not start with a slash.
        """
        self.reserve(path, lambda _: _holding(context, app))

    def reserve(self, path: str, make: MakeApp) -> None:
        """Serve an application at a path, and below it, that is made once the base URL is known.

        If entering it fails, ``start`` raises the error. Once the listener has started, the error ends its block.

        Args:
            path: The path, starting with a slash.
            make: Makes the application. Called at once if the listener already listens, or else as soon as it does.

        Raises:
            ValueError: The path is taken, or does not start with a slash.
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
        """Stop answering at a path. Requests in progress there may finish.

        Raises:
            ValueError: Nothing is attached there.
        """
        await self._attached.detach(path)

    async def listen(self) -> str:
        """Accept connections, and return the base URL. Until ``start``, other paths are answered with 503.

        Raises:
            OSError: The listener cannot listen on the address.
            RuntimeError: It already listens.
        """
        if self._stopped is not None:
            raise RuntimeError("The listener has already been started.")
        self._stopped = anyio.Event()
        tasks = _inside(self._tasks)
        url = self.url = str(await tasks.start(self._serve))
        for each in self._attached.all():
            self._attached.enter(each, url, tasks)
        return url

    async def start(self) -> str:
        """Listen, wait until the applications attached so far answer, and return the base URL.

        Raises:
            OSError: The listener cannot listen on the address.
            RuntimeError: It has already been started.
            Exception: The error that an application raised when it was entered.
        """
        if self._started:
            raise RuntimeError("The listener has already been started.")
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
        """Run a block until ``stop`` ends it, whether or not the service has started by then.

        Yields a function to await once everything has started. A stop before that cancels the block. A stop after that
        gives the block a limited time to end.

        Args:
            stop: Returns when the service is to stop.
            seconds: The limit. The default is the graceful seconds of the binding.
        """
        lifetime = Lifetime(self._binding.graceful_seconds if seconds is None else seconds)
        _inside(self._tasks).start_soon(lifetime.watch, stop)
        try:
            with lifetime.scope:
                yield lifetime.stopped
        finally:
            lifetime.end()

    def close(self) -> None:
        """Stop accepting requests. New ones are answered with 503, and those in progress continue."""
        self._stopping.set()

    async def graceful_stop(self) -> None:
        """Stop accepting requests, let accepted ones finish within the limit, and detach all applications."""
        await self._stop(self._grace)

    async def immediate_stop(self) -> None:
        """Stop now, and cancel everything in progress."""
        await self._stop(0.0)

    async def _stop(self, grace: float) -> None:
        self._grace = grace
        self._stopping.set()
        if self._stopped is not None:
            await self._stopped.wait()
        # Work that an application still does after its last answer has the same limit as its requests.
        await self._attached.leave_all(grace)

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Serve one ASGI connection with the application at the longest matching path."""
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
    """Start a listener, call ``ready`` with its base URL, and wait until ``stop`` returns. A stop also ends a start."""
    with listener.until(stop) as stopped:
        url = await listener.start()
        if ready is not None:
            ready(url)
        await stopped()


def _inside(tasks: TaskGroup | None) -> TaskGroup:
    if tasks is None:
        raise RuntimeError("Use a listener inside its context: async with listener: ...")
    return tasks


async def _raise_error(attachment: Attachment) -> None:
    """Wait until an application has been entered, and raise the error if that failed."""
    await attachment.settled.wait()
    if attachment.error is not None:
        raise attachment.error


@asynccontextmanager
async def _holding(context: AbstractAsyncContextManager[Any], app: AsgiApp) -> AsyncIterator[AsgiApp]:
    async with context:
        yield app


async def _not_found(_: Request) -> Answer:
    return Answer(plain(404, "There is nothing here."))
