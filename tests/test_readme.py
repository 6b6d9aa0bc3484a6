"""The README's examples run as they are printed."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from tests.waiting import PATIENCE, until_in_thread
from websubhub import PublisherClient

ROOT = Path(__file__).parent.parent
TOPIC = "https://example.com/feed"


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def program(path: Path, source: str, listening: int) -> Iterator[Path]:
    """A running program, once its port answers; gives the file that holds what it prints."""
    path.write_text(source)
    output = path.with_suffix(".out")
    with (
        output.open("w") as file,
        subprocess.Popen(
            [sys.executable, "-u", path.name], cwd=path.parent, stdout=file, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            until_in_thread(lambda: process.poll() is not None or is_open(listening), output.read_text)
            assert process.poll() is None, output.read_text()
            yield output
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_hub_and_the_subscriber_of_the_readme_work_together(tmp_path: Path, free_ports: list[int]) -> None:
    hub_port, subscriber_port, _ = free_ports
    hub, subscriber = (text.replace("8080", str(hub_port)).replace("8081", str(subscriber_port)) for text in examples())
    with (
        program(tmp_path / "hub.py", hub, hub_port),
        program(tmp_path / "subscriber.py", subscriber, subscriber_port) as output,
    ):
        async with PublisherClient(f"http://127.0.0.1:{hub_port}/hub") as publisher:
            with anyio.fail_after(PATIENCE):
                # Until the subscription is verified, an update reaches nobody.
                while not output.read_text():
                    await publisher.publish_update(TOPIC, {"hello": "reader"})
                    await anyio.sleep(0.2)
        assert output.read_text().splitlines()[0] == f'{TOPIC} application/json {{"hello": "reader"}}'


def test_the_examples_are_as_short_as_promised() -> None:
    hub, subscriber = examples()
    assert len([line for line in hub.splitlines() if line.strip()]) <= 24
    assert len([line for line in subscriber.splitlines() if line.strip()]) <= 12


def test_the_two_commands_stand_in_the_first_screen() -> None:
    screen = (ROOT / "README.md").read_text().splitlines()[:70]
    assert "python -m pip install . && websubhub demo" in screen
    assert 'python -m pip install -e ".[dev]" && python -m pytest' in screen
