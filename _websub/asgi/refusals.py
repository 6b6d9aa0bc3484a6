"""A count of refusals, logged at most once a minute."""

import logging
import time
from collections.abc import Callable

_SECONDS = 60.0


class Refusals:
    """Counts refusals, and logs them without flooding the log.

    Args:
        log: The logger.
        clock: Returns the time, in seconds.

    Attributes:
        count: How many refusals there were.
    """

    def __init__(self, log: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}
        self.count = 0

    def note(self, message: str, *values: object) -> None:
        """Count a refusal, and log it unless the same message was logged within the last minute.

        Args:
            message: The log message, with placeholders.
            values: The values of the placeholders.
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
