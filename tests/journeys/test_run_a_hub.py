"""docs/tutorials/run-a-hub.md: its commands, run as they stand there but on free ports, show what the page says."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.documents import ROOT, blocks
from tests.waiting import PATIENCE, until_in_thread

TUTORIAL = ROOT / "docs/tutorials/run-a-hub.md"
SERVERS = ("websubhub serve", "python -m http.server", "websubsub listen")


@attrs.define
class Terminal:
    """A command that runs on, and what it has printed."""

    process: subprocess.Popen[bytes]
    output: Path

    def shows(self, expected: str, *, times: int = 1) -> None:
        """Wait until what is expected stands in the output that often."""

        def is_shown() -> bool:
            ended = self.process.poll() is not None
            return matches(expected, self.output.read_text()) >= times or ended

        until_in_thread(is_shown, lambda: f"{expected!r} is not in {self.output.read_text()!r}")
        assert matches(expected, self.output.read_text()) >= times, self.output.read_text()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class Reader:
    """Somebody who follows the tutorial: types its commands one by one and compares."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self._folder = folder
        self._ports = ports
        self._blocks = [block for block in blocks(TUTORIAL.read_text()) if "pip install" not in block.content]
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        hub = f"http://127.0.0.1:{ports['8080']}/hub"
        self._environment = {**os.environ, "PATH": programs, "PYTHONUNBUFFERED": "1", "WEBSUBHUB_HUB": hub}
        self._terminals: list[Terminal] = []

    def next(self, language: str) -> str:
        """The content of the next block, which is of this language."""
        block = self._blocks.pop(0)
        assert block.language == language, f"line {block.line} of the tutorial"
        return re.sub("|".join(self._ports), lambda match: str(self._ports[match[0]]), block.content)

    def start(self) -> Terminal:
        """Type the command of the next block, which does not end."""
        command = self.next("shell").strip()
        assert command.startswith(SERVERS)
        output = self._folder / f"terminal-{len(self._terminals)}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(command.split(), cwd=self._folder, env=self._environment, stdout=file)
        self._terminals.append(Terminal(process, output))
        return self._terminals[-1]

    def run(self) -> str:
        """Type the commands of the next block, and return what they print."""
        result = subprocess.run(
            ["/bin/sh", "-ec", self.next("shell")],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return result.stdout

    def prints_what_it_says(self) -> bool:
        """Type the commands of the next block, and compare with the block behind it."""
        printed = self.run()
        return matches(self.next("text"), printed) == 1

    def is_done(self) -> bool:
        return not self._blocks

    def close(self) -> None:
        for terminal in self._terminals:
            terminal.process.kill()
            terminal.process.wait()


def matches(expected: str, output: str) -> int:
    """How often the expected lines stand in the output; dots stand for anything, and the width of columns is free."""
    lines = [re.escape(line).replace(r"\.\.\.", ".*") for line in expected.strip().splitlines()]
    pattern = "\n".join(re.sub(r"(\\ )+", " +", line) for line in lines)
    return len(re.findall(rf"^{pattern} *$", output, re.MULTILINE))


@pytest.fixture
def reader(tmp_path: Path, free_ports: list[int]) -> Iterator[Reader]:
    reader = Reader(tmp_path, dict(zip(("8080", "8000", "8081"), free_ports, strict=True)))
    yield reader
    reader.close()


def test_the_tutorial_shows_what_it_says(reader: Reader, tmp_path: Path) -> None:
    hub = reader.start()
    hub.shows(reader.next("text"))
    (tmp_path / "index.html").write_text(reader.next("html"))
    reader.start().shows("Serving HTTP on ...")
    assert reader.prints_what_it_says()
    subscriber = reader.start()
    subscriber.shows(reader.next("text"))
    assert reader.prints_what_it_says()
    assert reader.prints_what_it_says()
    subscriber.shows(reader.next("text"))
    reader.run()
    subscriber.shows(reader.next("text"))

    subscriber.process.send_signal(signal.SIGSTOP)
    assert reader.prints_what_it_says()
    hub.end(signal.SIGKILL)
    reader.start().shows(reader.next("text"))
    subscriber.process.send_signal(signal.SIGCONT)
    subscriber.shows(reader.next("text"), times=2)
    assert subscriber.end(signal.SIGINT) == 0
    assert matches(reader.next("text"), subscriber.output.read_text())
    assert reader.is_done()
