"""Event loops whose clock is a fake: it stands still while anything happens, and jumps to the next deadline then.

An hour passes at once, and what a test says in seconds is the same on every machine, however busy. ``anyio.sleep(0.1)``
lets everything happen that can happen without time passing. A module of tests takes this by an override of the fixture:

    from tests.clock import anyio_backend_with_fake_clock as anyio_backend

It is for tests that have all their peers in one event loop, in memory or on sockets of loopback. The clock cannot see
what other threads and processes do, and would jump while they work.
"""

import asyncio
import selectors
from typing import Any

import pytest
from trio.testing import MockClock

# Nothing happens any more: what is sent on loopback has arrived long before.
QUIET_SECONDS = 0.05


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for time to pass, makes it pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(QUIET_SECONDS)
        if not events:
            self.now += timeout
        return events


class FakeClockEventLoop(asyncio.SelectorEventLoop):
    """An event loop of asyncio with a fake clock."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the seconds since the loop began, as the fake clock has them."""
        return self._jumping.now


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend_with_fake_clock(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops, with a fake clock."""
    if request.param == "asyncio":
        return "asyncio", {"loop_factory": FakeClockEventLoop}
    return "trio", {"clock": MockClock(autojump_threshold=QUIET_SECONDS)}
