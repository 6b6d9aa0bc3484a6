"""``websubhub demo`` as a person runs it."""

import io
from collections.abc import Callable

import pytest

from websubhub import demo
from websubhub.standalone.command.demo import demo_hub


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
