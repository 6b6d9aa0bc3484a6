"""The reference says what the code says, all of it, and nothing that is no longer so."""

import inspect
import re
from functools import cache
from pathlib import Path

import pytest

import websubhub
import websubhub.testing
from _websub.outcome import Hook
from docs.generate.pages import FOLDER, TOPICS, pages, undescribed
from docs.generate.sections import section
from websubhub._service import HOOKS

PAGES = [FOLDER / name for name in (*(topic.file for topic in TOPICS), "hooks.md", "answers.md")]
NAMES = sorted({*websubhub.__all__, *websubhub.testing.__all__})
CLIENTS = (websubhub.HubClient, websubhub.PublisherClient, websubhub.TopicClient, websubhub.ContentDistributor)


def name_of(page: Path) -> str:
    return page.name


@cache
def generated() -> dict[Path, str]:
    """The pages as they should be; it takes a hub to write them, so not before a test asks."""
    return pages()


def part(page: str, heading: str) -> str:
    """What a page on disk says below a heading, up to the next one."""
    _, _, after = (FOLDER / page).read_text().partition(f"# {heading}\n")
    return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_generated_page_is_up_to_date(page: Path) -> None:
    assert page.read_text() == generated()[page], "write it anew: python -m docs.generate"


def test_every_generated_page_is_looked_at() -> None:
    assert sorted(generated()) == sorted(PAGES)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_stands_on_one_page(name: str) -> None:
    pattern = re.compile(rf"^## {name}$", re.MULTILINE)
    assert len([page for page in PAGES if pattern.search(page.read_text())]) == 1


def test_everything_is_explained() -> None:
    assert not undescribed()


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_a_hook_is_described_with_all_it_may_answer(hook: Hook) -> None:
    text = part("hooks.md", hook.name)
    kinds = (hook.message, *hook.successes, *hook.errors, hook.failure)
    assert not [kind for kind in kinds if kind is not type(None) and f"`{kind.__name__}`" not in text]
    assert hook.reason in text


@pytest.mark.parametrize("client", CLIENTS)
def test_each_argument_of_a_client_is_described(client: type) -> None:
    for name, method in inspect.getmembers(client, inspect.isfunction):
        if name.startswith("_") and name != "__init__":
            continue
        text = part("clients.md", client.__name__ if name == "__init__" else f"{client.__name__}.{name}")
        arguments = [argument for argument in inspect.signature(method).parameters if argument != "self"]
        assert not [argument for argument in arguments if f"| `{argument}` |" not in text]


def test_an_argument_without_a_word_is_found() -> None:
    def half(known: int, other: int) -> int:
        """Add two numbers.

        Args:
            known: A number.
        """
        return known + other

    half.__module__ = "websubhub"
    assert section("half", half).undescribed == ["half(other)"]


def test_a_function_without_a_docstring_is_found() -> None:
    def silent(one: int) -> int:
        return one

    silent.__module__ = "websubhub"
    assert section("silent", silent).undescribed == ["silent"]
