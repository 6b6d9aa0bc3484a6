"""The README's commands and programs run as they are printed, and print what it says."""

import os
import pty
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest

from tests.documents import ROOT, Block, blocks, links
from tests.waiting import PATIENCE, until_in_thread

README = (ROOT / "README.md").read_text()
#: Where the commands of the README are; .ci/package tests those of an installed wheel.
PROGRAMS = os.environ.get("README_PROGRAMS", str(Path(sys.executable).parent))


@attrs.define
class Terminal:
    """A command at work in a terminal, and what it has printed there."""

    process: subprocess.Popen[bytes]
    end: int
    printed: str = ""

    def read(self) -> str:
        try:
            while piece := os.read(self.end, 65_536):
                self.printed += piece.decode().replace("\r\n", "\n")
        except OSError:  # nothing for now, or the program has ended
            pass
        return self.printed

    def shows(self, line: str) -> None:
        """Wait for a line."""
        pattern = re.compile(rf"^{pattern_of(line)}$", re.MULTILINE)
        until_in_thread(lambda: pattern.search(self.read()) or self.process.poll() is not None, self.read)
        assert pattern.search(self.read()), self.printed


class Reader:
    """Somebody who follows the README in a folder, with ports of their own."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self._folder = folder
        self._ports = dict(zip(("8080", "8081"), map(str, ports), strict=False))
        self.hub = f"http://127.0.0.1:{ports[0]}/hub"
        self.environment = {
            **os.environ,
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "WEBSUBHUB_PORT": str(ports[0]),
            "WEBSUBHUB_HUB": self.hub,
        }

    def here(self, text: str) -> str:
        """A text of the README with the ports of this reader."""
        return re.sub("|".join(self._ports), lambda match: self._ports[match[0]], text)

    def run(self, command: str) -> str:
        """What a command prints, which has to end well."""
        result = subprocess.run(
            ["/bin/sh", "-ec", self.here(command)],
            cwd=self._folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
        return result.stdout

    @contextmanager
    def start(self, command: str) -> Iterator[Terminal]:
        """A command that runs until it is stopped, in a terminal of its own."""
        ours, theirs = pty.openpty()
        os.set_blocking(ours, False)
        with subprocess.Popen(
            self.here(command).split(), cwd=self._folder, env=self.environment, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            try:
                yield Terminal(process, ours)
            finally:
                process.kill()
                process.wait(PATIENCE)
                os.close(ours)

    def write(self, name: str) -> str:
        """The program that the README calls by this name, written to a file."""
        before, _, behind = README.partition(f"This is `{name}`")
        assert before
        assert behind
        source = self.here(next(block.content for block in blocks(behind) if block.info == "python"))
        (self._folder / name).write_text(source)
        return source


def pattern_of(text: str) -> str:
    """A pattern for printed text, in which times, figures, ports, digests and the width of columns differ each time."""
    pattern = re.escape(text.strip("\n"))
    pattern = re.sub(r"\d\d:\d\d:\d\d", r"\\d\\d:\\d\\d:\\d\\d", pattern)
    pattern = re.sub(r"\d+\\\.\d\\ ms", r"\\d+\\.\\d\\ ms", pattern)
    pattern = re.sub(r"sha256=[0-9a-f]+", "sha256=[0-9a-f]+", pattern)
    pattern = re.sub(r"\b[0-9a-f]{32}\b", "[0-9a-f]{32}", pattern)
    return re.sub(r"127\\\.0\\\.0\\\.1:\d{5}\b", r"127\\.0\\.0\\.1:\\d+", re.sub(r"(\\ )+", " +", pattern))


def is_open(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port)) == 0


def block_with(language: str, words: str) -> Block:
    [found] = [block for block in blocks(README) if block.info == language and words in block.content]
    return found


def outputs() -> list[str]:
    return [block.content for block in blocks(README) if block.info == "text"]


@pytest.fixture
def reader(tmp_path: Path, free_ports: list[int]) -> Reader:
    return Reader(tmp_path, free_ports)


def test_the_demo_prints_what_the_readme_shows(reader: Reader) -> None:
    assert re.fullmatch(pattern_of(outputs()[0]), reader.run("websubhub demo").strip("\n"))


def test_the_three_terminals_show_what_the_readme_says(reader: Reader) -> None:
    _, ready, subscribed, accepted, notification, _ = outputs()
    listen = block_with("shell", "websubsub listen").content.strip()
    with reader.start("websubhub serve") as hub:
        hub.shows(reader.here(ready))
        with reader.start(f"{listen} --port 0") as subscriber:
            subscriber.shows(subscribed)
            assert re.fullmatch(pattern_of(accepted), reader.run(block_with("shell", "> news.json\n").content).strip())
            subscriber.shows(notification)


def test_the_hub_and_the_subscriber_of_the_readme_work_together(reader: Reader) -> None:
    reader.write("hub.py")
    reader.write("subscriber.py")
    prepare, publish = block_with("shell", "> news.json\n").content.strip().splitlines()
    assert publish in [block.content.strip() for block in blocks(README)]
    reader.run(prepare)
    with reader.start("python hub.py") as hub:
        until_in_thread(lambda: hub.process.poll() is not None or is_open(reader.hub), hub.read)
        with reader.start("python subscriber.py") as subscriber:

            def has_arrived() -> bool:
                assert hub.process.poll() is subscriber.process.poll() is None, hub.read() + subscriber.read()
                reader.run(publish)
                return outputs()[-1].strip() in subscriber.read()

            # Until the subscription is verified, an update reaches nobody.
            until_in_thread(has_arrived, subscriber.read)
            subscriber.shows(outputs()[-1])


def test_the_test_of_the_readme_passes(reader: Reader) -> None:
    reader.write("hub.py")
    reader.write("test_hub.py")
    command = block_with("shell", "pytest test_hub.py").content.strip().splitlines()[-1]
    assert re.search(r"\b1 passed\b", reader.run(f"{command} -p no:cacheprovider"))


def test_the_programs_are_as_short_as_promised(reader: Reader) -> None:
    assert len([line for line in reader.write("hub.py").splitlines() if line.strip()]) <= 24
    assert len([line for line in reader.write("subscriber.py").splitlines() if line.strip()]) <= 12


#: Every line of a shell block, and the test that runs it; the two that install are run by .ci/run and .ci/package.
COMMANDS = {
    "python -m pip install . && websubhub demo": test_the_demo_prints_what_the_readme_shows,
    'python -m pip install -e ".[dev]" && python -m pytest': None,
    "websubhub serve": test_the_three_terminals_show_what_the_readme_says,
    "websubsub listen --hub http://127.0.0.1:8080/hub --topic https://example.com/feed": (
        test_the_three_terminals_show_what_the_readme_says
    ),
    """echo '{"headline": "It works"}' > news.json""": test_the_three_terminals_show_what_the_readme_says,
    "websubhub publish https://example.com/feed news.json": test_the_hub_and_the_subscriber_of_the_readme_work_together,
    "python -m pip install pytest": None,
    "python -m pytest test_hub.py": test_the_test_of_the_readme_passes,
}


def test_every_block_of_the_readme_is_run_and_every_output_compared() -> None:
    lines = {line for block in blocks(README) if block.info == "shell" for line in block.content.splitlines()}
    assert lines == COMMANDS.keys()
    assert re.findall(r"This is `(\w+\.py)`", README) == ["hub.py", "subscriber.py", "test_hub.py"]
    assert [block.info for block in blocks(README)].count("python") == 3
    # The demo, the three terminals (ready, subscribed, accepted, notification) and the subscriber of one's own.
    assert len(outputs()) == 6
    assert {block.info for block in blocks(README)} == {"shell", "text", "python"}


def test_the_two_commands_stand_in_the_first_screen() -> None:
    screen = README.splitlines()[:70]
    assert "python -m pip install . && websubhub demo" in screen
    assert 'python -m pip install -e ".[dev]" && python -m pytest' in screen


def test_no_link_of_the_readme_leads_nowhere_on_the_package_index() -> None:
    hooks = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["metadata"]["hooks"]
    text = README
    for substitution in hooks["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(substitution["pattern"], substitution["replacement"], text)
    assert list(links(README))
    assert [link for link in links(text) if not link.startswith(("https://", "#"))] == []
