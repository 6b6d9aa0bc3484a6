"""The floor: what a client written in C pays for the same exchange, without signatures and without bookkeeping."""

import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.benchmarks.measuring import Cost, Stopwatch

_SCRIPT = """wrk.method = "POST"
wrk.body = string.rep("x", {size})
wrk.headers["Content-Type"] = "application/json"
"""


def is_installed() -> bool:
    """Whether there is a wrk to compare with."""
    return shutil.which("wrk") is not None


def run_wrk(url: str, connections: int, size: int = 1024, seconds: int = 1) -> Cost:
    """Let wrk send for a while."""
    program = shutil.which("wrk")
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(_SCRIPT.format(size=size))
        watch = Stopwatch(resource.RUSAGE_CHILDREN)
        command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    match = re.search(r"(\d+) requests in", output)
    assert match is not None, output
    return watch.stop(int(match[1]))
