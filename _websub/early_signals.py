"""Signals that arrive while a command still imports what it needs."""

import signal


def end_on_signals() -> None:
    """End this process in order, with 0, if it is told to stop before an event loop handles that."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)
