"""What an input showed: an error that no caller expects, something that does not hold, or too much work."""

import hashlib
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import attrs

from tests.fuzz.hanging import HangsError, ends_what_hangs
from tests.fuzz.target import Target
from tests.work import steps_of

#: Steps that any input may take, whatever its size.
_FREE_STEPS = 20_000
#: Seconds of the processor that make an input worth a count of its steps, which takes many times as long.
_SLOW_SECONDS = 0.25
#: Seconds of the processor that no input may take: work inside of functions written in C is no steps.
_SECONDS_MOST = 1.0


@attrs.frozen
class Finding:
    """An input that shows a fault.

    Attributes:
        target: The name of the target.
        data: The input.
        reason: What is wrong, in a line.
        place: What tells it from others.
        detail: More of it, for whoever mends it.
    """

    target: str
    data: bytes = attrs.field(repr=False)
    reason: str
    place: str
    detail: str = attrs.field(default="", repr=False)

    def save(self, folder: Path) -> Path:
        """Write the input into a file, and say where that is."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / hashlib.sha256(self.data).hexdigest()[:16]
        file.write_bytes(self.data)
        return file

    def as_test(self) -> str:
        """A test that fails until this is mended."""
        name = self.target.replace("-", "_")
        return (
            "from tests.fuzz.findings import finding_of\n"
            "from tests.fuzz.table import TARGETS\n\n\n"
            f"def test_{name}_{hashlib.sha256(self.data).hexdigest()[:8]}() -> None:\n"
            f"    assert finding_of(TARGETS[{self.target!r}], {self.data!r}) is None\n"
        )


def finding_of(target: Target, data: bytes, *, count: bool = True) -> Finding | None:
    """What an input shows, if anything.

    Args:
        target: What it is fed to.
        data: The input.
        count: Whether to count its steps even if it was fast.
    """
    try:
        with ends_what_hangs():
            seconds = _seconds(lambda: target.check(data))
            if not count and seconds < _SLOW_SECONDS:
                return None
            return _worked(target, data, lambda: target.check(data))
    except Exception as error:  # noqa: BLE001 - anything is a finding
        return _failed(target, data, error)


def _failed(target: Target, data: bytes, error: Exception) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
    detail = "".join(traceback.format_exception(error))
    return Finding(target.name, data, f"{type(error).__name__}: {error}"[:200], place, detail)


def _worked(target: Target, data: bytes, call: Callable[[], object]) -> Finding | None:
    steps, most = steps_of(call), _FREE_STEPS + target.work * len(data)
    if steps > most:
        return Finding(target.name, data, f"{steps:,} steps for {len(data):,} bytes, {most:,} allowed", "steps")
    # The least of three, since a collection of garbage may fall into one.
    seconds = min(_seconds(call) for _ in range(3))
    if seconds > _SECONDS_MOST:
        return Finding(target.name, data, f"{seconds:.1f} s of the processor for {len(data):,} bytes", "seconds")
    return None


def _seconds(call: Callable[[], object]) -> float:
    began = time.thread_time()
    call()
    return time.thread_time() - began


def smallest(finding: Finding, target: Target, tries: int = 2_000) -> Finding:
    """The same fault shown by a smaller input: pieces are taken away as long as it stays."""
    # To see that a part of what hangs does so too takes a minute each time.
    size = 0 if finding.place.startswith(HangsError.__name__) else max(1, len(finding.data) // 2)
    while size and tries:
        position = 0
        while position < len(finding.data) and tries:
            tries -= 1
            data = finding.data[:position] + finding.data[position + size :]
            found = finding_of(target, data, count=finding.place in {"steps", "seconds"})
            if found is not None and found.place == finding.place:
                finding = found
            else:
                position += size
        size //= 2
    return finding
