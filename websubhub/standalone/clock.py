"""The clock that a hub lives by: it reads like the wall clock, and is not moved by those who set that."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attrs import frozen

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


#: The seconds of a clock that cannot be set. On Linux it runs on while the machine is suspended.
_steady: Callable[[], float] = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _boot() -> str:
    """Return the id of the current boot, during which the steady clock runs, or an empty text if it is unknown."""
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
        boot: The id of the boot that it counts from, or an empty text if it is unknown.
    """

    hub: float
    wall: float
    steady: float
    boot: str

    @property
    def ahead(self) -> float:
        """The seconds by which the wall clock was set forward since the hub's clock was taken from it."""
        return self.wall - self.hub


class HubClock:
    """The time, in seconds since 1970, taken from the wall clock once and counted by a steady clock from then on.

    Whoever sets the wall clock, by a step in either direction, ends no lease with it and delays no retry. A machine
    that was suspended has let time pass.

    Args:
        wall: The wall clock, in seconds since 1970.
        steady: A clock that cannot be set, which runs on while the machine is suspended.
        boot: Names the start of the machine since which the steady clock counts.
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
    """Return how much time has passed between two readings, the later one perhaps by another process.

    Within one start of the machine the steady clock says so, whatever happened to the wall clock. Beyond it only the
    wall clock can; one that says that time went back is not believed.
    """
    if before.boot and before.boot == now.boot:
        return max(0.0, now.steady - before.steady)
    return max(0.0, now.wall - before.wall)
