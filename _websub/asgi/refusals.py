"""What is refused is counted, and logged the first time and then once a minute at most."""

import logging
import time
from collections.abc import Callable

_SECONDS = 60.0


class Refusals:
    """Counts what is refused, and tells the log without flooding it.

    Args:
        log: Where to tell it.
        clock: The time, in seconds.

    Attributes:
        count: How many there were.
    """

    def __init__(self, log: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}
        self.count = 0

    def note(self, message: str, *values: object) -> None:
        """Count one more, and log it unless the same was logged within the last minute.

        Args:
            message: What happened, in the words of a log; the kind that is counted.
            values: What to put into it.
        """
        self.count += 1
        now = self._clock()
        last, unsaid = self._told.get(message, (-_SECONDS, 0))
        if now - last < _SECONDS:
            self._told[message] = (last, unsaid + 1)
            return
        self._told[message] = (now, 0)
        if unsaid:
            self._log.warning(message + " (%d more since the last line)", *values, unsaid)
        else:
            self._log.warning(message, *values)
