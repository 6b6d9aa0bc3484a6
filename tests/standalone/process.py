"""The command ``websubhub`` as a process of its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from tests.standalone.default_store import default_store
from tests.waiting import PATIENCE

COMMAND = (sys.executable, "-m", "websubhub")
ADMIN = "admin-token-of-the-tests"


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | {"WEBSUBHUB_ADMIN_TOKEN": ADMIN} | dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Served:
    """A hub in a process of its own.

    Attributes:
        url: Its URL.
        process: Its process.
        errors: The file that its standard error goes to.
    """

    def __init__(self, process: "subprocess.Popen[str]", errors: Path) -> None:
        self.process = process
        self.errors = errors
        self.url = _ready(process, errors)

    @property
    def base(self) -> str:
        """Its URL without the path."""
        return self.url.removesuffix("/hub")

    @property
    def owes_nothing(self) -> bool:
        """Whether every delivery is done, and this process knows all of its hub."""
        lines = httpx.get(f"{self.base}/metrics", timeout=PATIENCE).text.splitlines()
        return "websubhub_backlog 0.0" in lines and "websubhub_store_complete 0.0" not in lines

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.errors.read_text()

    def stop(self) -> None:
        """End it by SIGTERM."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextmanager
def served(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, command: Sequence[str] = COMMAND
) -> Iterator[Served]:
    """Run ``websubhub serve``, or a command that does more, on a free port with its database in a folder."""
    errors = folder / "errors"
    store = () if "--store" in arguments else ("--store", default_store(folder))
    port = () if "--port" in arguments else ("--port", "0")
    with errors.open("a") as log:
        process = subprocess.Popen(
            [*command, "serve", *port, *store, *arguments],
            env=os.environ | {"WEBSUBHUB_ADMIN_TOKEN": ADMIN} | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:
            try:
                yield Served(process, errors)
            finally:
                process.kill()


def _ready(process: "subprocess.Popen[str]", errors: Path) -> str:
    output = process.stdout
    assert output is not None
    lines: list[str] = []
    reading = threading.Thread(target=lambda output=output: lines.append(_line(output)), daemon=True)
    reading.start()
    reading.join(PATIENCE)
    if not lines or not lines[0].startswith("ready: "):
        raise AssertionError(f"The hub did not start: {lines} {errors.read_text()}")
    return lines[0].removeprefix("ready: ").strip()


def _line(output: IO[str]) -> str:
    return output.readline()
