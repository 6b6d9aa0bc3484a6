"""The border to the code of users: whatever it raises stays with it, and becomes one value."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from _websub.outcome import Hook

log = logging.getLogger("websub")


def contained(error: BaseException) -> bool:
    """Whether an error that a user's code raised is that code's own affair, so that everything else goes on.

    That is every ``Exception``, and also ``SystemExit``, which would end the whole program for one request, and a
    cancellation that nobody asked for, as comes out of waiting for a task that somebody else cancelled. It is not
    ``KeyboardInterrupt``, which is the user at the keyboard, nor a cancellation that somebody did ask for.
    """
    if isinstance(error, Exception):
        return True
    if isinstance(error, BaseExceptionGroup):
        return all(contained(each) for each in error.exceptions)
    if isinstance(error, KeyboardInterrupt):
        return False
    if isinstance(error, GeneratorExit):
        return _is_in_a_task()
    return not _is_asked_for(error)


def _is_asked_for(error: BaseException) -> bool:
    try:
        if not isinstance(error, anyio.get_cancelled_exc_class()):
            return False
    except RuntimeError:  # There is no event loop, so nothing that could cancel.
        return False
    if not isinstance(error, asyncio.CancelledError):
        return True  # Trio raises its own only where it cancels.
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _is_in_a_task() -> bool:
    """Whether a task is running; a coroutine that is thrown away is told so by ``GeneratorExit`` outside of one."""
    try:
        anyio.get_current_task()
    except (RuntimeError, LookupError):
        return False
    return True


async def settle(hook: Hook, call: Callable[[Any], Awaitable[object]], message: object) -> object:
    """Run a hook once; whatever it returned or raised becomes one success, one declared error, or None.

    Only declared errors keep their text. Anything else is logged with its traceback and becomes ``hook.failed()``.
    Cancellation passes through, and so does Ctrl-C.
    """
    try:
        outcome = await call(message)
    except BaseException as error:
        if not contained(error):
            raise
        outcome = error
    if isinstance(outcome, hook.answers):
        return outcome
    if isinstance(outcome, BaseException):
        log.error("%s failed", hook.name, exc_info=outcome)
    else:
        log.error("%s answered with %s, which it may not", hook.name, type(outcome).__name__)
    return hook.failed()
