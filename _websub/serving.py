"""Serving an application on hypercorn, on asyncio and trio (the door of hypercorn)."""

import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio
import attrs
import hypercorn
import sniffio

from _websub.asgi import AsgiApp, AsgiSend, Receive, Scope

_BACKLOG = 512
_MARGIN_SECONDS = 5.0


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
        stop: Returns when the server is to stop.
        ready: Called with the base URL once connections are accepted.

    Raises:
        OSError: The address cannot be listened on.
    """
    listening = listen(binding)
    config = _configure(binding, listening)
    announced = _announced(app, base_url(binding, listening), ready)
    listening.detach()  # hypercorn owns the descriptor from here on
    stopping = anyio.Event()
    shield = anyio.CancelScope(shield=True)

    async def run() -> None:
        with shield:
            await _hypercorn(announced, config, stopping)

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            try:
                await stop()
            finally:
                # Requests under way may finish, but nothing holds the process longer than this.
                shield.deadline = anyio.current_time() + binding.graceful_seconds + _MARGIN_SECONDS
                stopping.set()
    except ExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


def run(main: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]], *, backend: str = "asyncio") -> None:
    """Run ``main(stop)`` in a new event loop; ``stop`` returns when SIGINT or SIGTERM arrives.

    Args:
        main: What to run.
        backend: ``asyncio`` or ``trio``.
    """
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
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def base_url(binding: Binding, listening: socket.socket) -> str:
    """Scheme, host and port that a listening socket answers at."""
    scheme = "https" if binding.certfile else "http"
    host = f"[{binding.host.strip('[]')}]" if ":" in binding.host else binding.host
    return f"{scheme}://{host}:{listening.getsockname()[1]}"


def _configure(binding: Binding, listening: socket.socket) -> hypercorn.Config:
    config = hypercorn.Config()
    config.bind = [f"fd://{listening.fileno()}"]
    config.backlog = _BACKLOG
    config.certfile = binding.certfile
    config.keyfile = binding.keyfile
    config.graceful_timeout = binding.graceful_seconds
    config.shutdown_timeout = binding.graceful_seconds + _MARGIN_SECONDS
    config.keep_alive_timeout = 5
    config.read_timeout = 15
    config.include_server_header = False
    config.errorlog = logging.getLogger("websub.server")
    config.loglevel = "WARNING"
    return config


async def _hypercorn(app: AsgiApp, config: hypercorn.Config, stopping: anyio.Event) -> None:
    framework = cast("Any", app)
    if sniffio.current_async_library() == "trio":
        import hypercorn.trio as hypercorn_trio  # noqa: PLC0415 - trio is optional

        await hypercorn_trio.serve(framework, config, shutdown_trigger=stopping.wait)
    else:
        import hypercorn.asyncio as hypercorn_asyncio  # noqa: PLC0415 - one loop's half is enough

        await hypercorn_asyncio.serve(framework, config, shutdown_trigger=stopping.wait)


def _announced(app: AsgiApp, url: str, ready: Callable[[str], None] | None) -> AsgiApp:
    """The application, that calls ``ready`` once it has started."""

    async def announced(scope: Scope, receive: Receive, send: AsgiSend) -> None:
        async def watch(event: Any) -> None:
            await send(event)
            if event["type"] == "lifespan.startup.complete" and ready is not None:
                ready(url)

        await app(scope, receive, watch if scope["type"] == "lifespan" else send)

    return announced
