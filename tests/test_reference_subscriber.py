"""The reference for subscribers says what the code says, all of it, and nothing that is no longer so."""

import inspect
import re
from functools import cache
from pathlib import Path

import pytest

import websubsub
from _websub.outcome import Hook
from docs.generate.subscriber import FOLDER, TOPICS, pages, undescribed
from tests.documents import blocks
from websubsub import cli
from websubsub._events import EventKind
from websubsub._service import HOOKS

PAGES = [FOLDER / name for name in (*(topic.file for topic in TOPICS), "subscriber-hooks.md")]
CLIENTS = (websubsub.DiscoveryClient, websubsub.SubscriptionClient)
COMMAND_LINE = FOLDER / "command-line-websubsub.md"


@cache
def generated() -> dict[Path, str]:
    """The pages as they should be, written when a test asks."""
    return pages()


def part(page: str, heading: str) -> str:
    """What a page on disk says below a heading, up to the next one."""
    _, _, after = (FOLDER / page).read_text().partition(f"# {heading}\n")
    return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_generated_page_is_up_to_date(page: Path) -> None:
    assert page.read_text() == generated()[page], "write it anew: python -m docs.generate"


def test_every_generated_page_is_looked_at() -> None:
    assert sorted(generated()) == sorted(PAGES)


@pytest.mark.parametrize("name", websubsub.__all__)
def test_a_public_name_stands_on_one_page(name: str) -> None:
    pattern = re.compile(rf"^## {name}$", re.MULTILINE)
    assert len([page for page in PAGES if pattern.search(page.read_text())]) == 1


def test_everything_is_explained() -> None:
    assert not undescribed()


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_a_hook_is_described_with_all_it_may_answer(hook: Hook) -> None:
    text = part("subscriber-hooks.md", hook.name)
    kinds = (hook.message, *hook.successes, *hook.errors, hook.failure)
    assert not [kind for kind in kinds if kind is not type(None) and f"`{kind.__name__}`" not in text]
    assert hook.reason in text


@pytest.mark.parametrize("client", CLIENTS)
def test_each_argument_of_a_client_is_described(client: type) -> None:
    for name, method in inspect.getmembers(client, inspect.isfunction):
        if name.startswith("_") and name != "__init__":
            continue
        heading = client.__name__ if name == "__init__" else f"{client.__name__}.{name}"
        text = part("subscriber-clients.md", heading)
        arguments = [argument for argument in inspect.signature(method).parameters if argument != "self"]
        assert len(arguments) < 2 or not [each for each in arguments if f"| `{each}` |" not in text]


@pytest.mark.parametrize("command", ["discover", "listen"])
def test_every_option_of_the_command_line_is_described(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    offered = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    described = set(re.findall(r"`(--[a-z-]+)", part(COMMAND_LINE.name, command)))
    assert described == offered


def test_every_event_is_described() -> None:
    text = part(COMMAND_LINE.name, "Events")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == {*EventKind, "notification"}
    assert any('"event": "notification"' in block.content for block in blocks(COMMAND_LINE.read_text()))
