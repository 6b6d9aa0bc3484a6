"""Serving an application: on a socket that listens, until a signal or whoever runs it says stop."""

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
    """Serve until ``stop`` returns or the caller is cancelled; accepted requests may finish first.

    Args:
        app: The ASGI application.
        binding: Where to listen.
        stop: Returns when the server is to stop; a float says how long requests may go on instead of the binding.
        ready: Called with the base URL once connections are accepted.
        begun: Called with the server before it accepts any.

    Raises:
        OSError: The address cannot be listened on, or the certificate cannot be read.
        RuntimeError: The application could not start.
        ValueError: The server that was chosen does not run on this event loop.
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
            # Raised in a task, it would end the program on the spot, with everything left as it is.
            raise RuntimeError("What was to be called once the server is ready has tried to exit.") from error


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
        # Requests under way may finish, but nothing holds the process longer than this.
        shield.deadline = anyio.current_time() + grace + _MARGIN_SECONDS
        server.stop(grace)


def run(main: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]], *, backend: str = "asyncio") -> None:
    """Run ``main(stop)`` in a new event loop; ``stop`` returns when SIGINT or SIGTERM arrives.

    An error that ends it is raised without the exception groups around it.

    Args:
        main: What to run.
        backend: ``asyncio``, ``trio`` or ``uvloop``; ``auto`` takes uvloop where it is installed.
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
