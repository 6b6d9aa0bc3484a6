"""Serving an application on hypercorn, on asyncio and trio (the door of hypercorn)."""

import importlib.util
import logging
import math
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio
import attrs
import hypercorn
import sniffio
from anyio.abc import TaskGroup
from hypercorn.config import Sockets

from _websub.asgi import AsgiApp, AsgiSend, Receive, Scope

log = logging.getLogger("websub.server")

_BACKLOG = 512
_CLOSE_SECONDS = 1.0
_MARGIN_SECONDS = 5.0
_GOODBYE_SECONDS = 0.2


@attrs.frozen(kw_only=True)
class Binding:
    """Where and how to listen.

    Attributes:
        host: The address to listen on.
        port: The port; 0 picks a free one.
        certfile: A PEM file with the certificate chain; TLS and HTTP/2 are on when it is given.
        keyfile: A PEM file with the private key.
        graceful_seconds: How long accepted requests may go on once the server stops.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    certfile: str | None = None
    keyfile: str | None = None
    graceful_seconds: float = 10.0


async def serve(
    app: AsgiApp,
    binding: Binding,
    *,
    stop: Callable[[], Awaitable[object]] = anyio.sleep_forever,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until ``stop`` returns or the caller is cancelled; accepted requests may finish first.

    Args:
        app: The ASGI application.
        binding: Where to listen.
        stop: Returns when the server is to stop; a float says how long requests may go on instead of the binding.
        ready: Called with the base URL once connections are accepted.

    Raises:
        OSError: The address cannot be listened on, or the certificate cannot be read.
        RuntimeError: The application could not start.
    """
    with listen(binding) as listening:
        config = _Config(binding, listening)
        url = base_url(binding, listening)
        served = _Served(app)
        announcement = anyio.CancelScope()
        try:
            async with anyio.create_task_group() as tasks:
                if ready is not None:
                    tasks.start_soon(_announce, announcement, served.started, ready, url)
                await _run_until(stop, tasks, config, served)
                announcement.cancel()
        except BaseExceptionGroup as group:
            if served.failure is not None:
                raise RuntimeError(f"The application could not start: {served.failure}") from group
            raise alone(group) from None


async def _announce(scope: anyio.CancelScope, started: anyio.Event, ready: Callable[[str], None], url: str) -> None:
    # Called from a task of ours: the server's own tasks are not ones that a task status may be set from.
    with scope:
        await started.wait()
        ready(url)


async def _run_until(
    stop: Callable[[], Awaitable[object]], tasks: TaskGroup, config: "_Config", served: "_Served"
) -> None:
    stopping = anyio.Event()
    shield = anyio.CancelScope(shield=True)

    async def run_shielded() -> None:
        with shield:
            await _hypercorn(served, config, stopping)

    tasks.start_soon(run_shielded)
    grace = config.grace
    try:
        asked = await stop()
        if isinstance(asked, float):
            grace = asked
    finally:
        # Requests under way may finish, but nothing holds the process longer than this.
        served.end_after(grace)
        config.graceful_timeout = grace + _CLOSE_SECONDS
        shield.deadline = anyio.current_time() + grace + _MARGIN_SECONDS
        stopping.set()


def alone(error: BaseException) -> BaseException:
    """What went wrong, without the groups that the event loops put around it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def run(main: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]], *, backend: str = "asyncio") -> None:
    """Run ``main(stop)`` in a new event loop; ``stop`` returns when SIGINT or SIGTERM arrives.

    Args:
        main: What to run.
        backend: ``asyncio``, ``trio`` or ``uvloop``; ``auto`` takes uvloop where it is installed.
    """
    if backend == "auto":
        backend = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"
    if backend == "uvloop":
        anyio.run(main, _signalled, backend="asyncio", backend_options={"use_uvloop": True})
    else:
        anyio.run(main, _signalled, backend=backend)


async def _signalled() -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return


def listen(binding: Binding) -> socket.socket:
    """A socket that listens where the binding says.

    Raises:
        OSError: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in binding.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((binding.host.strip("[]"), binding.port))
        listening.listen(_BACKLOG)
        listening.settimeout(0.0)
    except BaseException:
        listening.close()
        raise
    return listening


def base_url(binding: Binding, listening: socket.socket) -> str:
    """Scheme, host and port that a listening socket answers at."""
    scheme = "https" if binding.certfile else "http"
    host = f"[{binding.host.strip('[]')}]" if ":" in binding.host else binding.host
    return f"{scheme}://{host}:{listening.getsockname()[1]}"


class _Config(hypercorn.Config):
    """How hypercorn listens: on a socket that stays ours to close."""

    def __init__(self, binding: Binding, listening: socket.socket) -> None:
        super().__init__()
        self.listening = listening
        self.grace = binding.graceful_seconds
        self.backlog = _BACKLOG
        self.certfile = binding.certfile
        self.keyfile = binding.keyfile
        self.shutdown_timeout = binding.graceful_seconds + _MARGIN_SECONDS
        self.keep_alive_timeout = 5
        self.read_timeout = 15
        self.include_server_header = False
        self.errorlog = logging.getLogger("websub.server")
        self.loglevel = "WARNING"
        if self.ssl_enabled:
            self.create_ssl_context()  # A file that cannot be read is an error before the application starts.

    def create_sockets(self) -> Sockets:
        if self.ssl_enabled:
            return Sockets([self.listening], [], [])
        return Sockets([], [self.listening], [])


async def _hypercorn(app: AsgiApp, config: _Config, stopping: anyio.Event) -> None:
    framework = cast("Any", app)
    if sniffio.current_async_library() == "trio":
        import hypercorn.trio.run as hypercorn_trio  # noqa: PLC0415 - trio is optional

        _contain_failures(hypercorn_trio)
        await hypercorn.trio.serve(framework, config, shutdown_trigger=stopping.wait)
    else:
        import hypercorn.asyncio.run as hypercorn_asyncio  # noqa: PLC0415 - one loop's half is enough

        _contain_failures(hypercorn_asyncio)
        _close_promptly(hypercorn_asyncio)
        await hypercorn.asyncio.serve(framework, config, shutdown_trigger=stopping.wait)


def _contain_failures(half: Any) -> None:
    """Keep what goes wrong on a connection to that connection.

    A client that sends more of a body whose request was answered makes hypercorn 0.18 fail, and on trio one failed
    connection ends the whole server.
    """
    if getattr(half.TCPServer, "contains_failures", False):
        return

    class Connection(half.TCPServer):  # type: ignore[misc]
        contains_failures = True

        async def run(self) -> None:
            try:
                await super().run()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is about one client
                log.warning("A connection failed: %r", error)

    half.TCPServer = Connection


def _close_promptly(half: Any) -> None:
    """Close idle connections without waiting for their clients.

    Over TLS, asyncio waits for the goodbye of the client, which one that is idle itself does not send.
    """
    if getattr(half.TCPServer, "closes_promptly", False):
        return

    class Connection(half.TCPServer):  # type: ignore[misc]
        closes_promptly = True

        async def _initiate_server_close(self) -> None:
            await super()._initiate_server_close()
            self.loop.call_later(_GOODBYE_SECONDS, self.writer.transport.abort)

    half.TCPServer = Connection


class _Served:
    """The application as the server calls it: says whether it started, and can be told to end its requests.

    Attributes:
        failure: Why it could not start.
        started: Set once it has started.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self.started = anyio.Event()
        self.failure: str | None = None
        self._requests: set[anyio.CancelScope] = set()
        self._end = math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._announcing(send))
            return
        with anyio.CancelScope(deadline=self._end) as request:
            self._requests.add(request)
            try:
                await self._app(scope, receive, send)
            finally:
                self._requests.discard(request)

    def _announcing(self, send: AsgiSend) -> AsgiSend:
        async def announcing(event: Any) -> None:
            if event["type"] == "lifespan.startup.failed":
                self.failure = event.get("message", "")
            await send(event)
            if event["type"] == "lifespan.startup.complete":
                self.started.set()

        return announcing

    def end_after(self, seconds: float) -> None:
        """Cancel the requests that are not answered by then."""
        self._end = anyio.current_time() + seconds
        for request in self._requests:
            request.deadline = self._end
