"""Which inputs reach something new: a line that none before them has reached.

From Python 3.12 on each line is reported once and costs nothing afterwards (PEP 669); before, each costs time again and
again, so that much less is tried.
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
    """Knows what was reached.

    Attributes:
        lines: The lines of the product that were reached so far.
    """

    def __init__(self) -> None:
        self.lines: set[tuple[CodeType, int]] = set()

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
        monitoring.restart_events()  # of an earlier run
        monitoring.set_events(tool, monitoring.events.LINE)
        try:
            yield
        finally:
            monitoring.set_events(tool, monitoring.events.NO_EVENTS)
            monitoring.free_tool_id(tool)

    def _line(self, code: CodeType, line: int) -> Any:
        if code.co_filename.startswith(_COVERED):
            self.lines.add((code, line))
        return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore] # of Python 3.12

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_COVERED):
            return None
        if event == "line":
            self.lines.add((frame.f_code, frame.f_lineno))
        return self._trace
