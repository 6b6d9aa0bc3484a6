"""An end to what hangs, however it does: the time that the processor works on one input is bounded."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: Seconds of the processor for one input, the count of its steps included.
HANGS_AFTER_SECONDS = 60.0


class HangsError(Exception):
    """An input that is worked on without end."""


@contextmanager
def ends_what_hangs() -> Iterator[None]:
    """Raise ``HangsError`` in the block once the processor has worked on it for so long; in the main thread only."""
    before = signal.signal(signal.SIGVTALRM, _end)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANGS_AFTER_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _end(_: int, __: FrameType | None) -> None:
    raise HangsError("It is worked on without end.")
