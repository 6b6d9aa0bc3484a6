"""What the tests of the delivery engine stand on."""

import pytest

from tests.websubhub.distribution.peers import EngineClock, replace_clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> EngineClock:
    """The clock of the engines of this test, to be put forward."""
    clock = EngineClock()
    replace_clock(monkeypatch, clock)
    return clock
