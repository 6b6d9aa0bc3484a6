"""The clock that leases are counted by: it reads like the wall clock, and nobody sets it while the process runs."""

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# On Linux, CLOCK_MONOTONIC stands still while the machine is suspended; elsewhere it goes on.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _steady() -> float:
    return time.clock_gettime(_STEADY)


#: What the wall clock said when the steady clock began to count, as seen by this process.
START = time.time() - _steady()


def now() -> float:
    """Return the time in seconds since 1970, taken from the wall clock once and counted by a steady clock since.

    Time passes while the machine is suspended, and whoever sets the wall clock ends no lease with it.
    """
    return START + _steady()


def boot() -> str:
    """Return the name of the time since the machine was started, within which its steady clock counts; else nothing."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
