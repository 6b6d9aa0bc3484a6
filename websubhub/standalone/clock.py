"""The hub's clock: it reads like the wall clock, but does not change when someone sets the wall clock."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attrs import frozen

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


#: Returns the seconds of a clock that cannot be set. On Linux, it keeps running while the machine is suspended.
_steady: Callable[[], float] = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _boot() -> str:
    """Return the id of the boot since which the steady clock has been running, or an empty string if it is unknown."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


@frozen(kw_only=True)
class ClockReading:
    """The readings of all clocks at one moment.

    Args:
        hub: The hub's clock, in seconds since 1970.
        wall: The wall clock, in seconds since 1970.
        steady: The reading of the clock that cannot be set.
        boot: The id of the boot from which it counts, or an empty string if it is unknown.
    """

    hub: float
    wall: float
    steady: float
    boot: str

    @property
    def ahead(self) -> float:
        """The seconds by which the wall clock has been set forward since the hub's clock was started from it."""
        return self.wall - self.hub


class HubClock:
    """The time, in seconds since 1970, read from the wall clock once and counted by a steady clock from then on.

    So setting the wall clock, in either direction, neither ends a lease nor delays a retry. Time during which the
    machine was suspended counts.

    Args:
        wall: The wall clock, in seconds since 1970.
        steady: A clock that cannot be set, and that keeps running while the machine is suspended.
        boot: Returns the id of the boot from which the steady clock counts.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = _steady,
        boot: Callable[[], str] = _boot,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._boot = boot()
        self._start = wall() - steady()

    def __call__(self) -> float:
        """Return the time, in seconds since 1970."""
        return self._start + self._steady()

    def read(self) -> ClockReading:
        """Read all clocks."""
        steady = self._steady()
        return ClockReading(hub=self._start + steady, wall=self._wall(), steady=steady, boot=self._boot)


def seconds_between(before: ClockReading, now: ClockReading) -> float:
    """Return how many seconds passed between two readings, which may come from different processes.

    Within one boot, the steady clock tells, whatever happened to the wall clock. Across boots, only the wall clock
    can tell. If it went backwards, the result is 0.
    """
    if before.boot and before.boot == now.boot:
        return max(0.0, now.steady - before.steady)
    return max(0.0, now.wall - before.wall)
