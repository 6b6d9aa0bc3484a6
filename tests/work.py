"""Work, counted: the same on every machine, whatever else it does.

Time is what a machine makes of work. What a test says about cost, it says in steps: lines of Python that are run, and
calls of functions written in C. What such a call does inside is not seen; see ``tests/test_patterns.py`` for regular
expressions, and bound the calls and the size of what they are given for the rest.
"""

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import attrs


@attrs.define
class Work:
    """What was done.

    Attributes:
        lines: How many lines of Python were run.
        calls: How often each function written in C was called, by its qualified name.
    """

    lines: int = 0
    calls: Counter[str] = attrs.field(factory=Counter)

    @property
    def steps(self) -> int:
        """Lines and calls together."""
        return self.lines + self.calls.total()


def work_of(call: Callable[[], object]) -> Work:
    """Count what a call does in this thread; what it raises is raised."""
    work = Work()

    def trace(_: FrameType, event: str, __: Any) -> Any:
        if event == "line":
            work.lines += 1
        return trace

    def profile(_: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            work.calls[function.__qualname__] += 1

    tracing, profiling = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(profiling)
        sys.settrace(tracing)
    return work


def steps_of(call: Callable[[], object]) -> int:
    """Count the steps of a call."""
    return work_of(call).steps
