"""``websubhub demo`` as a person runs it."""

import io
import subprocess
import sys
from collections.abc import Callable

import pytest

from websubhub import demo
from websubhub.standalone.command.demo import demo_hub


def test_the_command_shows_the_round_and_exits_0() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "websubhub", "demo"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for words in ("registers the topic", "subscribes with a secret", "application/atom+xml", "unsubscribes"):
        assert words in done.stdout
    assert done.stdout.count("checked") == len(demo._UPDATES)
    assert "✗" not in done.stdout


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_runs_on_both_loops(backend: str) -> None:
    out = io.StringIO()
    assert demo.main(demo_hub, out, backend=backend) == 0
    assert "Everything arrived" in out.getvalue()


def test_a_failing_step_exits_1_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken_hub(*, ready: Callable[[str], None]) -> None:  # noqa: ARG001 - it never comes that far
        raise OSError(98, "Address already in use")

    out = io.StringIO()
    assert demo.main(broken_hub, out) == 1
    assert "✗ hub        listens" in out.getvalue()
    assert capsys.readouterr().err == (
        "The demo failed: hub: listens, with its state in memory: OSError: [Errno 98] Address already in use\n"
    )
