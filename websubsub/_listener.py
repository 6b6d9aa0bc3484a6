"""One server for many subscriber services, which come and go."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
import attrs
from anyio.abc import TaskGroup, TaskStatus

from _websub import serving
from _websub.asgi import AsgiEdge, AsgiSend, Receive, Scope
from _websub.client import AsyncClient
from _websub.http import Answer, Request, plain
from _websub.serving import Binding
from _websub.urls import path_of
from websubsub._application import UNSUBSCRIBE_SECONDS, SubscriberApplication, asgi
from websubsub._config import SubscriberConfig
from websubsub._service import SubscriberService


@attrs.frozen(kw_only=True)
class _Attached:
    path: str
    app: SubscriberApplication
    leave: anyio.Event


class SubscriberListener:
    """A server for many services, each below a URL of its own; an async context manager.

    ::

        async with SubscriberListener(port=8081) as listener:
            await listener.attach(News(), SubscriberConfig(url="http://127.0.0.1:8081/news/", targets=feed))
            await listener.start()

    Args:
        host: The address to listen on.
        port: The port to listen on.
        certfile: A PEM file with the certificate chain, for TLS and HTTP/2.
        keyfile: A PEM file with the private key.
        graceful_seconds: How long stopping may take, unsubscribing included.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8081,
        certfile: str | None = None,
        keyfile: str | None = None,
        graceful_seconds: float = UNSUBSCRIBE_SECONDS,
    ) -> None:
        self._binding = Binding(host=host, port=port, certfile=certfile, keyfile=keyfile)
        self._graceful_seconds = graceful_seconds
        self._attached: dict[SubscriberService, _Attached] = {}
        self._tasks: TaskGroup | None = None
        self._stack = AsyncExitStack()
        self._server: anyio.CancelScope | None = None
        self._stop = anyio.Event()
        self._stopped = anyio.Event()
        self._url: str | None = None

    async def __aenter__(self) -> Self:
        """Make it possible to attach and to start."""
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop, gracefully unless an error is on its way."""
        try:
            if error is None:
                await self.graceful_stop()
        finally:
            if self._tasks is not None:
                self._tasks.cancel_scope.cancel()
            await self._stack.__aexit__(kind, error, traceback)

    async def attach(
        self, service: SubscriberService, config: SubscriberConfig, *, client: AsyncClient | None = None
    ) -> SubscriberApplication:
        """Add a service; one that is attached after the start subscribes at once.

        Args:
            service: The service.
            config: Its settings; the path of its ``url`` must be its own.
            client: Your own HTTP client, for hubs and resources.

        Returns:
            The application of the service.

        Raises:
            ValueError: The service or the path of its ``url`` is attached already.
        """
        path = path_of(config.url).rstrip("/") + "/"
        if service in self._attached:
            raise ValueError("The service is attached already.")
        if any(path == attached.path for attached in self._attached.values()):
            raise ValueError(f"Another service is attached at {path}.")
        attached = _Attached(path=path, app=asgi(service, config, client=client), leave=anyio.Event())
        self._attached[service] = attached
        if self._url is not None:
            await self._enter(attached)
            attached.app.listening()
        return attached.app

    async def detach(self, service: SubscriberService) -> None:
        """Take a service away; it unsubscribes first if its config says so.

        Raises:
            ValueError: It is not attached.
        """
        attached = self._attached.get(service)
        if attached is None:
            raise ValueError("The service is not attached.")
        await self._unsubscribe(attached)
        self._attached.pop(service, None)
        attached.leave.set()

    async def start(self) -> str:
        """Begin to listen, then subscribe for every service; one that fails does not stop the others.

        Returns:
            The base URL that is listened at.

        Raises:
            OSError: The address cannot be listened on.
            RuntimeError: The listener was started already, or not entered.
        """
        if self._url is not None or self._tasks is None:
            raise RuntimeError("A listener is entered with async with, and started once.")
        for attached in self._attached.values():
            await self._enter(attached)
        url: str = await self._tasks.start(self._serve)
        self._url = url
        for attached in self._attached.values():
            attached.app.listening()
        return url

    async def graceful_stop(self) -> None:
        """Unsubscribe the services whose config says so, wait for the verifications, then stop listening."""
        if self._url is not None and not self._stopped.is_set():
            async with anyio.create_task_group() as tasks:
                for attached in tuple(self._attached.values()):
                    tasks.start_soon(self._unsubscribe, attached)
            self._stop.set()
            await self._stopped.wait()
        for attached in self._attached.values():
            attached.leave.set()

    async def immediate_stop(self) -> None:
        """Stop listening at once; subscriptions stay as they are."""
        if self._server is not None:
            self._server.cancel()
            self._stop.set()
            await self._stopped.wait()
        for attached in self._attached.values():
            attached.leave.set()

    async def _serve(self, *, task_status: TaskStatus[str]) -> None:
        announce: Callable[[str], None] = task_status.started
        try:
            with anyio.CancelScope() as self._server:
                await serving.serve(self._route, self._binding, stop=self._stop.wait, ready=announce)
        finally:
            self._stopped.set()

    async def _enter(self, attached: _Attached) -> None:
        if self._tasks is None:
            raise RuntimeError("A listener is entered with async with.")
        await self._tasks.start(_run, attached)

    async def _unsubscribe(self, attached: _Attached) -> None:
        if attached.app.config.unsubscribe_on_shutdown:
            await attached.app.unsubscribe_all(seconds=self._graceful_seconds)

    async def _route(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        fitting = [each for each in self._attached.values() if scope.get("path", "").startswith(each.path)]
        # Of nested paths the deepest counts.
        best = max(fitting, key=lambda each: len(each.path), default=None)
        app = best.app if best else _NOBODY
        await app(scope, receive, send)


async def _run(attached: _Attached, *, task_status: TaskStatus[None]) -> None:
    async with attached.app:
        task_status.started()
        await attached.leave.wait()


async def _lifespan(receive: Receive, send: AsgiSend) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _nobody(_: Request) -> Answer:
    return Answer(plain(404, "There is no subscription here."))


_NOBODY = AsgiEdge(_nobody)
