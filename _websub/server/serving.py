"""Serving an application on a listening socket, until a signal or the caller stops it."""

import importlib.util
import signal
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup

from _websub.asgi.edge import AsgiApp
from _websub.server.descriptors import raise_limit
from _websub.server.server import Binding, Server
from _websub.server.sockets import base_url, listen, listening_at
from _websub.user_code import alone

__all__ = ["Binding", "base_url", "listen", "run", "serve"]

_MARGIN_SECONDS = 5.0


async def serve(
    app: AsgiApp,
    binding: Binding,
    *,
    stop: Callable[[], Awaitable[object]] = anyio.sleep_forever,
    ready: Callable[[str], None] | None = None,
    begun: Callable[[Server], None] | None = None,
) -> None:
    """Serve until ``stop`` returns or the caller is cancelled. Accepted requests may finish first.

    Args:
        app: The ASGI application.
        binding: Where to listen.
        stop: Returns when the server is to stop. A float replaces the graceful seconds of the binding.
        ready: Called with the base URL once connections are accepted.
        begun: Called with the server before it accepts connections.

    Raises:
        OSError: The server cannot listen on the address, or cannot read the certificate.
        RuntimeError: The application could not start.
        ValueError: The chosen server does not run on this event loop.
    """
    with listening_at(binding) as listening:
        server = Server(app, binding, listening)
        if begun is not None:
            begun(server)
        url = base_url(binding, listening)
        announcement = anyio.CancelScope()
        try:
            async with anyio.create_task_group() as tasks:
                if ready is not None:
                    tasks.start_soon(_announce, announcement, server.started, ready, url)
                await _run_until(stop, tasks, server, binding.graceful_seconds)
                announcement.cancel()
        except BaseExceptionGroup as group:
            error = alone(group)
            raise error from error.__cause__


async def _announce(scope: anyio.CancelScope, started: anyio.Event, ready: Callable[[str], None], url: str) -> None:
    with scope:
        await started.wait()
        try:
            ready(url)
        except SystemExit as error:
            # If a task raised it, the program would end on the spot, without any cleanup.
            raise RuntimeError("The function called once the server is ready tried to exit.") from error


async def _run_until(stop: Callable[[], Awaitable[object]], tasks: TaskGroup, server: Server, grace: float) -> None:
    shield = anyio.CancelScope(shield=True)

    async def run_shielded() -> None:
        with shield:
            await server.run()

    tasks.start_soon(run_shielded)
    try:
        asked = await stop()
        if isinstance(asked, float):
            grace = asked
    finally:
        # Requests in progress may finish, but nothing holds up the process longer than this.
        shield.deadline = anyio.current_time() + grace + _MARGIN_SECONDS
        server.stop(grace)


def run(main: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]], *, backend: str = "asyncio") -> None:
    """Run ``main(stop)`` in a new event loop. ``stop`` returns when SIGINT or SIGTERM arrives.

    An error that ends it is raised without the exception groups around it.

    Args:
        main: The function to run.
        backend: ``asyncio``, ``trio`` or ``uvloop``; ``auto`` uses uvloop if it is installed.
    """
    raise_limit()
    if backend == "auto":
        backend = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"
    name, options = ("asyncio", {"use_uvloop": True}) if backend == "uvloop" else (backend, {})
    try:
        anyio.run(main, _signalled, backend=name, backend_options=options)
    except BaseExceptionGroup as group:
        error = alone(group)
        raise error from error.__cause__


async def _signalled() -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return
