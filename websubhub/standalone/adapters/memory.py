"""A store for tests and trials, gone when the process ends."""

import time
from collections.abc import Callable

from websubhub.standalone.adapters.sqlite.database import MEMORY
from websubhub.standalone.adapters.sqlite.store import SqliteStore
from websubhub.standalone.schedule.limits import DeliveryLimits


def memory_store(*, limits: DeliveryLimits | None = None, clock: Callable[[], float] = time.time) -> SqliteStore:
    """A store in memory: the same statements on SQLite without a file, so that trials behave as the real thing does.

    Args:
        limits: What deliveries are scheduled within.
        clock: The time, in seconds since 1970.
    """
    return SqliteStore(MEMORY, limits=limits, clock=clock)
