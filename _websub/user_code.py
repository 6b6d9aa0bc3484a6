"""Calls into users' code, which turn whatever it raises into a value."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from _websub.outcome import Hook

log = logging.getLogger("websub")


def contained(error: BaseException) -> bool:
    """Return whether to catch an error from a user's code, so that everything else continues.

    These errors are every ``Exception``, ``SystemExit`` (which would end the whole program because of one request), and
    stray cancellations, such as from waiting for a task that was cancelled elsewhere. ``KeyboardInterrupt`` and a
    cancellation of the current task are not caught.
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
    except RuntimeError:  # Without an event loop, nothing can be cancelled.
        return False
    if not isinstance(error, asyncio.CancelledError):
        return True  # Trio raises its own exception only where it cancels.
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _is_in_a_task() -> bool:
    """Return whether a task is running. A discarded coroutine receives ``GeneratorExit`` outside of any task."""
    try:
        anyio.get_current_task()
    except (RuntimeError, LookupError):
        return False
    return True


async def settle(hook: Hook, call: Callable[[Any], Awaitable[object]], message: object) -> object:
    """Call a hook, and return a success, a declared error or None, whatever the hook returned or raised.

    Only declared errors keep their text. Any other is logged with its traceback and becomes ``hook.failed()``.
    Cancellation and Ctrl-C pass through.
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
        log.error("%s returned %s, which it may not return", hook.name, type(outcome).__name__)
    return hook.failed()


def alone(error: BaseException) -> BaseException:
    """Return the error without the exception groups of the event loops."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
