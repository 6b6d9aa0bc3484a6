"""The event loop of a subcommand."""

from collections.abc import Awaitable, Callable

from websubhub import run_app
from websubhub.standalone.settings import Settings


def run(main: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]], settings: Settings) -> None:
    """Run ``main(stop)`` in the event loop of the settings, and raise its error without exception groups."""
    try:
        run_app(main, backend=settings.loop)
    except BaseExceptionGroup as group:
        error: BaseException = group
        # Raise the one error that ended it, without the groups around it.
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None
