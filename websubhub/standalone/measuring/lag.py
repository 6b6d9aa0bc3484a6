"""The lag of the event loop: how late it runs due tasks."""

from collections.abc import Iterable

import anyio
from prometheus_client.core import GaugeMetricFamily, Metric

_STEP_SECONDS = 0.25
_WINDOW_SECONDS = 10.0


class LoopLag:
    """Measures how late the event loop wakes a sleeping task. Long steps of other tasks make it late."""

    def __init__(self) -> None:
        self._current = 0.0
        self._previous = 0.0
        self._turned_at = 0.0

    @property
    def seconds(self) -> float:
        """The largest lag of the last 10 to 20 seconds."""
        return max(self._current, self._previous)

    async def run(self) -> None:
        """Measure until cancelled."""
        self._turned_at = anyio.current_time()
        while True:
            due = anyio.current_time() + _STEP_SECONDS
            await anyio.sleep(_STEP_SECONDS)
            self.note(due, anyio.current_time())

    def note(self, due: float, now: float) -> None:
        """Note when a task was due and when it ran, in seconds of the event loop."""
        if now - self._turned_at >= _WINDOW_SECONDS:
            self._previous, self._current, self._turned_at = self._current, 0.0, now
        self._current = max(self._current, now - due)

    def families(self) -> Iterable[Metric]:
        """Return the lag for Prometheus."""
        text = "The largest lag of the event loop in the last 10 to 20 seconds."
        yield GaugeMetricFamily("websubhub_event_loop_lag_seconds", text, value=self.seconds)
