"""The clock for leases: it shows the wall time, but setting the wall clock does not change it."""

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# On Linux, CLOCK_MONOTONIC stops while the machine is suspended. Elsewhere it runs on.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _steady() -> float:
    return time.clock_gettime(_STEADY)


#: The wall time at which the steady clock began to count, as seen by this process.
START = time.time() - _steady()


def now() -> float:
    """Return the time in seconds since 1970, read from the wall clock once and counted by a steady clock since.

    Time passes while the machine is suspended, and setting the wall clock does not end a lease.
    """
    return START + _steady()


def boot() -> str:
    """Return the id of the current boot, during which the steady clock runs, or an empty string if it is unknown."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
