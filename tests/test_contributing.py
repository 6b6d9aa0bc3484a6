"""What a contributor is told is true: the files are there, and what is to be found in them as well."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
WALKS = dict(re.findall(r"^### (.+)\n((?:.|\n)*?)(?=^### |\Z)", TEXT, re.MULTILINE))
MOST_FILES = 5
CHANGES = 8

_STEP = re.compile(r"^\d+\. `([^`]+)`( \(new\))?: (.*)$", re.MULTILINE)


def steps(walk: str) -> list[tuple[str, bool, str]]:
    """The files of a change: the path, whether it is new, and what is to be done in it."""
    return [(path, bool(new), what) for path, new, what in _STEP.findall(WALKS[walk])]


def untrue(text: str) -> Iterator[str]:
    """What a list of steps says that is not so."""
    for path, new, what in _STEP.findall(text):
        if (ROOT / path).exists() is bool(new):
            yield f"{path} is {'already' if new else 'not'} there"
        elif not new:
            known = set(re.findall(r"[\w-]+", (ROOT / path).read_text()))
            yield from (f"{name} is not in {path}" for name in re.findall(r"`([\w-]+)`", what) if name not in known)
    for name, path in re.findall(r"`(\w+)` (?:is )?(?:in|of) `([\w./]+\.py)`", text):
        if not re.search(rf"\b{name}\b", (ROOT / path).read_text()):
            yield f"{name} is not in {path}"


@pytest.mark.parametrize("walk", WALKS)
def test_what_a_walk_names_is_there(walk: str) -> None:
    assert list(untrue(WALKS[walk])) == []
    for path in re.findall(r"`((?:_websub|websubhub|websubsub|docs|tests)/[\w./]+)`(?! \(new\))", WALKS[walk]):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("walk", WALKS)
def test_a_change_touches_few_files(walk: str) -> None:
    code = [path for path, _, _ in steps(walk) if path.split("/")[0] not in {"docs", "tests"}]
    assert 1 <= len(code) <= MOST_FILES
    assert len(code) == len(set(code))


def test_every_change_that_is_asked_for_often_has_a_walk() -> None:
    assert len(WALKS) == CHANGES
    assert all(re.search(r"^\d+\. ", walk, re.MULTILINE) for walk in WALKS.values())
    for walk in WALKS.values():
        assert len(_STEP.findall(walk)) == len(re.findall(r"^\d+\. ", walk, re.MULTILINE))


def test_the_folders_of_the_table_are_there() -> None:
    folders = re.findall(r"^\| `([\w/]+)` \|", TEXT, re.MULTILINE)
    assert folders
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("1. `websubhub/_nowhere.py`: nothing.", ["websubhub/_nowhere.py is not there"]),
        ("1. `websubhub/_service.py` (new): nothing.", ["websubhub/_service.py is already there"]),
        ("1. `websubhub/_service.py`: the row in `HOKS`.", ["HOKS is not in websubhub/_service.py"]),
        ("See `Nobody` in `websubhub/_service.py`.", ["Nobody is not in websubhub/_service.py"]),
    ],
)
def test_what_is_untrue_is_found(step: str, expected: list[str]) -> None:
    assert list(untrue(step)) == expected
