"""Importing the subscriber, and asking it for help, loads no more than is needed."""

import os
import subprocess
import sys

import pytest

HEAVY = {
    "httpx",
    "httpcore",
    "hypercorn",
    "h2",
    "html5lib",
    "defusedxml",
    "trio",
    "anyio",
    "attr",
    "sqlite3",
    "asyncio",
    "typing",
    "logging",
}
SHOW = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded(code: str) -> set[str]:
    # Whoever measures the coverage of processes loads modules of their own.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", f"{code}\n{SHOW}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=alone)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import websubsub",
        "import websubsub.cli",
        "from websubsub.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    ],
    ids=["package", "command", "help"],
)
def test_nothing_heavy_is_loaded_before_it_is_used(code: str) -> None:
    assert not loaded(code) & HEAVY


def test_help_loads_the_parser_and_nothing_else() -> None:
    parser = "import importlib, argparse; argparse.ArgumentParser().print_help()"
    help_of_ours = "from websubsub.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert loaded(help_of_ours) - loaded(parser) == {"_websub", "websubsub"}


def test_every_name_is_there_once_it_is_asked_for() -> None:
    code = "import websubsub\nassert all(getattr(websubsub, name) for name in websubsub.__all__)"
    assert "httpx" in loaded(code)
    assert (
        "'Target'"
        in subprocess.run(
            [sys.executable, "-c", "import websubsub; print(dir(websubsub))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    code = "import websubsub\ntry: websubsub.nothing\nexcept AttributeError: pass\nelse: raise SystemExit(1)"
    assert not loaded(code) & HEAVY
