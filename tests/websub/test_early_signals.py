"""A command that is told to stop while it still imports what it needs ends in order."""

import signal
import subprocess
import sys

import pytest

from tests.waiting import PATIENCE

# A command that gets a signal as soon as it imports a module.
COMMAND = """
import os, runpy, sys

class Signals:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))

_, program, module, number, *sys.argv[1:] = sys.argv
sys.meta_path.insert(0, Signals())
runpy.run_module(program, run_name="__main__")
"""


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("program", "module", "arguments"),
    [
        ("websubhub", "websubhub.standalone.runtime", ("serve", "--port", "0", "--store", "memory:")),
        ("websubsub", "websubsub._command.listen", ("listen", "https://example.com/feed")),
    ],
)
def test_a_signal_while_a_command_imports_ends_it_well(
    program: str, module: str, arguments: tuple[str, ...], way: signal.Signals
) -> None:
    command = [sys.executable, "-c", COMMAND, program, module, str(int(way)), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
