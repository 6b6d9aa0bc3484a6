"""Which inputs reach something new: a line or a way out of a branch that none before them has reached.

From Python 3.12 on each place is reported once and costs nothing afterwards (PEP 669); before, lines alone are seen,
and every one of them costs time.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_ROOT = Path(__file__).parent.parent.parent
_COVERED = tuple(f"{_ROOT / package}/" for package in ("_websub", "websubhub", "websubsub"))


class Coverage:
    """Counts what was reached.

    Attributes:
        places: How many lines, and ways out of branches, were reached so far.
    """

    def __init__(self) -> None:
        self.places = 0
        self._lines: set[tuple[CodeType, int]] = set()
        self._ways: dict[tuple[CodeType, int], int] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs."""
        if sys.version_info < (3, 12):
            sys.settrace(self._trace)
            try:
                yield
            finally:
                sys.settrace(None)
            return
        monitoring = sys.monitoring
        tool = monitoring.COVERAGE_ID
        monitoring.use_tool_id(tool, "tests.fuzz")
        monitoring.register_callback(tool, monitoring.events.LINE, self._line)
        monitoring.register_callback(tool, monitoring.events.BRANCH, self._branch)
        monitoring.restart_events()  # of an earlier run
        monitoring.set_events(tool, monitoring.events.LINE | monitoring.events.BRANCH)
        try:
            yield
        finally:
            monitoring.set_events(tool, monitoring.events.NO_EVENTS)
            monitoring.free_tool_id(tool)

    def _line(self, code: CodeType, _: int) -> Any:
        if code.co_filename.startswith(_COVERED):
            self.places += 1
        return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore] # of Python 3.12

    def _branch(self, code: CodeType, offset: int, destination: int) -> Any:
        if code.co_filename.startswith(_COVERED):
            first = self._ways.get((code, offset))
            if first == destination:
                return None
            self.places += 1
            if first is None:  # there is another way out of it
                self._ways[code, offset] = destination
                return None
        return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore]

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_COVERED):
            return None
        place = (frame.f_code, frame.f_lineno)
        if event == "line" and place not in self._lines:
            self._lines.add(place)
            self.places += 1
        return self._trace
